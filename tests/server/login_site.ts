/** A server with a submission listener and two users, `anna@example.org` and `scanner`, whose time stands still. */
import type { StartOptions } from "../../mod.ts";
import { MemoryQueue } from "../../queue/memory_queue.ts";
import { storeArgon2id, storeScram } from "../../policy/password.ts";
import { parseSenderRule } from "../../policy/senders.ts";
import { formatUsers, type User, Users } from "../../policy/users.ts";
import { configOf } from "../../server/options.ts";
import { startServer } from "../../server/server.ts";
import { withTempDir } from "../helpers/temp_dir.ts";
import { TestClock } from "../helpers/test_clock.ts";
import { until } from "../helpers/waiting.ts";
import type { Address, Peer } from "../transport/peer.ts";
import { CERTIFICATE } from "../transport/running.ts";

export const ANNA = "anna@example.org";
export const SCANNER = "scanner";
export const PASSWORD = "correct horse";

const SALT = new Uint8Array(16).fill(1);
const CHEAP = { memory: 8, passes: 1, lanes: 1 };

/** Writes the file of the users, with keys for SCRAM or hashes without. */
export async function writeUsers(path: string, kind: "scram" | "argon2id"): Promise<void> {
  const password = kind === "scram"
    ? await storeScram(PASSWORD, SALT)
    : await storeArgon2id(PASSWORD, SALT, CHEAP);
  const user = (name: string, ...from: string[]): User => ({
    name,
    password,
    from: from.map(parseSenderRule),
  });
  const users = new Users([
    user(ANNA, ANNA, "@anna.example.org"),
    user(SCANNER, "*"),
  ], new Uint8Array(32).fill(2));
  await Deno.writeTextFile(path, formatUsers(users));
}

/** A server that runs. */
export interface LoginSite {
  /** The listener for submission. */
  readonly addr: Address;
  /** The listener for everybody. */
  readonly mx: Address;
  readonly clock: TestClock;
  readonly queue: MemoryQueue;
  /** The file of the users. */
  readonly users: string;
}

/** Runs a check while the server runs; it trusts nobody unless told to, and delivers nothing. */
export function withLogins(
  options: StartOptions,
  check: (site: LoginSite) => Promise<void>,
  kind: "scram" | "argon2id" = "scram",
): Promise<void> {
  return withTempDir(async (directory) => {
    const users = `${directory}/users.toml`;
    await writeUsers(users, kind);
    const clock = new TestClock();
    const queue = new MemoryQueue(clock);
    const config = configOf({
      listen: ["submission://127.0.0.1:0", "127.0.0.1:0"],
      hostname: "mx.example.org",
      users,
      trust: [],
      hold: true,
      spool: directory,
      certificate: CERTIFICATE,
      ...options,
    });
    const server = await startServer(config, { ...options, clock, queue });
    const [addr, mx] = server.addresses;
    try {
      await check({ addr: addr!, mx: mx!, clock, queue, users });
    } finally {
      await server.stop();
    }
  });
}

/** The longest that a failure waits, ms. */
const LONGEST_DELAY = 8000;

/** Says a line, and moves time on when its answer waits. */
export async function askPatiently(
  peer: Peer,
  line: string,
  { clock }: Pick<LoginSite, "clock">,
): Promise<string> {
  const { timers } = clock;
  let answered = false;
  const answer = peer.ask(line).finally(() => answered = true);
  await until(() => answered || clock.timers > timers);
  if (!answered) clock.advance(LONGEST_DELAY);
  return await answer;
}

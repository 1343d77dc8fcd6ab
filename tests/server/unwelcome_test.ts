/**
 * Clients that bring no message: what the log, the metrics and the history tell of
 * each, over real sockets and with one server for each.
 */
import { assertEquals } from "@std/assert";
import { LOOPBACK_NETWORKS } from "../../config/config.ts";
import { History } from "../../history/history.ts";
import type { RefusedFact, SessionFact } from "../../history/story.ts";
import { refuse, type StartOptions } from "../../mod.ts";
import type { Hooks } from "../../policy/hooks.ts";
import { configOf } from "../../server/options.ts";
import { startServer } from "../../server/server.ts";
import { capturedLog, type CapturedRecord } from "../helpers/captured_log.ts";
import { withTempDir } from "../helpers/temp_dir.ts";
import { TestClock } from "../helpers/test_clock.ts";
import { Gate, until } from "../helpers/waiting.ts";
import { type Address, Peer } from "../transport/peer.ts";
import { CERTIFICATE, HOSTNAME, passing } from "../transport/running.ts";
import { ANNA, askPatiently, writeUsers } from "./login_site.ts";

/** A server, and how a client comes to it. */
interface Site {
  readonly clock: TestClock;
  /** The listeners: for everybody, for submission, for submission in TLS. */
  readonly mx: Address;
  readonly submission: Address;
  readonly submissions: Address;
}

/** What the client did, and everything that is told of it. */
interface Course {
  readonly options?: StartOptions;
  readonly hooks?: Hooks;
  act(site: Site): Promise<void>;
  readonly end: SessionFact["end"];
  readonly role?: SessionFact["role"];
  /** What it called itself; nothing before EHLO. */
  readonly helo?: string;
  readonly tls?: "none" | "TLSv1.3";
  /** Each refusal: the reply, what it is about, and by which rule. */
  readonly refused?: readonly (readonly [reply: string, about: string, rule: string])[];
}

/** What was told at the end. */
interface Told {
  readonly log: readonly CapturedRecord[];
  readonly metrics: ReadonlyMap<string, number>;
  readonly sessions: readonly SessionFact[];
  readonly refusals: readonly RefusedFact[];
}

const ENDS = ["session", "connection turned away"];

/** Has one client come and go. */
function toldOf({ options, hooks, act }: Course): Promise<Told> {
  return withTempDir(async (spool) => {
    const clock = new TestClock();
    await writeUsers(`${spool}/users.toml`, "argon2id");
    const config = configOf({
      listen: ["127.0.0.1:0", "submission://127.0.0.1:0", "submissions://127.0.0.1:0"],
      hostname: HOSTNAME,
      users: `${spool}/users.toml`,
      trust: [],
      spool,
      certificate: CERTIFICATE,
      ...options,
    });
    let metrics: ReadonlyMap<string, number> = new Map();
    const lines = await capturedLog("debug", async (lines) => {
      const server = await startServer(config, { clock, hooks });
      try {
        const [mx, submission, submissions] = server.addresses;
        await act({ clock, mx: mx!, submission: submission!, submissions: submissions! });
        await until(() => lines.some(({ message }) => ENDS.includes(message)));
        metrics = await metricsOf(spool);
      } finally {
        await server.stop();
      }
    });
    const log = lines.filter(({ message }) => ENDS.includes(message) || message === "refused");
    return { log, metrics, ...await kept(spool, clock) };
  });
}

/** The metrics of sessions and refusals that are not 0. */
async function metricsOf(spool: string): Promise<ReadonlyMap<string, number>> {
  using client = Deno.createHttpClient({
    proxy: { transport: "unix", path: `${spool}/control.sock` },
  });
  const text = await (await fetch("http://localhost/metrics", { client })).text();
  const counts = text.matchAll(
    /^(smtp_sessions_total|smtp_sessions_tls_total|smtp_refusals_total|smtp_session_duration_seconds_count)(\{.*\})? ([1-9]\d*)$/gm,
  );
  return new Map(counts.map(([, name, labels, count]) => [name! + (labels ?? ""), Number(count)]));
}

async function kept(spool: string, clock: TestClock): Promise<Pick<Told, "sessions" | "refusals">> {
  const options = { keep: 86_400_000, size: 2 ** 30, clock };
  const history = await History.open({ directory: `${spool}/history`, ...options });
  const sessions = await history.sessions({ limit: 10 });
  const refusals = (await history.refusals({ limit: 10 })).reverse();
  await history.close();
  return { sessions, refusals };
}

/** A client that has said EHLO. */
async function greeted(address: Address): Promise<Peer> {
  const peer = await Peer.connect(address);
  await peer.hello();
  return peer;
}

/** Says each line after the reply to the one before, then leaves as it should. */
async function says(address: Address, ...lines: string[]): Promise<void> {
  using peer = await greeted(address);
  for (const line of lines) await peer.ask(line);
  await peer.ask("QUIT");
}

const GUESS = `AUTH PLAIN ${btoa(`\0${ANNA}\0wrong`)}`;
const STRANGER = `AUTH PLAIN ${btoa("\0nobody\0wrong")}`;
const OPEN: StartOptions = { authWithoutTls: true };
const EHLO = "client.example";

/** A client that says QUIT behind a command which takes its time, and is gone before that is answered. */
function quitsInHaste(): Pick<Course, "hooks" | "act"> {
  const asked = new Gate();
  const gone = new Gate();
  const mail = () => {
    asked.open();
    return gone.wait();
  };
  const act = async ({ mx }: Site) => {
    using peer = await Peer.connect(mx);
    await peer.say(`EHLO ${EHLO}\r\nMAIL FROM:<a@example.org>\r\nQUIT\r\n`);
    await asked.wait();
    // The greeting was sent and is not read: closing resets the connection.
    peer.close();
    gone.open();
  };
  return { hooks: { mail }, act };
}

const COURSES: Record<string, Course> = {
  "leaves without a word": {
    act: async ({ mx }) => (await Peer.connect(mx)).close(),
    end: "closed",
  },
  "leaves in good order, and nothing else": {
    act: ({ mx }) => says(mx),
    end: "quit",
    helo: EHLO,
  },
  "does not say who it is in time": {
    act: async ({ mx, clock }) => {
      using peer = await Peer.connect(mx);
      await peer.reply();
      await passing(clock, peer.toEnd());
    },
    end: "timeout",
  },
  "calls itself something that is no name, and leaves": {
    act: async ({ mx }) => {
      using peer = await Peer.connect(mx);
      await peer.reply();
      await peer.ask("EHLO");
      await peer.ask("QUIT");
    },
    end: "quit",
  },
  "is refused at its connection by the hook": {
    hooks: { connect: () => refuse(554, "5.7.1", "Not you") },
    act: async ({ mx }) => {
      using peer = await Peer.connect(mx);
      await peer.toEnd();
    },
    end: "turned away",
    refused: [["554 5.7.1 Not you", "hook", "hook connect"]],
  },
  "is refused at its connection by a hook that fails": {
    hooks: { connect: () => Promise.reject(new Error("no")) },
    act: async ({ mx }) => {
      using peer = await Peer.connect(mx);
      await peer.toEnd();
    },
    end: "turned away",
    refused: [["451 4.3.0 Local error, try again later", "hook", "hook connect, which failed"]],
  },
  "is refused at its connection in TLS by the hook": {
    hooks: { connect: () => refuse(554, "5.7.1", "Not you") },
    act: async ({ submissions }) => {
      using peer = await Peer.connectTls(submissions, HOSTNAME, CERTIFICATE.cert);
      await peer.toEnd();
    },
    end: "turned away",
    role: "submission",
    tls: "TLSv1.3",
    refused: [["554 5.7.1 Not you", "hook", "hook connect"]],
  },
  "speaks before the greeting": {
    options: { limits: { greetPause: 5000 } },
    act: async ({ mx }) => {
      using peer = await Peer.connect(mx);
      await peer.say("EHLO early\r\n");
      await peer.toEnd();
    },
    end: "turned away",
    refused: [["554 5.5.0 Talked before the greeting", "limit", "limits.greet_pause 5s"]],
  },
  "leaves before the greeting": {
    options: { limits: { greetPause: 5000 } },
    act: async ({ mx }) => (await Peer.connect(mx)).close(),
    end: "closed",
  },
  "does not wait for a reply where it has to": {
    options: { forbidUnauthPipelining: true },
    act: async ({ mx }) => {
      using peer = await Peer.connect(mx);
      await peer.reply();
      await peer.say("EHLO hasty\r\nNOOP\r\n");
      await peer.toEnd();
    },
    end: "errors",
    refused: [[
      "554 5.5.0 Wait for the reply, closing connection",
      "connection",
      "forbid_unauth_pipelining",
    ]],
  },
  "says what is no command, and leaves": {
    act: ({ mx }) => says(mx, "WHAT"),
    end: "quit",
    helo: EHLO,
  },
  "says what is no command, and drops the connection": {
    act: async ({ mx }) => {
      using peer = await greeted(mx);
      await peer.ask("WHAT");
    },
    end: "closed",
    helo: EHLO,
  },
  "says what is no command too often": {
    options: { limits: { errors: 1 } },
    act: async ({ mx }) => {
      using peer = await greeted(mx);
      await peer.say("WHAT\r\nWHAT\r\n");
      await peer.toEnd();
    },
    end: "errors",
    helo: EHLO,
    refused: [["421 4.7.0 Too many errors, closing connection", "limit", "limits.errors 1"]],
  },
  "brings nothing for too long": {
    options: { limits: { idleCommands: 1 } },
    act: async ({ mx }) => {
      using peer = await greeted(mx);
      await peer.ask("NOOP"); // EHLO has been the first.
      await peer.toEnd();
    },
    end: "errors",
    helo: EHLO,
    refused: [[
      "421 4.7.0 Too many commands without mail, closing connection",
      "limit",
      "limits.idle_commands 1",
    ]],
  },
  "would send without TLS where that is demanded, and leaves": {
    act: ({ submission }) => says(submission, "MAIL FROM:<anna@example.org>"),
    end: "quit",
    role: "submission",
    helo: EHLO,
    refused: [[
      "530 5.7.0 Must issue a STARTTLS command first",
      "sender",
      "auth_without_tls false",
    ]],
  },
  "would log in without TLS where that is demanded, and leaves": {
    act: ({ submission }) => says(submission, GUESS),
    end: "quit",
    role: "submission",
    helo: EHLO,
    refused: [[
      "538 5.7.11 Encryption required for authentication",
      "login",
      "auth_without_tls false",
    ]],
  },
  "would send without logging in, and leaves": {
    options: OPEN,
    act: ({ submission }) => says(submission, "MAIL FROM:<anna@example.org>"),
    end: "quit",
    role: "submission",
    helo: EHLO,
    refused: [[
      "530 5.7.0 Authentication required",
      "sender",
      "a submission listener takes mail from users who have logged in",
    ]],
  },
  "has a wrong password, and leaves": {
    options: OPEN,
    act: async ({ submission, clock }) => {
      using peer = await greeted(submission);
      await askPatiently(peer, GUESS, { clock });
      await peer.ask("QUIT");
    },
    end: "quit",
    role: "submission",
    helo: EHLO,
    refused: [[
      "535 5.7.8 Authentication credentials invalid",
      "login",
      `user ${ANNA}, wrong credentials`,
    ]],
  },
  "has a name that nobody has, and drops the connection": {
    options: OPEN,
    act: async ({ submission, clock }) => {
      using peer = await greeted(submission);
      await askPatiently(peer, STRANGER, { clock });
    },
    end: "closed",
    role: "submission",
    helo: EHLO,
    refused: [["535 5.7.8 Authentication credentials invalid", "login", "no such user"]],
  },
  "has a wrong password, and then nothing to say": {
    options: OPEN,
    act: async ({ submission, clock }) => {
      using peer = await greeted(submission);
      await askPatiently(peer, GUESS, { clock });
      await passing(clock, peer.toEnd());
    },
    end: "timeout",
    role: "submission",
    helo: EHLO,
    refused: [[
      "535 5.7.8 Authentication credentials invalid",
      "login",
      `user ${ANNA}, wrong credentials`,
    ]],
  },
  "guesses until it is hung up on": {
    options: OPEN,
    act: async ({ submission, clock }) => {
      using peer = await greeted(submission);
      for (let guess = 0; guess < 3; guess++) await askPatiently(peer, GUESS, { clock });
      await peer.toEnd();
    },
    end: "errors",
    role: "submission",
    helo: EHLO,
    refused: [
      ...Array(2).fill([
        "535 5.7.8 Authentication credentials invalid",
        "login",
        `user ${ANNA}, wrong credentials`,
      ]),
      [
        "421 4.7.0 Too many failed logins, closing connection",
        "login",
        `user ${ANNA}, wrong credentials`,
      ],
    ],
  },
  "breaks its login off, and leaves": {
    options: OPEN,
    act: ({ submission }) => says(submission, "AUTH LOGIN", "*"),
    end: "quit",
    role: "submission",
    helo: EHLO,
  },
  "makes no TLS of its STARTTLS": {
    act: async ({ mx }) => {
      using peer = await greeted(mx);
      await peer.ask("STARTTLS");
      await peer.say("this is no TLS at all, it is just some text\r\n");
      await peer.toEnd();
    },
    end: "tls failed",
    helo: EHLO,
  },
  "leaves in the middle of its handshake": {
    act: async ({ mx }) => {
      using peer = await greeted(mx);
      await peer.ask("STARTTLS");
    },
    end: "tls failed",
    helo: EHLO,
  },
  "says by XCLIENT what it may not": {
    act: ({ mx }) => says(mx, "XCLIENT ADDR=198.51.100.7"),
    end: "quit",
    helo: EHLO,
  },
  "becomes another by XCLIENT, who is turned away": {
    options: { xclientHosts: LOOPBACK_NETWORKS },
    hooks: {
      connect: ({ address }) =>
        address === "198.51.100.7" ? refuse(554, "5.7.1", "Not you") : undefined,
    },
    act: async ({ mx }) => {
      using peer = await greeted(mx);
      await peer.ask("XCLIENT ADDR=198.51.100.7");
      await peer.toEnd();
    },
    end: "turned away",
    helo: EHLO,
    refused: [["554 5.7.1 Not you", "hook", "hook connect"]],
  },
  "says QUIT and does not wait for the answer": {
    ...quitsInHaste(),
    options: { forbidUnauthPipelining: false },
    end: "quit",
    helo: EHLO,
  },
};

for (const [what, course] of Object.entries(COURSES)) {
  Deno.test(`log, metrics and history tell alike of a client that ${what}: ${course.end}`, async () => {
    const told = await toldOf(course);
    assertHistory(told, course);
    assertLog(told, course);
    assertMetrics(told, course);
  });
}

function assertHistory({ sessions, refusals }: Told, course: Course): void {
  const { end, role = "mx", helo = "", refused = [] } = course;
  assertEquals(sessions.length, 1);
  const [session] = sessions;
  assertEquals(
    {
      ...{ end: session!.end, role: session!.role, helo: session!.client.helo },
      ...{ messages: session!.messages, refusals: session!.refusals, first: session!.refusal },
    },
    { end, role, helo, messages: 0, refusals: refused.length, first: refused[0]?.[0] },
  );
  assertEquals(
    refusals.map(({ id, reply, decision: { about, rule } }) => [id, reply, about, rule]),
    refused.map((refusal) => [session!.id, ...refusal]),
  );
}

function assertLog({ log, sessions }: Told, { end, refused = [] }: Course): void {
  const told = log.filter(({ message }) => message === "refused");
  assertEquals(
    told.map(({ properties: { session, reply, about, rule } }) => [session, reply, about, rule]),
    refused.map((refusal) => [sessions[0]!.id, ...refusal]),
  );
  const lines = log.filter(({ message }) => message !== "refused");
  assertEquals(lines.length, 1);
  const { message, properties } = lines[0]!;
  const { session, why, refusal, refusals } = properties;
  const first = refused[0]?.[0];
  if (end === "turned away") {
    assertEquals([message, session, why], ["connection turned away", sessions[0]!.id, first]);
  } else {
    assertEquals([message, session, properties.end], ["session", sessions[0]!.id, end]);
    assertEquals([refusals, refusal], [refused.length, first]);
  }
}

function assertMetrics({ metrics }: Told, course: Course): void {
  const { end, role = "mx", tls = "none", refused = [] } = course;
  const expected = new Map([
    [`smtp_sessions_total{role="${role}",end="${end}"}`, 1],
    [`smtp_sessions_tls_total{version="${tls}"}`, 1],
    ["smtp_session_duration_seconds_count", 1],
  ]);
  for (const [reply, about] of refused) {
    const name = `smtp_refusals_total{about="${about}",class="${reply[0]}xx"}`;
    expected.set(name, (expected.get(name) ?? 0) + 1);
  }
  assertEquals(metrics, expected);
}

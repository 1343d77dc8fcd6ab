/** Logging in by every mechanism, rightly and wrongly, leaves no secret in any log line or fact. */
import { assert, assertEquals } from "@std/assert";
import type { StartOptions } from "../../mod.ts";
import { ScramClient } from "../../protocol/sasl/scram_client.ts";
import { capturedLog } from "../helpers/captured_log.ts";
import { until } from "../helpers/waiting.ts";
import { Peer } from "../transport/peer.ts";
import { ANNA, type LoginSite, PASSWORD, withLogins } from "./login_site.ts";

const WRONG = "wrong-hunter";
const TOKEN = "token-hunter";
const CODES = /^\d{3}/;

/** Every octet string by which a secret could be told. */
const SECRETS = [PASSWORD, WRONG, TOKEN].flatMap((secret) => [secret, btoa(secret)]);

/** Says a line, and moves time on when its answer waits. */
async function patiently(peer: Peer, line: string, { clock }: LoginSite): Promise<string> {
  const { timers } = clock;
  let answered = false;
  const answer = peer.ask(line).finally(() => answered = true);
  await until(() => answered || clock.timers > timers);
  if (!answered) clock.advance(8000);
  return await answer;
}

/** What a client says after EHLO, by mechanism; the last reply decides. */
const EXCHANGES: Record<string, (password: string) => string[]> = {
  PLAIN: (password) => [`AUTH PLAIN ${btoa(`\0${ANNA}\0${password}`)}`],
  LOGIN: (password) => ["AUTH LOGIN", btoa(ANNA), btoa(password)],
  OAUTHBEARER: (token) => [
    `AUTH OAUTHBEARER ${btoa(`n,a=${ANNA},\x01auth=Bearer ${token}\x01\x01`)}`,
  ],
  XOAUTH2: (token) => [`AUTH XOAUTH2 ${btoa(`user=${ANNA}\x01auth=Bearer ${token}\x01\x01`)}`],
};

async function scram(peer: Peer, password: string, site: LoginSite): Promise<string> {
  const client = new ScramClient(ANNA, password, "clientnonce");
  const challenge = await peer.ask(`AUTH SCRAM-SHA-256 ${btoa(client.first())}`);
  const final = await client.final(atob(challenge.slice(4)));
  const reply = await patiently(peer, btoa(final), site);
  return reply.startsWith("334") ? await peer.ask("") : reply;
}

async function exchange(peer: Peer, lines: readonly string[], site: LoginSite): Promise<string> {
  let reply = "";
  for (const line of lines) reply = await patiently(peer, line, site);
  // RFC 7628 §3.2.2: the client answers the error that a challenge tells.
  return reply.startsWith("334") ? await patiently(peer, btoa("\x01"), site) : reply;
}

/** Logs in wrongly, then rightly, over one connection; gives the codes. */
async function bothWays(
  site: LoginSite,
  secrets: readonly string[],
  logIn: (peer: Peer, secret: string) => Promise<string>,
): Promise<string> {
  using peer = await Peer.connect(site.addr);
  await peer.hello();
  const codes: string[] = [];
  for (const secret of secrets) codes.push(CODES.exec(await logIn(peer, secret))![0]);
  await peer.ask("QUIT");
  return codes.join(" ");
}

const HOOKS: StartOptions = {
  authWithoutTls: true,
  hooks: {
    token: (token) => token === TOKEN ? { user: ANNA, from: [ANNA] } : undefined,
  },
};

Deno.test("no mechanism leaves a secret in the log, at any level", async () => {
  const records = await capturedLog("debug", () =>
    withLogins(HOOKS, async (site) => {
      for (const [name, lines] of Object.entries(EXCHANGES)) {
        const right = name.includes("OAUTH") ? TOKEN : PASSWORD;
        const logIn = (peer: Peer, secret: string) => exchange(peer, lines(secret), site);
        assertEquals(await bothWays(site, [WRONG, right], logIn), "535 235", name);
      }
      const logIn = (peer: Peer, secret: string) => scram(peer, secret, site);
      assertEquals(await bothWays(site, [WRONG, PASSWORD], logIn), "535 235");
    }));
  const all = JSON.stringify(records);
  assert(all.includes(`user ${ANNA}, wrong credentials`));
  for (const secret of SECRETS) assert(!all.includes(secret), secret);
  const sessions = records.filter(({ message }) => message === "session");
  assertEquals(sessions.map(({ properties }) => properties.user), Array(5).fill(ANNA));
  assertEquals(sessions.map(({ properties }) => properties.refusals), Array(5).fill(1));
});

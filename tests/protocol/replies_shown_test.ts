/** Whether the golden dialogues show everything that the conversation can answer. */
import { assert, assertEquals } from "@std/assert";
import { decode } from "../../base/bytes.ts";
import { replyText } from "../../protocol/reply.ts";
import { type CommandState, OUT_OF_ORDER } from "../../protocol/session_state.ts";
import { RecordingHandler } from "./recording_handler.ts";
import { repliesIn } from "./source_replies.ts";
import { newSession, say } from "./talk.ts";
import { TestAuthenticator } from "./test_authenticator.ts";

const ROOT = new URL("../../", import.meta.url);

/** Replies that other rooms give, or that depend on how the client's octets come: the test that shows each. */
const ELSEWHERE: ReadonlyMap<string, string> = new Map([
  ["421 4.3.2 Server is shutting down", "tests/transport/stop_test.ts"],
  ["421 4.4.2 Timeout, closing connection", "tests/transport/conversation_test.ts"],
  ["421 4.4.2 Content arrives too slowly", "tests/transport/conversation_test.ts"],
  ["550 5.7.1 Relaying denied", "tests/server/receive_test.ts"],
  ["554 5.5.0 Wait for the reply, closing connection", "tests/server/inquire_test.ts"],
]);

/** The texts of the files below a directory whose names end so. */
function texts(directory: string, suffix: string): string[] {
  return [...Deno.readDirSync(new URL(directory, ROOT))].flatMap(({ name, isDirectory }) => {
    if (isDirectory) return texts(`${directory}${name}/`, suffix);
    return name.endsWith(suffix) ? [Deno.readTextFileSync(new URL(directory + name, ROOT))] : [];
  });
}

const PROTOCOL = [
  Deno.readTextFileSync(new URL("protocol.ts", ROOT)),
  ...texts("protocol/", ".ts"),
];
const REPLIES = PROTOCOL.flatMap(repliesIn);
const DIALOGUES = texts("tests/dialogues/", ".smtp").map((text) => text.split("\n"));

/** The server's lines that are shown whole. */
function shownLines(): string[] {
  const said = DIALOGUES.flat().filter((line) => line.startsWith("S: ") && !line.endsWith("..."));
  // Every dialogue begins with it.
  const greeting = decode(newSession(new RecordingHandler()).greeting()).trimEnd();
  return [greeting, ...said.map((line) => line.slice(3))];
}

Deno.test("the replies in a source are found, with gaps for what varies", () => {
  const found = repliesIn(`
    const A = reply(250, "2.0.0", "OK");
    const B = (name: string) => reply(250, "", name, ...more);
    const C = refused(501, kind, \`Bad \${what}. Again\`);
    const D = reply(code, "5.5.4", "Not known here");
  `);
  assertEquals(found.map(({ text }) => text), [
    "250 2.0.0 OK",
    "250 …",
    "501 5.1.7 Bad …. Again",
    "501 5.1.3 Bad …. Again",
  ]);
  assert(found[1]!.pattern.test("250-mx.example"));
  assert(found[2]!.pattern.test("501 5.1.7 Bad path. Again"));
  assert(!found[2]!.pattern.test("501 5.1.7 Bad path, Again"));
});

Deno.test("every reply that the conversation can give is shown by a dialogue", () => {
  const shown = shownLines();
  const missing = REPLIES.filter(({ text, pattern }) =>
    !ELSEWHERE.has(text) && !shown.some((line) => pattern.test(line))
  );
  assertEquals(missing.map(({ text }) => text), []);
});

for (const [text, file] of ELSEWHERE) {
  Deno.test(`"${text}" is a reply, and ${file} shows it`, () => {
    assert(REPLIES.some((reply) => reply.text === text));
    const words = text.split(" ").slice(2).join(" ");
    assert(Deno.readTextFileSync(new URL(file, ROOT)).includes(words));
  });
}

/** What brings a session into each state. */
const WAYS: Readonly<Record<CommandState, string>> = {
  connected: "",
  greeted: "EHLO c.example\r\n",
  mail: "EHLO c.example\r\nMAIL FROM:<a@c.example>\r\n",
  bdat: "EHLO c.example\r\nMAIL FROM:<a@c.example>\r\nRCPT TO:<b@mx.example>\r\nBDAT 2\r\n\r\n",
};

/** A session in a state, with everything on offer. */
async function sessionIn(state: CommandState): Promise<ReturnType<typeof newSession>> {
  const handler = new RecordingHandler(false, new TestAuthenticator());
  const session = newSession(handler, {}, { startTls: true });
  await say(session, WAYS[state]);
  return session;
}

/** The verbs that HELP names. */
async function verbs(): Promise<string[]> {
  const help = await say(await sessionIn("connected"), "HELP\r\n");
  return [...help.matchAll(/^214[- ]2\.0\.0 ([A-Z]+)\b/gm)].map(([, verb]) => verb!);
}

/** The commands that a session refuses in a state because of it, each with its reply. */
async function refusedIn(state: CommandState, known: readonly string[]): Promise<string[]> {
  const pairs: string[] = [];
  for (const verb of known) {
    const session = await sessionIn(state);
    const answer = (await say(session, `${verb}\r\n`)).trimEnd();
    if (answer === replyText(OUT_OF_ORDER[state])) pairs.push(`${verb}: ${answer}`);
    session.abort();
  }
  return pairs;
}

/** Each command of a dialogue that was sent alone, with the first line of its reply. */
function pairsOf(lines: readonly string[]): string[] {
  const pairs: string[] = [];
  let commands: string[] = [];
  for (const line of lines) {
    if (line.startsWith("C: ")) commands.push(line.slice(3).split(" ", 1)[0]!.toUpperCase());
    if (!line.startsWith("S: ")) continue;
    if (commands.length === 1) pairs.push(`${commands[0]}: ${line.slice(3)}`);
    commands = [];
  }
  return pairs;
}

Deno.test("every command is shown in each state in which it is out of order", async () => {
  const known = await verbs();
  const shown = new Set(DIALOGUES.flatMap(pairsOf));
  const states = Object.keys(WAYS) as CommandState[];
  const refusals = (await Promise.all(states.map((state) => refusedIn(state, known)))).flat();
  assert(refusals.length > 10, refusals.join("\n"));
  assertEquals(refusals.filter((pair) => !shown.has(pair)), []);
});

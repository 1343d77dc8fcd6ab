import { assert, assertEquals } from "@std/assert";
import { concat } from "../../base/bytes.ts";
import type { Inquiries } from "../../protocol/inquiries.ts";
import { reply } from "../../protocol/reply.ts";
import { type Dialogue, parseDialogue } from "./dialogue.ts";
import { TestAuthenticator } from "./test_authenticator.ts";
import { RecordingHandler } from "./recording_handler.ts";
import { atRandom, CHANNEL, feed, newSession, singly, type Talked } from "./talk.ts";

/** The ways in which the client's writes may reach the server. */
const WAYS: Record<string, (writes: Uint8Array[]) => Uint8Array[]> = {
  "line by line": (writes) => writes,
  "in one write": (writes) => [concat(writes)],
  "octet by octet": (writes) => singly(concat(writes)),
};
for (let seed = 1; seed <= 10; seed++) {
  WAYS[`at random places, seed ${seed}`] = (writes) => atRandom(concat(writes), seed);
}

/** Whether a line of output is the one expected. */
function matches(line: string | undefined, expected: string): boolean {
  return expected.endsWith("...")
    ? line !== undefined && line.startsWith(expected.slice(0, -3))
    : line === expected;
}

function assertOutput(talked: Talked, expected: readonly string[]): void {
  const lines = talked.output.split("\r\n");
  assertEquals(lines.pop(), "", "output ends in the middle of a line");
  const same = lines.length === expected.length &&
    expected.every((line, i) => matches(lines[i], line));
  if (!same) assertEquals(lines, [...expected]);
}

async function run(
  dialogue: Dialogue,
  split: (writes: Uint8Array[]) => Uint8Array[],
  handler: RecordingHandler,
): Promise<void> {
  const { limits, startTls, binaryMime, tls, stretches, closes, messages } = dialogue;
  const options = { startTls, binaryMime };
  const session = newSession(handler, limits, options, tls ? CHANNEL : undefined);
  for (const [i, { client, server }] of stretches.entries()) {
    const talked = await feed(session, split(client));
    assertOutput(talked, server);
    const atEnd = i === stretches.length - 1;
    assertEquals(talked.next, !atEnd ? "starttls" : closes ? "close" : "read");
    if (!atEnd) session.secured(CHANNEL);
  }
  session.abort();
  if (messages !== undefined) assertEquals(handler.messages.length, messages);
  assertEquals(handler.opened, handler.finished + handler.aborted);
}

/** How many messages wait for a domain; undefined where nothing is sent. */
const WAITING: ReadonlyMap<string, number | undefined> = new Map([
  ["one.example", 1],
  ["many.example", 70],
  ["held.example", undefined],
]);

function inquiries(etrn: "yes" | "no"): Inquiries {
  return {
    verifies: true,
    verify: ({ text, smtputf8 }) => {
      if (text === "throw") throw new Error("verifying failed");
      return reply(250, "2.1.5", `<${text}>${smtputf8 ? " in UTF-8" : ""}`);
    },
    mayStart: () => etrn === "yes",
    start: (domain) => WAITING.has(domain) ? WAITING.get(domain) : 0,
  };
}

function handlerFor(dialogue: Dialogue, asynchronous: boolean): RecordingHandler {
  const { auth, etrn, xclient, submits } = dialogue;
  const authenticator = auth && new TestAuthenticator(auth === "tls", asynchronous);
  const asked = etrn && inquiries(etrn);
  const handler = new RecordingHandler(asynchronous, authenticator, asked, xclient);
  if (submits) handler.offer = { longestHold: 3_600_000, now: Date.UTC(2026, 0, 1) };
  return handler;
}

const directory = new URL("../dialogues/", import.meta.url);
const files = Array.from(Deno.readDirSync(directory), (entry) => entry.name)
  .filter((name) => name.endsWith(".smtp")).sort();

Deno.test("there are dialogues", () => {
  assert(files.length >= 25);
});

for (const file of files) {
  const dialogue = parseDialogue(Deno.readTextFileSync(new URL(file, directory)));
  Deno.test(`dialogue ${file} goes as written, however it is cut`, async (t) => {
    for (const [way, split] of Object.entries(WAYS)) {
      for (const asynchronous of [false, true]) {
        const name = `${way}, the handler answering ${asynchronous ? "later" : "at once"}`;
        await t.step(name, () => run(dialogue, split, handlerFor(dialogue, asynchronous)));
      }
    }
  });
}

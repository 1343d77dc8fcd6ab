import { assert, assertEquals } from "@std/assert";
import { withTimePassing } from "../e2e/submission_site.ts";
import { repliesIn } from "../protocol/source_replies.ts";
import { Peer } from "../transport/peer.ts";
import { CERTIFICATE, HOSTNAME } from "../transport/running.ts";
import { type Moment, parseServerDialogue, type ServerDialogue } from "./dialogue.ts";
import { withLogins } from "./login_site.ts";

const ROOT = new URL("../../", import.meta.url);

/** The files below a directory whose names end so, each with its text. */
function files(directory: string, suffix: string): { name: string; text: string }[] {
  return [...Deno.readDirSync(new URL(directory, ROOT))].flatMap(({ name, isDirectory }) => {
    if (isDirectory) return files(`${directory}${name}/`, suffix);
    if (!name.endsWith(suffix)) return [];
    return [{ name, text: Deno.readTextFileSync(new URL(directory + name, ROOT)) }];
  });
}

/** Plays the client, and holds what it hears against the dialogue. */
async function play(peer: Peer, moments: readonly Moment[]): Promise<void> {
  let heard: string[] = [];
  for (const moment of moments) {
    switch (moment.kind) {
      case "say":
        assertEquals(heard, [], "the server said more than this");
        await peer.say(moment.octets);
        break;
      case "hear":
        if (heard.length === 0) heard = (await peer.reply()).split("\n");
        assertHeard(heard.shift()!, moment.line);
        break;
      case "starttls":
        await peer.startTls(HOSTNAME, CERTIFICATE.cert);
        break;
      case "end":
        assertEquals(await peer.toEnd(), "");
        break;
      default:
        moment satisfies never;
    }
  }
  assertEquals(heard, [], "the server said more than this");
}

function assertHeard(line: string, expected: string): void {
  const isBeginning = expected.endsWith("...") && line.startsWith(expected.slice(0, -3));
  if (!isBeginning) assertEquals(line, expected);
}

function run({ listener, options, moments, messages }: ServerDialogue): Promise<void> {
  return withLogins(options, (site) =>
    withTimePassing(site, async () => {
      using peer = await Peer.connect(listener === "mx" ? site.mx : site.addr);
      await peer.reply();
      await play(peer, moments);
      assertEquals(site.queue.counts().messages, messages);
    }));
}

const DIALOGUES = files("tests/dialogues/server/", ".smtp");

for (const { name, text } of DIALOGUES) {
  Deno.test(`dialogue server/${name} goes as written`, () => run(parseServerDialogue(text)));
}

/** The rooms beside the conversation's own that answer clients. */
const ROOMS = ["policy/", "queue/", "server/", "transport/"];

Deno.test("every reply that the other rooms can give is shown by a dialogue, or told in a test", () => {
  const sources = ROOMS.flatMap((room) => files(room, ".ts"));
  sources.push({
    name: "transport.ts",
    text: Deno.readTextFileSync(new URL("transport.ts", ROOT)),
  });
  const replies = sources.flatMap(({ text }) => repliesIn(text));
  assert(replies.length > 20);
  const lines = DIALOGUES.flatMap(({ text }) => text.split("\n"));
  const shown = lines.filter((line) => line.startsWith("S: ")).map((line) => line.slice(3));
  const tests = files("tests/", ".ts").map(({ text }) => text).join("\n");
  const missing = replies.filter(({ text, pattern }) =>
    !shown.some((line) => pattern.test(line)) && !tests.includes(`"${text}`)
  );
  assertEquals(missing.map(({ text }) => text), []);
});

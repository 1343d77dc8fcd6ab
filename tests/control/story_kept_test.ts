import { assertEquals, assertStringIncludes } from "@std/assert";
import { keptFacts, type KeptMessage, withKept } from "../../control/story_kept.ts";
import { storyText } from "../../control/story_text.ts";
import type { Attempt } from "../../queue/queue.ts";
import type { ClientInfo } from "../../message/envelope.ts";
import type { StoryFact } from "../../history/story.ts";

const AT = Date.UTC(2026, 0, 1, 12);
const ID = "01KDWJQ8G0ABCDEFGHJKMNPQRS";
const NOBODY: ClientInfo = { address: "", port: 0, helo: "", protocol: "" };
const TRIED: Attempt = {
  ...{ at: AT + 1000, took: 20, recipients: [0], destination: "example.net" },
  ...{ host: "mx.example.net", address: "192.0.2.25:25" },
  ...{ reply: "451 4.7.1 Greylisted", outcome: "deferred", next: "" },
};

function message(client: ClientInfo, history: Attempt[] = []): KeptMessage {
  const envelope = { reversePath: "a@example.org", recipients: ["b@example.net"], client };
  return { id: ID, arrived: AT, size: 4300, envelope, history };
}

function told(facts: readonly StoryFact[]): string {
  const { events } = storyText(facts, { now: AT + 2000, time: (ms) => String(ms) });
  return events.flatMap(({ title, lines }) => [title, ...lines.map(({ text }) => text)]).join("\n");
}

Deno.test("of a message that no client brought, and of which only itself is left to tell, nobody is named who may not have brought it", () => {
  const [accepted] = keptFacts(message(NOBODY));
  assertEquals(accepted?.kind === "accepted" && accepted.origin, "unknown");
  assertStringIncludes(told(keptFacts(message(NOBODY))), "why it was queued here is not recorded");
});

Deno.test("of a message that a client brought the message itself tells which", () => {
  const client = { address: "192.0.2.1", port: 4000, helo: "pc.example.org", protocol: "ESMTP" };
  assertStringIncludes(told(keptFacts(message(client))), "192.0.2.1");
});

Deno.test("what the history knows of an attempt is not told again, and what it has lost is", () => {
  const lost = message(NOBODY, [TRIED, { ...TRIED, at: AT + 1500 }]);
  const [, , known] = keptFacts(lost);
  const kinds = withKept([known!], lost).map(({ kind, at }) => [kind, at - AT]);
  assertEquals(kinds, [["accepted", 0], ["attempt", 1000], ["attempt", 1500]]);
  const whole = keptFacts(lost).slice(0, 1);
  assertEquals(withKept(whole, lost), whole);
});

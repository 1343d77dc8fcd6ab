import { assertEquals } from "@std/assert";
import type { AttemptFact, NoticeFact, StoryFact } from "../../history/story.ts";
import { StoryLog } from "../../history/story_log.ts";
import { capturedLog, type CapturedRecord } from "../helpers/captured_log.ts";

const AT = Date.UTC(2026, 0, 1);

const ATTEMPT: AttemptFact = {
  kind: "attempt",
  at: AT,
  id: "ID",
  took: 12,
  destination: "example.net",
  recipients: ["a@example.net"],
  host: "mx.example.net",
  address: "[2001:db8::1]:25",
  tls: { policy: "opportunistic", session: { version: "TLSv1.3", verified: true } },
  stages: { envelope: 5, content: 7 },
  reply: "250 2.6.0 taken",
  outcome: "delivered",
  delivered: 1,
  next: "nothing: delivered",
};

/** The records of one fact, at this level and above. */
function logged(fact: StoryFact, level: "debug" | "info" = "info"): Promise<CapturedRecord[]> {
  return capturedLog(level, () => Promise.resolve(new StoryLog().take(fact)));
}

Deno.test("an attempt is one line, with the code of the reply that took the message", async () => {
  assertEquals(await logged(ATTEMPT), [{
    message: "attempt",
    properties: {
      id: "ID",
      to: "a@example.net",
      destination: "example.net",
      hop: "mx.example.net[2001:db8::1]:25",
      tls: "TLSv1.3 verified",
      took: 12,
      outcome: "delivered",
      delivered: 1,
      failed: 0,
      dsn: "2.6.0",
      reply: "250 2.6.0 taken",
      next: undefined,
    },
  }]);
});

Deno.test("an attempt that failed tells its code, its reply and what comes next, and no host where there was none", async () => {
  const text = "domain example.net does not exist";
  const [record] = await logged({
    ...ATTEMPT,
    ...{ host: undefined, address: undefined, tls: undefined },
    ...{ outcome: "failed", delivered: 0, reply: text, next: "bounced: 5.1.2 is permanent" },
    error: { enhanced: "5.1.2", text, scope: "host", permanent: true },
  });
  const { hop, tls, dsn, delivered, failed, next } = record!.properties;
  assertEquals([hop, tls], [undefined, undefined]);
  assertEquals([dsn, delivered, failed], ["5.1.2", 0, 1]);
  assertEquals(next, "bounced: 5.1.2 is permanent");
});

Deno.test("a sender that was told and one that was not are told apart", async () => {
  const notice: NoticeFact = {
    ...{ kind: "notice", at: AT, id: "ID", action: "failed", reason: "550 no" },
    recipients: ["a@example.net", "b@example.net"],
  };
  const fields = { id: "ID", action: "failed", to: "a@example.net", recipients: 2 };
  assertEquals(await logged(notice), [
    { message: "nobody told", properties: { ...fields, notice: undefined, reason: "550 no" } },
  ]);
  assertEquals(await logged({ ...notice, noticeId: "N" }), [
    { message: "sender told", properties: { ...fields, notice: "N", reason: "550 no" } },
  ]);
});

Deno.test("what an operator did is a line, and a message that only waits is one for debugging", async () => {
  const steered = { kind: "steered", at: AT, id: "ID", action: "hold", by: "api" } as const;
  assertEquals((await logged(steered)).map(({ message }) => message), ["steered"]);
  const waits = { kind: "waits", at: AT, id: "ID", destination: "x", why: "it rests" } as const;
  assertEquals(await logged(waits), []);
  assertEquals((await logged(waits, "debug")).map(({ message }) => message), ["waits"]);
  const finished = { kind: "finished", at: AT, id: "ID", delivered: 1, bounced: 0, removed: 0 };
  assertEquals(await logged({ ...finished, kind: "finished" }, "debug"), []);
});

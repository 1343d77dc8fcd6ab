/** The log of receiving: which lines there are, and what may never be in them. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { jsonLine, prettyLine } from "../../config/log_format.ts";
import type { SessionFact } from "../../history/story.ts";
import { BoundAddress } from "../../transport/listen.ts";
import { SessionLog } from "../../server/session_log.ts";
import { SessionStories } from "../../transport/session_stories.ts";
import { capturedLog, type CapturedRecord } from "../helpers/captured_log.ts";
import { TestClock } from "../helpers/test_clock.ts";

const CLIENT = { address: "192.0.2.1", port: 4711, helo: "x.test", protocol: "ESMTP" };
const LISTENER = new BoundAddress("127.0.0.1", 25, { tls: false });

/** What is logged of sessions that ended in these ways; after each, so much time passes, ms. */
function logOf(ends: readonly [SessionFact["end"], number][]): Promise<CapturedRecord[]> {
  return capturedLog("info", () => {
    const clock = new TestClock();
    const sessionLog = new SessionLog(clock);
    const sessions = new SessionStories(sessionLog, clock);
    for (const [end, ms] of ends) {
      sessions.ended(sessions.begin(LISTENER), { client: CLIENT, end });
      clock.advance(ms);
    }
    sessionLog.close();
    assertEquals(clock.timers, 0);
    return Promise.resolve();
  });
}

Deno.test("a session is one line, also where it did nothing", async () => {
  const [line, ...others] = await logOf([["closed", 0]]);
  assertEquals(others, []);
  assertEquals(line!.message, "session");
  const { session: _, ...fields } = line!.properties;
  const given = Object.entries(fields).filter(([, value]) => value !== undefined);
  assertEquals(Object.fromEntries(given), {
    client: "192.0.2.1",
    port: 4711,
    helo: "x.test",
    listener: "127.0.0.1:25",
    messages: 0,
    refusals: 0,
    received: 0,
    sent: 0,
    took: 0,
    end: "closed",
  });
});

Deno.test("of clients turned away the first is in the log at once, and the rest of a second together", async () => {
  const away = (ms: number): [SessionFact["end"], number] => ["turned away", ms];
  const lines = await logOf([away(0), away(100), away(100), away(2000), away(0), away(0)]);
  assertEquals(lines.map(({ message }) => message), Array(4).fill("connection turned away"));
  assertEquals(lines.map(({ properties }) => properties.count), [1, 3, 1, 1]);
});

Deno.test("nothing that a client says breaks a line, for people or for programs", async () => {
  const helo = 'a\r\n2026-01-01 INFO forged="yes"\x1b[31m\u202e\u2028';
  const records = await capturedLog("info", () => {
    const clock = new TestClock();
    const sessions = new SessionStories(new SessionLog(clock), clock);
    sessions.ended(sessions.begin(LISTENER), {
      client: { ...CLIENT, helo },
      end: "closed",
      error: helo,
    });
    return Promise.resolve();
  });
  for (const { message, properties: fields } of records) {
    const record = { time: 0, level: "info" as const, room: "receive", message, fields };
    for (const line of [jsonLine(record), prettyLine(record, false)]) {
      assertMatch(line, /^[\x20-\x7e]*\n$/);
    }
    assertEquals(JSON.parse(jsonLine(record)).fields.helo, helo);
  }
  assert(records.length > 0);
});

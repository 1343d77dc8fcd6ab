import { assertEquals, assertLess, assertMatch, assertStringIncludes } from "@std/assert";
import type { LogLevel, LogRecord } from "../../base/log.ts";
import { jsonLine, prettyLine } from "../../config/log_format.ts";

/** Ends a line, drives a terminal, reorders or hides text. */
// deno-lint-ignore no-control-regex
const HOSTILE = /[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/;

/** What a peer may put into its reply. */
const ATTACK = "250 \r\n2026-01-01 INFO forged\x1b[31m\x00\x85\x9b31m\u2028\u202e\u200bgnp.exe";

function record(message: string, fields: LogRecord["fields"], level: LogLevel = "info"): LogRecord {
  return { time: Date.UTC(2026, 0, 1), level, room: "deliver", message, fields };
}

Deno.test("a JSON record is one object with time, level, room, message and fields", () => {
  const line = jsonLine(record("deferred", { id: "01J", tries: 2, to: ["a@b"] }, "warn"));
  assertEquals(line.endsWith("}\n"), true);
  assertEquals(JSON.parse(line), {
    time: "2026-01-01T00:00:00.000Z",
    level: "warn",
    room: "deliver",
    message: "deferred",
    fields: { id: "01J", tries: 2, to: ["a@b"] },
  });
});

Deno.test("a record for people quotes only the values that need it", () => {
  const fields = { id: "01J", host: "[2001:db8::1]:25", reply: "250 ok", n: 2 };
  assertEquals(
    prettyLine(record("delivered", fields), false),
    "2026-01-01T00:00:00.000Z INFO  deliver   delivered" +
      ' id=01J host=[2001:db8::1]:25 reply="250 ok" n=2\n',
  );
});

Deno.test("a field without a value is left out", () => {
  const unset = record("bounced", { id: "01J", bounceId: undefined });
  assertEquals(JSON.parse(jsonLine(unset)).fields, { id: "01J" });
  assertEquals(prettyLine(unset, false).endsWith("bounced id=01J\n"), true);
});

Deno.test("colours appear only when they are asked for", () => {
  const escape = "\x1b[";
  assertEquals(prettyLine(record("x", {}), false).includes(escape), false);
  assertEquals(prettyLine(record("x", {}), true).includes(escape), !Deno.noColor);
});

Deno.test("whatever a peer put into a record, it stays one line without control characters", () => {
  const hostile = record(ATTACK, { [ATTACK]: ATTACK, list: [ATTACK], error: new Error(ATTACK) });
  for (const line of [jsonLine(hostile), prettyLine(hostile, false)]) {
    assertEquals(line.indexOf("\n"), line.length - 1);
    assertEquals(HOSTILE.exec(line), null);
  }
  assertEquals(JSON.parse(jsonLine(hostile)).fields.list, [ATTACK]);
});

Deno.test("a value that looks like another field is quoted", () => {
  const line = prettyLine(record("x", { helo: 'a level=error msg="b"' }), false);
  assertStringIncludes(line, ' helo="a level=error msg=\\"b\\""\n');
});

Deno.test("a huge value is cut, and the JSON stays JSON", () => {
  const huge = "x".repeat(1_000_000);
  const fields = { text: huge, list: [huge], error: new Error(huge) };
  for (const line of [jsonLine(record(huge, fields)), prettyLine(record(huge, fields), false)]) {
    assertLess(line.length, 20_000);
  }
  assertEquals(JSON.parse(jsonLine(record("x", fields))).fields.text.length, 4097);
});

Deno.test("an error is told with its stack and its causes", () => {
  const error = new Error("outer", { cause: new TypeError("inner", { cause: "root" }) });
  const { fields } = JSON.parse(jsonLine(record("failed", { error }, "error")));
  assertMatch(fields.error, /^Error: outer\n {4}at .*\ncaused by TypeError: inner\n.*root$/s);
});

Deno.test("what JSON cannot say is logged in words, and never throws", () => {
  const circular: Record<string, unknown> = {};
  circular.self = circular;
  const poisoned = {
    toJSON() {
      throw new Error("no");
    },
  };
  const fields = { big: 1n, circular, poisoned, fn: () => {} };
  assertEquals(JSON.parse(jsonLine(record("x", fields))).fields, {
    big: "1",
    circular: "[not printable]",
    poisoned: "[not printable]",
    fn: "function",
  });
});

Deno.test("a message is shown as it is, braces and quotes included, and numbers as numbers", () => {
  const line = prettyLine(record('no "{x}" in \\', { half: 0.5, none: NaN, yes: true }), false);
  assertStringIncludes(line, ' no "{x}" in \\\\ half=0.5 none=null yes=true\n');
});

Deno.test("each record has its own time", () => {
  const later = { ...record("x", {}), time: Date.UTC(2026, 0, 1) + 1 };
  const times = [record("x", {}), later, record("x", {})].map((one) =>
    JSON.parse(jsonLine(one)).time
  );
  assertEquals(times, [
    "2026-01-01T00:00:00.000Z",
    "2026-01-01T00:00:00.001Z",
    "2026-01-01T00:00:00.000Z",
  ]);
});

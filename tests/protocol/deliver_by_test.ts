import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { byValue, parseBy } from "../../protocol/deliver_by.ts";
import { RecordingHandler } from "./recording_handler.ts";
import { newSession, say } from "./talk.ts";

Deno.test("every BY is read as it was meant, and written as it was read", () => {
  const seconds = fc.integer({ min: -999_999_999, max: 999_999_999 });
  fc.assert(fc.property(seconds, fc.constantFrom("R", "N"), fc.boolean(), (time, mode, trace) => {
    const value = `${time};${mode}${trace ? "T" : ""}`;
    const read = parseBy(value);
    assertEquals(read.ok, mode === "N" || time > 0);
    if (!read.ok) return;
    const { deliverBy } = read.value;
    assertEquals([deliverBy.seconds, deliverBy.trace ?? false], [time, trace]);
    assertEquals(deliverBy.mode, mode === "R" ? "return" : "notify");
    assertEquals(byValue(deliverBy), value);
    assertEquals(parseBy(value.toLowerCase()), read);
  }));
});

Deno.test("no text makes the parser of BY throw, and what it takes has the form of RFC 2852", () => {
  fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => {
    assertEquals(parseBy(text).ok, /^[+-]?[0-9]{1,9};[nr]t?$/i.test(text) && parseBy(text).ok);
  }));
  for (
    const text of ["", ";R", "1;", "1;R ", " 1;R", "1;R\n", "1.5;N", "1e3;N", "\u0661;N", "--1;N"]
  ) {
    assert(!parseBy(text).ok, text);
  }
});

Deno.test("what is left of a time is written in whole seconds, within what BY can say", () => {
  assertEquals(byValue({ seconds: 59.999, mode: "return" }), "59;R");
  assertEquals(byValue({ seconds: -0.5, mode: "notify" }), "-1;N");
  assertEquals(byValue({ seconds: -1e12, mode: "notify", trace: true }), "-999999999;NT");
});

Deno.test("an envelope says by when it is to be delivered only where that was asked", async () => {
  const handler = new RecordingHandler();
  const session = newSession(handler);
  const rest = "RCPT TO:<c@d.example>\r\nDATA\r\n.\r\n";
  await say(session, `EHLO a\r\nMAIL FROM:<a@b.example> BY=600;RT\r\n${rest}`);
  await say(session, `MAIL FROM:<a@b.example>\r\n${rest}`);
  const [asked, unasked] = handler.messages;
  assertEquals(asked?.envelope.deliverBy, { seconds: 600, mode: "return", trace: true });
  assert(!("deliverBy" in unasked!.envelope));
});

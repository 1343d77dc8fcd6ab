import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { ownText } from "../../base/own_text.ts";

Deno.test("a text of its own is the same text", () => {
  const unit = fc.integer({ min: 0, max: 0xffff }).map((code) => String.fromCharCode(code));
  fc.assert(fc.property(fc.string({ unit }), (text) => assertEquals(ownText(text), text)));
});

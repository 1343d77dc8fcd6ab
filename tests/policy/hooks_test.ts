import { assertEquals, assertThrows } from "@std/assert";
import { accept, refuse, take } from "../../policy/hooks.ts";

Deno.test("verdicts are values", () => {
  assertEquals(accept(), { kind: "accept" });
  assertEquals(take("Thanks"), { kind: "take", text: "Thanks" });
  assertEquals(refuse(550, "5.7.1", "No"), {
    kind: "refuse",
    reply: { code: 550, enhanced: "5.7.1", lines: ["No"] },
  });
});

const WRONG: [number, string][] = [[250, "2.0.0"], [550, "4.7.1"], [600, "5.0.0"], [550, "nope"], [
  450.5,
  "4.0.0",
]];
for (const [code, enhanced] of WRONG) {
  Deno.test(`${code} ${enhanced} is no refusal`, () => {
    assertThrows(() => refuse(code, enhanced, "No"), RangeError, `${code} ${enhanced}`);
  });
}

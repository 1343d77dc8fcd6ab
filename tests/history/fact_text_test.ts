/** Facts as lines, and lines as facts. */
import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { encode, LF } from "../../base/bytes.ts";
import { isPrintable } from "../../base/printable.ts";
import { factText, factTextEscaped, headOf, readFact } from "../../history/fact_text.ts";
import { anyFact } from "./fact_arbitraries.ts";

/** The fields of a fact that are times. */
const TIMES = ["at", "nextAttempt", "until"];

/** The value as JSON can say it: without what is undefined. */
function withoutAbsent(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutAbsent);
  if (typeof value !== "object" || value === null) return value;
  const there = Object.entries(value).filter(([, one]) => one !== undefined);
  return Object.fromEntries(there.map(([name, one]) => [name, withoutAbsent(one)]));
}

/** A fact as its line has to say it. */
function asWritten(fact: object): unknown {
  const written = Object.entries(fact).map(([name, value]) =>
    TIMES.includes(name) && value !== undefined
      ? [name, new Date(value).toISOString()]
      : [name, value]
  );
  return withoutAbsent(Object.fromEntries(written));
}

for (const [kind, facts] of anyFact) {
  Deno.test(`the line of a fact "${kind}" says all of it, whatever strangers put into it`, () => {
    fc.assert(fc.property(facts, (fact) => {
      for (const text of [factText(fact), factTextEscaped(fact)]) {
        assertEquals(JSON.parse(text), asWritten(fact));
      }
    }));
  });

  Deno.test(`a fact "${kind}" is read as it was told, from one line that misleads nobody`, () => {
    fc.assert(fc.property(facts, (fact) => {
      const line = encode(factTextEscaped(fact));
      assertEquals(readFact(line), withoutAbsent(fact));
      assertEquals(headOf(line), { at: fact.at, kind });
      assertEquals(line.includes(LF), false);
      assertEquals(isPrintable(factTextEscaped(fact)), true);
    }));
  });
}

Deno.test("a torn line is no fact", () => {
  const line = encode('{"kind":"finished","at":"2026-01-01T00:00:00.000Z","id":"A","delivered":1}');
  assertEquals(readFact(line)?.kind, "finished");
  for (let end = 0; end < line.length; end++) {
    assertEquals(readFact(line.subarray(0, end)), undefined);
  }
});

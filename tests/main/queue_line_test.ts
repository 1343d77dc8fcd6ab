import { assertEquals, assertThrows } from "@std/assert";
import { ConfigError } from "../../config/source.ts";
import { type Grammar, numberOf, readLine, valueOf } from "../../main/queue_line.ts";

const GRAMMAR: Grammar = {
  name: "queue test",
  words: "ID [FILE]",
  leastWords: 1,
  mostWords: 2,
  flags: [
    { name: "domain", value: "NAME", help: "" },
    { name: "to", value: "ADDRESS", help: "", repeatable: true },
    { name: "limit", value: "N", help: "" },
    { name: "yes", help: "" },
  ],
};

function problems(...args: string[]): readonly string[] {
  return assertProblems(() => readLine(args, GRAMMAR));
}

function assertProblems(read: () => unknown): readonly string[] {
  try {
    read();
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}

Deno.test("words, values and switches are told apart in any order, and digits stay text", () => {
  const line = readLine(["--to=a@b", "01", "--yes", "--to", "c@d", "-", "--limit", "5"], GRAMMAR);
  assertEquals(line.words, ["01", "-"]);
  assertEquals(line.values.get("to"), ["a@b", "c@d"]);
  assertEquals([valueOf(line, "domain"), numberOf(line, "limit")], [undefined, 5]);
  assertEquals([...line.switches], ["yes"]);
});

Deno.test("a word behind a switch is a word", () => {
  assertEquals(readLine(["--yes", "01ABC"], GRAMMAR).words, ["01ABC"]);
});

Deno.test("everything wrong is told at once", () => {
  assertEquals(problems("--domian", "--domain", "a", "--domain", "b", "1", "2", "3"), [
    "unknown flag --domian (did you mean --domain?)",
    "--domain: given 2 times",
    'unexpected "3"',
  ]);
  assertEquals(problems("--domain="), [
    "--domain: needs a value: --domain NAME",
    "queue test: expected queue test ID [FILE]",
  ]);
});

Deno.test("a number is whole, from 1 to the most there may be", () => {
  const number = (text: string) =>
    numberOf(readLine(["x", `--limit=${text}`], GRAMMAR), "limit", 10);
  assertEquals(number("10"), 10);
  for (const text of ["0", "11", "1.5", "ten", "1e1"]) {
    assertThrows(() => number(text), ConfigError, `--limit "${text}"`);
  }
});

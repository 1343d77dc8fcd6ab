import { assert, assertEquals } from "@std/assert";
import { type Column, tabbedLine, tableLines } from "../../main/table.ts";
import { widthOf } from "../../main/text_width.ts";

interface Row {
  readonly id: string;
  readonly who: string;
  readonly why: string;
}

const COLUMNS: readonly Column<Row>[] = [
  { title: "ID", cell: ({ id }) => id },
  { title: "WHO", cell: ({ who }) => who, full: ({ who }) => `<${who}>`, least: 6 },
  { title: "WHY", cell: ({ why }) => why, least: 8, rank: 1 },
  { title: "HIDDEN", cell: () => "x", hidden: true },
];

const ROWS: readonly Row[] = [
  { id: "A1", who: "anna@example.org", why: "connection refused" },
  { id: "B2", who: "漢字漢字漢字@example.org", why: "" },
];

Deno.test("a table with room shows everything, and - for nothing", () => {
  assertEquals(tableLines(ROWS, COLUMNS, 80), [
    "ID  WHO                       WHY",
    "A1  anna@example.org          connection refused",
    "B2  漢字漢字漢字@example.org  -",
  ]);
});

Deno.test("the widest column is cut first, then the least important is left out", () => {
  assertEquals(tableLines(ROWS, COLUMNS, 36), [
    "ID  WHO              WHY",
    "A1  anna@example.o…  connection ref…",
    "B2  漢字漢字漢字@e…  -",
  ]);
  assertEquals(tableLines(ROWS, COLUMNS, 16), [
    "ID  WHO",
    "A1  anna@exampl…",
    "B2  漢字漢字漢…",
  ]);
});

Deno.test("no line is wider than the terminal, however narrow that is", () => {
  for (let width = 10; width < 60; width++) {
    for (const line of tableLines(ROWS, COLUMNS, width)) assert(widthOf(line) <= width, line);
  }
});

Deno.test("for programs a row is whole values with tabs between them, escaped", () => {
  const row = { id: "C3", who: "a\tb\x1b[31m@x", why: "one\r\ntwo\u202e" };
  assertEquals(
    tabbedLine(row, COLUMNS),
    "C3\t<a\\u0009b\\u001b[31m@x>\tone\\u000d\\u000atwo\\u202e\tx",
  );
  assertEquals(tabbedLine({ id: "", who: "", why: "" }, COLUMNS), "-\t<>\t-\tx");
});

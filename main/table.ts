/**
 * Tables: on a terminal as wide as it is, with columns cut or left out where there is
 * no room; elsewhere lines of whole values with tabs between them, always the same
 * columns. What is shown is escaped here, whoever sent it. Pure.
 *
 * @module
 */
import { visible } from "../base/printable.ts";
import { fitted, widthOf } from "./text_width.ts";

/** A column. */
export interface Column<Row> {
  readonly title: string;
  /** Its value for people. */
  readonly cell: (row: Row) => string;
  /** Its value for programs, where that is another. */
  readonly full?: (row: Row) => string;
  /** Columns it can be cut to; absent for one that is shown whole. */
  readonly least?: number;
  /** The smaller, the sooner it is left out; absent for one that always stays. */
  readonly rank?: number;
  /** Only for programs. */
  readonly hidden?: true;
}

const GAP = "  ";

/** The rows as lines of values with tabs between them, without titles. An empty value is `-`. */
export function tabbedLine<Row>(row: Row, columns: readonly Column<Row>[]): string {
  const values = columns.map(({ cell, full = cell }) => full(row) || "-");
  // One look at all of them will do for nearly every row.
  const all = values.join("");
  return (visible(all) === all ? values : values.map(visible)).join("\t");
}

/** The rows as lines of at most `width` columns, the titles first. */
export function tableLines<Row>(
  rows: readonly Row[],
  columns: readonly Column<Row>[],
  width: number,
): string[] {
  const filled = columns.filter(({ hidden }) => !hidden).map((column) => {
    const cells = rows.map((row) => visible(column.cell(row)) || "-");
    const natural = Math.max(...[column.title, ...cells].map(widthOf));
    return { column, cells, natural };
  });
  const shown = fit(filled, width);
  const line = (cells: readonly string[]) =>
    cells.map((cell, i) => fitted(cell, shown[i]!.width)).join(GAP).trimEnd();
  return [
    line(shown.map(({ column }) => column.title)),
    ...rows.map((_, row) => line(shown.map(({ cells }) => cells[row]!))),
  ];
}

interface Filled {
  readonly column: Column<never>;
  readonly cells: readonly string[];
  readonly natural: number;
}

interface Fitted extends Filled {
  readonly width: number;
}

/** The columns that there is room for, with their widths. */
function fit(columns: readonly Filled[], width: number): readonly Fitted[] {
  const room = width - GAP.length * (columns.length - 1);
  const least = columns.map(leastOf);
  if (sum(least) > room) {
    const first = columns.filter(({ column }) => column.rank !== undefined)
      .toSorted((a, b) => a.column.rank! - b.column.rank!)[0];
    if (first !== undefined) return fit(columns.filter((one) => one !== first), width);
  }
  const widths = shared(columns.map(({ natural }) => natural), least, room);
  return columns.map((column, i) => ({ ...column, width: widths[i]! }));
}

function leastOf({ column, natural }: Filled): number {
  return Math.min(natural, column.least ?? natural);
}

/** Widths that fit into `room`: the widest gives first. */
function shared(natural: readonly number[], least: readonly number[], room: number): number[] {
  const widths = [...natural];
  for (let over = sum(widths) - room; over > 0; over--) {
    let widest = -1;
    for (const [i, width] of widths.entries()) {
      if (width > least[i]! && (widest < 0 || width > widths[widest]!)) widest = i;
    }
    if (widest < 0) break;
    widths[widest]!--;
  }
  return widths;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}

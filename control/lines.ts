/**
 * Answers of one JSON value a line (`application/x-ndjson`), sent as they come about
 * and no faster than they are read.
 *
 * @module
 */
import { encode } from "../base/bytes.ts";
import { breathe } from "../base/slices.ts";

/** The type of such an answer. */
export const LINES_TYPE = "application/x-ndjson";

/** Lines that go in one piece: the others get their turn between two of them. */
const LINES_AT_ONCE = 500;

/** An answer with a line for each row. */
export function linesResponse<T>(rows: AsyncIterable<T>, shown: (row: T) => unknown): Response {
  return new Response(ReadableStream.from(pieces(rows, shown)), {
    headers: { "content-type": LINES_TYPE },
  });
}

async function* pieces<T>(
  rows: AsyncIterable<T>,
  shown: (row: T) => unknown,
): AsyncGenerator<Uint8Array> {
  let lines: string[] = [];
  for await (const row of rows) {
    lines.push(JSON.stringify(shown(row)) + "\n");
    if (lines.length < LINES_AT_ONCE) continue;
    yield encode(lines.join(""));
    lines = [];
    await breathe();
  }
  if (lines.length > 0) yield encode(lines.join(""));
}

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

/** Lines that go in one piece, which takes 2 ms to make: the others get their turn between two of them. */
const LINES_AT_ONCE = 1000;

/**
 * An answer with a line for each row, `atOnce` of them in one piece. What is wrong with a
 * request shows when its first rows are asked for: that is while it can still be said.
 *
 * @throws {Problem} what the rows throw by then
 */
export async function linesResponse<T>(
  rows: AsyncIterable<T>,
  shown: (row: T) => unknown,
  atOnce = LINES_AT_ONCE,
): Promise<Response> {
  const pieces = piecesOf(rows, shown, atOnce);
  const body = ReadableStream.from(from(await pieces.next(), pieces));
  return new Response(body, { headers: { "content-type": LINES_TYPE } });
}

/** What is at hand, and the rest. */
async function* from<T>(first: IteratorResult<T>, rest: AsyncGenerator<T>): AsyncGenerator<T> {
  if (first.done) return;
  yield first.value;
  yield* rest;
}

async function* piecesOf<T>(
  rows: AsyncIterable<T>,
  shown: (row: T) => unknown,
  atOnce: number,
): AsyncGenerator<Uint8Array> {
  let lines: string[] = [];
  for await (const row of rows) {
    lines.push(JSON.stringify(shown(row)) + "\n");
    if (lines.length < atOnce) continue;
    yield encode(lines.join(""));
    lines = [];
    await breathe();
  }
  if (lines.length > 0) yield encode(lines.join(""));
}

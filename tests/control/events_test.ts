import { assertEquals, assertThrows } from "@std/assert";
import { decode } from "../../base/bytes.ts";
import { Problem, problemResponse } from "../../control/problem.ts";
import { accepted, finished } from "../history/facts.ts";
import { type Rig, rigOf } from "./rig.ts";

/** How often events are sent, ms. */
const INTERVAL = 250;

function tell({ target }: Rig, count: number): void {
  for (let i = 0; i < count; i++) target.stories.take(finished(accepted()));
}

/** How many facts a piece has, and how many it says were left out. */
async function nextPiece(
  reader: ReadableStreamDefaultReader<Uint8Array>,
): Promise<{ facts: number; missed: number }> {
  const text = decode((await reader.read()).value!);
  const missed = /event: missed\ndata: \{"facts":(\d+)\}/.exec(text)?.[1] ?? 0;
  return { facts: text.split("event: fact\n").length - 1, missed: Number(missed) };
}

Deno.test("of more facts than are sent at a time the rest is counted as missed", async () => {
  const rig = rigOf();
  const reader = rig.target.audience.listen(() => true, new AbortController().signal, "api")
    .getReader();
  assertEquals(await nextPiece(reader), { facts: 0, missed: 0 });
  tell(rig, 73);
  rig.clock.advance(INTERVAL);
  assertEquals(await nextPiece(reader), { facts: 50, missed: 23 });
  tell(rig, 1);
  rig.clock.advance(INTERVAL);
  assertEquals(await nextPiece(reader), { facts: 1, missed: 0 });
  await reader.cancel();
  assertEquals(rig.clock.timers, 0);
});

Deno.test("for who does not read only a few pieces are kept, and the rest is counted", async () => {
  const rig = rigOf();
  const reader = rig.target.audience.listen(() => true, new AbortController().signal, "api")
    .getReader();
  for (let i = 0; i < 100; i++) {
    tell(rig, 10);
    rig.clock.advance(INTERVAL);
  }
  // The counts and three more pieces wait; behind them there is room for 50 facts.
  const facts: number[] = [];
  for (let i = 0; i < 4; i++) facts.push((await nextPiece(reader)).facts);
  assertEquals(facts, [0, 10, 10, 10]);
  rig.clock.advance(INTERVAL);
  assertEquals(await nextPiece(reader), { facts: 50, missed: 970 - 50 });
  await reader.cancel();
});

Deno.test("who listens too many is told so, until another leaves; at the other ends there is room", async () => {
  const { target, clock } = rigOf();
  const ends = Array.from({ length: 24 }, () => new AbortController());
  for (const { signal } of ends) target.audience.listen(() => true, signal, "api");
  const one = (by: string) => target.audience.listen(() => true, new AbortController().signal, by);
  const problem = assertThrows(() => one("api"), Problem, "24 listeners");
  const { status, headers } = problemResponse(problem);
  assertEquals([status, headers.get("retry-after")], [503, "1"]);
  await one("socket").cancel();
  ends[0]!.abort();
  await one("api").cancel();
  for (const end of ends) end.abort();
  assertEquals(clock.timers, 0);
});

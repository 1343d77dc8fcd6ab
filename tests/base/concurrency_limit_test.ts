import { assertEquals, assertRejects } from "@std/assert";
import { ConcurrencyLimit } from "../../base/concurrency_limit.ts";

Deno.test("a limit lets so much work at a time, in the order it came, and goes on after a failure", async () => {
  const limit = new ConcurrencyLimit(2);
  const begun: number[] = [];
  const ends = Array.from({ length: 4 }, () => Promise.withResolvers<number>());
  const work = ends.map(({ promise }, i) =>
    limit.run(() => {
      begun.push(i);
      return promise;
    })
  );
  await Promise.resolve();
  assertEquals(begun, [0, 1]);
  ends[0]!.reject(new Error("no"));
  await assertRejects(() => work[0]!);
  assertEquals(begun, [0, 1, 2]);
  for (const [i, { resolve }] of ends.entries()) resolve(i);
  assertEquals(await Promise.all(work.slice(1)), [1, 2, 3]);
  assertEquals(await limit.run(() => Promise.resolve("more")), "more");
});

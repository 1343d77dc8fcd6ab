import { assert, assertEquals, assertRejects } from "@std/assert";
import { inSlices } from "../../base/slices.ts";

/** Items after which the time is looked at, and what each has to take so that the slice is over by then, ms. */
const STEPS = 64;
const BUSY = 0.1;

function work(): void {
  const begin = performance.now();
  while (performance.now() - begin < BUSY);
}

Deno.test("whoever goes through much lets sockets have their turn after each slice", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const echo = listener.accept().then((served) => served.readable.pipeTo(served.writable));
  using client = await Deno.connect({ hostname: "127.0.0.1", port: listener.addr.port });
  const [ROUND_TRIPS, SLICES] = [3, 60];
  const ended = new AbortController();
  const talk = async () => {
    for (let i = 0; i < ROUND_TRIPS; i++) {
      await client.write(new Uint8Array(1));
      await client.read(new Uint8Array(1));
    }
    ended.abort();
  };
  let done = 0;
  await Promise.all([
    talk(),
    inSlices(Array(STEPS * SLICES), () => {
      work();
      done++;
    }, ended.signal).catch(() => {}),
  ]);
  // Each way of each trip needs a turn or two. All the slices were over before the first
  // of them when sockets were looked after at every 61st turn only.
  assert(done < STEPS * SLICES, `${done / STEPS} slices`);
  client.closeWrite();
  await echo;
  listener.close();
});

Deno.test("what is short is gone through in one go, whoever waits", async () => {
  let others = 0;
  const timer = setInterval(() => others++, 0);
  const seen: number[] = [];
  await inSlices([1, 2, 3], (item) => seen.push(item));
  clearInterval(timer);
  assertEquals([seen, others], [[1, 2, 3], 0]);
});

Deno.test("a signal ends it between two slices", async () => {
  const gone = new AbortController();
  let done = 0;
  const going = inSlices(Array(STEPS * 10), () => {
    work();
    if (++done === 1) gone.abort(new Error("nobody waits for it"));
  }, gone.signal);
  await assertRejects(() => going, Error, "nobody waits for it");
  assertEquals(done, STEPS);
});

Deno.test("who goes through much at the same time takes turns, with a rest for the others after each", async () => {
  const steps: { who: string; began: number; ended: number }[] = [];
  const go = (who: string) =>
    inSlices(Array(STEPS * 3), () => {
      const began = performance.now();
      work();
      steps.push({ who, began, ended: performance.now() });
    });
  await Promise.all([go("a"), go("b")]);
  const turns = steps.flatMap((step, i) => {
    const before = steps[i - 1];
    return before?.who === step.who ? [] : [{ ...step, rest: step.began - (before?.ended ?? 0) }];
  });
  assertEquals(turns.map(({ who }) => who), ["a", "b", "a", "b", "a", "b"]);
  // The first of each begins when it is asked for; a timer is never early by more than 1 ms.
  for (const { rest } of turns.slice(2)) assert(rest > 10, `${rest} ms`);
});

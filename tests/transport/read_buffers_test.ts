import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import { ReadBuffers } from "../../transport/read_buffers.ts";

Deno.test("commands are read with small buffers, content with large ones", () => {
  const buffers = new ReadBuffers();
  const small = buffers.exchange(undefined, false);
  assertStrictEquals(buffers.exchange(small, false), small);
  const large = buffers.exchange(small, true);
  assert(small.length < large.length);
  assertStrictEquals(buffers.exchange(large, true), large);
});

Deno.test("a buffer that is given back is lent again, to one reader at a time", () => {
  const buffers = new ReadBuffers();
  const first = buffers.exchange(undefined, true);
  buffers.give(first);
  const second = buffers.exchange(undefined, true);
  assertStrictEquals(second, first);
  assert(buffers.exchange(undefined, true) !== second);
});

Deno.test("of many buffers that are given back only some are kept", () => {
  const buffers = new ReadBuffers();
  const lent = new Set(Array.from({ length: 1000 }, () => buffers.exchange(undefined, false)));
  assertEquals(lent.size, 1000);
  for (const buffer of lent) buffers.give(buffer);
  const again = Array.from({ length: 1000 }, () => buffers.exchange(undefined, false));
  const kept = again.filter((buffer) => lent.has(buffer)).length;
  assert(kept > 0 && kept <= 64, `${kept} kept`);
});

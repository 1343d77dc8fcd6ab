import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import { ReadBuffers } from "../../transport/read_buffers.ts";

Deno.test("the more is awaited, the larger is the buffer", () => {
  const buffers = new ReadBuffers();
  const commands = buffers.exchange(undefined, "commands");
  assertStrictEquals(buffers.exchange(commands, "commands"), commands);
  const content = buffers.exchange(commands, "content");
  assert(commands.length < content.length);
  const more = buffers.exchange(content, "more content");
  assert(content.length < more.length);
  assertStrictEquals(buffers.exchange(more, "more content"), more);
});

Deno.test("a buffer that is given back is lent again, to one reader at a time", () => {
  const buffers = new ReadBuffers();
  const first = buffers.exchange(undefined, "content");
  buffers.give(first);
  const second = buffers.exchange(undefined, "content");
  assertStrictEquals(second, first);
  assert(buffers.exchange(undefined, "content") !== second);
});

Deno.test("of many buffers that are given back only some are kept", () => {
  const buffers = new ReadBuffers();
  const lent = new Set(Array.from({ length: 1000 }, () => buffers.exchange(undefined, "commands")));
  assertEquals(lent.size, 1000);
  for (const buffer of lent) buffers.give(buffer);
  const again = Array.from({ length: 1000 }, () => buffers.exchange(undefined, "commands"));
  const kept = again.filter((buffer) => lent.has(buffer)).length;
  assert(kept > 0 && kept <= 64, `${kept} kept`);
});

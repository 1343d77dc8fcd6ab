/**
 * The names of queued messages: ULIDs, which sort by time and carry 80 random
 * bits. Never derived from anything a peer sent. Making one does not fail.
 *
 * @module
 */
import { ulid } from "@std/ulid";

/** What an id looks like; nothing else is ever taken for a message's file. */
const ID = /^[0-9A-Z]{26}$/;

/** Makes an id for a message that arrives at `now` (ms since 1970) and is in use nowhere. */
export function newId(now: number, inUse: (id: string) => boolean): string {
  let id = ulid(now);
  while (inUse(id)) id = ulid(now);
  return id;
}

/** Whether a text is an id. */
export function isId(text: unknown): text is string {
  return typeof text === "string" && ID.test(text);
}

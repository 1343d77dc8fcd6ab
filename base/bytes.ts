/**
 * Octets: joining, comparing, and turning them into text and back. Nothing here
 * fails on any input.
 *
 * @module
 */

const encoder = new TextEncoder();
const looseUtf8 = new TextDecoder("utf-8", { ignoreBOM: true });
const strictUtf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Octets as this project passes them around: over an ordinary, unshared buffer. */
export type Bytes = Uint8Array<ArrayBuffer>;

/** The octet for CR. */
export const CR = 13;
/** The octet for LF. */
export const LF = 10;
/** The octet for a dot. */
export const DOT = 46;

/** UTF-8 octets of a text. */
export function encode(text: string): Bytes {
  return encoder.encode(text);
}

/** UTF-8 octets of a text, at the start of `room` where it is large enough for any text of that length. */
export function encodeInto(text: string, room: Bytes | undefined): Bytes {
  if (room === undefined || room.length < 3 * text.length) return encode(text);
  return room.subarray(0, encoder.encodeInto(text, room).written);
}

/** Text of UTF-8 octets; what is not UTF-8 becomes U+FFFD. */
export function decode(bytes: Uint8Array): string {
  return looseUtf8.decode(bytes);
}

/** Text of UTF-8 octets, or undefined when they are not valid UTF-8. Exact: encoding it again gives the same octets. */
export function decodeStrict(bytes: Uint8Array): string | undefined {
  try {
    return strictUtf8.decode(bytes);
  } catch {
    return undefined;
  }
}

/** One array with the octets of all. */
export function concat(parts: readonly Uint8Array[]): Bytes {
  let size = 0;
  for (const part of parts) size += part.length;
  const whole = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** Whether a text holds only US-ASCII. */
export function isAscii(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 127) return false;
  return true;
}

/**
 * SASLprep (RFC 4013): the one form of a user name or password, so that what two
 * keyboards write differently compares equal. The rules for text that runs from
 * right to left are left out: they refuse some strings and change none. What may
 * not stand in either is `undefined`; nothing here throws.
 *
 * @module
 */

/** Spaces other than U+0020 (RFC 3454 C.1.2). */
const OTHER_SPACES = /[\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]/g;

/** Characters that are left out (RFC 3454 B.1). */
const LEFT_OUT = /[\u00ad\u034f\u1806\u180b-\u180d\u200b-\u200d\u2060\ufe00-\ufe0f\ufeff]/g;

/** Controls, private use, surrogates, non-characters, and what changes display or is deprecated (RFC 3454 C.2 to C.9). */
const PROHIBITED =
  /[\p{Cc}\p{Co}\p{Cs}\p{Noncharacter_Code_Point}\u0340\u0341\u06dd\u070f\u180e\u200e\u200f\u2028-\u202e\u2061-\u2063\u206a-\u206f\u2ff0-\u2ffb\ufff9-\ufffd\u{1d173}-\u{1d17a}\u{e0001}\u{e0020}-\u{e007f}]/u;

/** The prepared form; undefined when it would be empty, or the text holds what is prohibited. */
export function saslPrep(text: string): string | undefined {
  const prepared = text.replace(OTHER_SPACES, " ").replace(LEFT_OUT, "").normalize("NFKC");
  return prepared === "" || PROHIBITED.test(prepared) ? undefined : prepared;
}

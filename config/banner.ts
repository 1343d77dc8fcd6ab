/**
 * The text of the greeting as an operator writes it. What cannot stand there throws
 * a `TypeError` that says what was expected.
 *
 * @module
 */

/** Characters: with a name of 255 octets the line stays within the 512 of RFC 5321 §4.5.3.1.5. */
const LONGEST_BANNER = 200;

/**
 * What the greeting says behind the server's name.
 *
 * @throws {TypeError} when it is not one line of printable US-ASCII.
 */
export function parseBanner(text: string): string {
  if (/^[!-~](?:[ -~]*[!-~])?$/.test(text) && text.length <= LONGEST_BANNER) return text;
  throw new TypeError(`expected up to ${LONGEST_BANNER} printable characters of US-ASCII`);
}

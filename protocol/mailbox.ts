/**
 * Mailboxes (RFC 5321 §4.1.2, RFC 6531 §3.3): where the local part ends, which
 * characters it may hold, and how an address falls into its two halves. Nothing
 * here throws.
 *
 * @module
 */

/** The two halves of a mailbox. */
export interface MailboxParts {
  /** As written, quotes included. */
  readonly localPart: string;
  /** As written; `""` when there is none (`postmaster`, or the null path). */
  readonly domain: string;
}

const QUOTE = 34;
const BACKSLASH = 92;
const DOT = 46;

/** Which US-ASCII octets are atext (RFC 5322 §3.2.3). */
const ATEXT = new Uint8Array(128);
for (
  const char of "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$%&'*+-/=?^_`{|}~"
) {
  ATEXT[char.charCodeAt(0)] = 1;
}

/**
 * Characters beyond US-ASCII that RFC 6531 would let into an address, and that
 * other programs read as something else: line separators, and forms of `@ < >`
 * that compatibility mapping turns into the real ones.
 */
const MISREAD = new Set([0x2028, 0x2029, 0xfe64, 0xfe65, 0xfe6b, 0xff1c, 0xff1e, 0xff20]);

/** Whether a UTF-16 unit beyond US-ASCII may stand in a local part; C1 controls may not. */
function isWideText(unit: number): boolean {
  return unit > 0x9f && !MISREAD.has(unit);
}

/** Whether a code point beyond US-ASCII is one that other programs read as a line end, `@`, `<` or `>`. */
export function isMisread(point: number): boolean {
  return MISREAD.has(point);
}

/** Where the local part that starts at `at` ends (exclusive), or -1 when none starts there. */
export function localPartEnd(text: string, at: number): number {
  return text.charCodeAt(at) === QUOTE ? quotedEnd(text, at + 1) : dotStringEnd(text, at);
}

/** The end of `Atom *("." Atom)`. */
function dotStringEnd(text: string, at: number): number {
  let atom = at;
  for (let i = at;; i++) {
    const unit = text.charCodeAt(i); // NaN past the end, which is no atext
    if (unit < 128 ? ATEXT[unit] === 1 : isWideText(unit)) continue;
    if (i === atom) return -1;
    if (unit !== DOT) return i;
    atom = i + 1;
  }
}

/** The end of a Quoted-string whose opening quote stands before `at`. */
function quotedEnd(text: string, at: number): number {
  for (let i = at; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit === QUOTE) return i + 1;
    // quoted-pairSMTP: a backslash before any printable US-ASCII character.
    const allowed = unit === BACKSLASH
      ? isPrintable(text.charCodeAt(++i))
      : isPrintable(unit) || unit > 127 && isWideText(unit);
    if (!allowed) return -1;
  }
  return -1;
}

/** Whether a UTF-16 unit is printable US-ASCII, space included. */
function isPrintable(unit: number): boolean {
  return unit >= 32 && unit <= 126;
}

/**
 * Takes a mailbox apart at the `@` that ends its local part: neither one inside
 * quotes nor one inside an address literal. A text that is no mailbox is all
 * local part.
 */
export function splitMailbox(address: string): MailboxParts {
  const end = localPartEnd(address, 0);
  if (end < 0 || address[end] !== "@") return { localPart: address, domain: "" };
  return { localPart: address.slice(0, end), domain: address.slice(end + 1) };
}

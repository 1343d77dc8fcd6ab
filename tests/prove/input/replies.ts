/**
 * Reads what the server said, strictly: every reply whole, its lines alike,
 * printable and short, its enhanced status code in step with its code. What is
 * not so is a fault, told in words. Shares no code with the server.
 *
 * @module
 */

/** A reply. */
export interface Reply {
  /** Its code. */
  readonly code: number;
  /** Its lines, without codes and CRLF. */
  readonly texts: readonly string[];
  /** Whether each of them begins with an enhanced status code (RFC 2034 §4). */
  readonly enhanced: boolean;
}

/** What was read, or what is wrong with it. */
export type Replies =
  | { readonly kind: "replies"; readonly replies: readonly Reply[] }
  | { readonly kind: "fault"; readonly fault: string };

/** A reply line (RFC 5321 §4.2): code, hyphen or space, printable US-ASCII. */
const LINE = /^([2-5][0-9][0-9])([ -])([\x20-\x7e]*)$/;

/** Octets of a reply line with its CRLF (RFC 5321 §4.5.3.1.5). */
const LONGEST_LINE = 512;

/** An enhanced status code (RFC 3463 §2) at the start of a text. */
const ENHANCED = /^([245])\.[0-9]{1,3}\.[0-9]{1,3} /;

/** Reads all that was said; `said` has one character for each octet. */
export function readReplies(said: string): Replies {
  const lines = said.split("\r\n");
  if (lines.pop() !== "") return faulty("a reply without its CRLF", said);
  const replies: Reply[] = [];
  let open: { code: number; texts: string[] } | undefined;
  for (const line of lines) {
    const match = LINE.exec(line);
    if (match === null || line.length + 2 > LONGEST_LINE) return faulty("no reply line", line);
    const code = Number(match[1]);
    open ??= { code, texts: [] };
    if (open.code !== code) return faulty("a reply with two codes", line);
    open.texts.push(match[3]!);
    if (match[2] === "-") continue;
    const classes = open.texts.map((text) => ENHANCED.exec(text)?.[1]);
    const enhanced = classes.every((digit) => digit === line[0]);
    if (!enhanced && classes.some((digit) => digit !== undefined)) {
      return faulty("a reply with the wrong enhanced code", line);
    }
    replies.push({ ...open, enhanced });
    open = undefined;
  }
  return open === undefined
    ? { kind: "replies", replies }
    : faulty("a reply without its last line", said);
}

function faulty(what: string, where: string): Replies {
  return { kind: "fault", fault: `${what}: ${JSON.stringify(where.slice(0, 200))}` };
}

/**
 * Who a message that comes as a file is from and for. Whoever brings it says so, or
 * its header section does, as `sendmail -t` has it: recipients are those of To, Cc
 * and Bcc, and Bcc goes; the sender is that of Sender, or else the first of From.
 * What says neither is a {@linkcode Problem}.
 *
 * @module
 */
import { concat } from "../base/bytes.ts";
import { type Field, fieldsOf, valueOf } from "../message/fields.ts";
import { HeaderScanner } from "../message/headers.ts";
import { mailboxesIn } from "../message/mailbox_list.ts";
import { isMailbox } from "./mailbox_text.ts";
import { Problem } from "./problem.ts";
import type { ImportedMessage } from "./target.ts";

/** Whom a request names. */
export interface NamedEnvelope {
  readonly from?: string;
  readonly to?: readonly string[];
}

/** The most of a header section that is looked into, octets. */
const LARGEST_HEADER = 256 * 1024;

/** The most recipients of a message. */
export const MOST_RECIPIENTS = 1000;

const RECIPIENT_FIELDS: ReadonlySet<string> = new Set(["to", "cc", "bcc"]);

/** The message with its envelope. @throws {Problem} */
export async function importedMessage(
  { from, to }: NamedEnvelope,
  content: ReadableStream<Uint8Array>,
): Promise<ImportedMessage> {
  if (from !== undefined && to !== undefined) return { from, to, content };
  const chunks = content[Symbol.asyncIterator]();
  const { section, rest } = await startOf(chunks);
  const fields = fieldsOf(section);
  const kept = to === undefined ? fields.filter(({ name }) => name !== "bcc") : fields;
  return {
    from: from ?? senderIn(fields),
    to: to ?? recipientsIn(fields),
    content: ReadableStream.from(joined([...kept.map(({ octets }) => octets), rest], chunks)),
  };
}

/** Reads until the header section is whole. @throws {Problem} when it is too large */
async function startOf(
  chunks: AsyncIterator<Uint8Array>,
): Promise<{ section: Uint8Array; rest: Uint8Array }> {
  const scanner = new HeaderScanner();
  const parts: Uint8Array[] = [];
  while (!scanner.facts.complete) {
    const { value, done } = await chunks.next();
    if (done) scanner.end();
    else {
      scanner.write(value);
      parts.push(value);
    }
    if (scanner.facts.octets > LARGEST_HEADER) {
      throw new Problem("too_large", `a header section has at most ${LARGEST_HEADER} octets`);
    }
  }
  const start = concat(parts);
  const { octets } = scanner.facts;
  return { section: start.subarray(0, octets), rest: start.subarray(octets) };
}

async function* joined(
  start: readonly Uint8Array[],
  rest: AsyncIterator<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  yield* start;
  yield* { [Symbol.asyncIterator]: () => rest };
}

function senderIn(fields: readonly Field[]): string {
  const field = fields.find(({ name }) => name === "sender") ??
    fields.find(({ name }) => name === "from");
  const [mailbox] = field === undefined ? [] : mailboxesIn(valueOf(field)) ?? [];
  if (mailbox !== undefined && isMailbox(mailbox)) return mailbox;
  const message = "its Sender or From names no mailbox: say with `from` who it is from";
  throw new Problem("bad_request", message, { key: "from", expected: "a mailbox" });
}

function recipientsIn(fields: readonly Field[]): string[] {
  const named = fields.filter(({ name }) => RECIPIENT_FIELDS.has(name)).flatMap(mailboxesOf);
  const recipients = [...new Set(named)];
  if (recipients.length > 0 && recipients.length <= MOST_RECIPIENTS) return recipients;
  const message = recipients.length === 0
    ? "its To, Cc and Bcc name no mailbox: say with `to` who it is for"
    : `it has more than ${MOST_RECIPIENTS} recipients`;
  throw new Problem("bad_request", message, { key: "to", expected: "mailboxes" });
}

/** The mailboxes of a field that may be empty (Bcc). @throws {Problem} when one of them cannot be read: the message must not go to the others only */
function mailboxesOf(field: Field): string[] {
  const value = valueOf(field);
  if (value === "") return [];
  const mailboxes = mailboxesIn(value);
  if (mailboxes !== undefined && mailboxes.every(isMailbox)) return mailboxes;
  const message = `its ${field.name} field cannot be read: say with \`to\` who it is for`;
  throw new Problem("bad_request", message, { key: "to", expected: "mailboxes" });
}

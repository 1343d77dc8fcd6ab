/**
 * The route by which a message comes into the queue as a file.
 *
 * @module
 */
import { z } from "zod";
import { messageId } from "../answer_schemas.ts";
import { importedMessage, MOST_RECIPIENTS } from "../import.ts";
import { isMailbox, senderText } from "../mailbox_text.ts";
import { parsedText } from "../parsed_text.ts";
import { Problem } from "../problem.ts";
import { type Route, route } from "../route.ts";
import type { ControlTarget, ImportedMessage } from "../target.ts";

/** Every mailbox has 256 octets at most (RFC 5321 §4.5.3.1.3). */
const LONGEST_LIST = 256 * MOST_RECIPIENTS;

const recipients = parsedText((text) => {
  const list = text.split(",").map((mailbox) => mailbox.trim());
  if (list.length <= MOST_RECIPIENTS && list.every(isMailbox)) return list;
  throw new TypeError(`expected up to ${MOST_RECIPIENTS} mailboxes with commas between them`);
}, LONGEST_LIST);

/** How files come in. */
export const IMPORT_ROUTES: readonly Route[] = [
  route({
    method: "POST",
    path: "/v1/queue/import",
    name: "importMessage",
    summary: "Queues a message, which may be a file that was exported",
    description: "It gets a Received field, and CRLF at the end of every line; the rest stays " +
      "as it is. Without `to` it goes to those that To, Cc and Bcc name, and Bcc is removed; " +
      "without `from` it is from whom Sender, or else From, names first. The answer comes " +
      "when it is durable.",
    params: z.object({}),
    query: z.strictObject({
      from: senderText.optional().describe("The sender's mailbox; empty for the null reverse-path"),
      to: recipients.optional().describe("The recipients' mailboxes, with commas between them"),
    }),
    body: { octets: "message/rfc822" },
    answers: { "application/json": z.object({ id: messageId }).meta({ id: "Imported" }) },
    async handle({ target, query, body }) {
      return await bring(target, await importedMessage(query, body));
    },
  }),
];

/** @throws {Problem} for content that is too large */
async function bring(target: ControlTarget, message: ImportedMessage): Promise<{ id: string }> {
  try {
    const { id } = await target.bring(message);
    return { id };
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new Problem("too_large", `a message has at most ${target.messageSize} octets`);
  }
}

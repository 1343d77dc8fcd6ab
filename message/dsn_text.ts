/**
 * The part of a bounce that people read: what happened, to whom, what the other
 * server said, and what can be done. Nothing here fails.
 *
 * @module
 */
import { rfc5322Date } from "./date.ts";
import type { BounceInput, BounceReason, FailedRecipient } from "./dsn_input.ts";
import { LONGEST_REMOTE_TEXT, replyWithCode, statusOf } from "./dsn_status.ts";
import { foldText, LONGEST_ADDRESS, printable } from "./fold.ts";

/** What a sender can do, by the start of the status code; the first that matches counts. */
const ADVICE: readonly (readonly [status: string, advice: string])[] = [
  ["5.1.", "Check that the address is spelled correctly and still in use, then send again."],
  ["5.2.2", "The mailbox is full. Send again later, or reach the recipient in another way."],
  ["5.2.3", "The message is too large for this mailbox. Send a smaller one."],
  ["5.3.4", "The message is too large for that mail system. Send a smaller one."],
  ["4.4.7", "That mail system did not take the message in all this time. Send again later."],
  ["5.4.", "The recipient's mail system is not set up correctly. Tell its administrator."],
  ["5.6.", "That mail system cannot take a message of this form. Send it in another."],
  ["5.7.", "That mail system refuses the message. Its answer may say what it demands."],
];

const GENERAL_ADVICE = "If the answer does not say what to do, ask the recipient's administrator.";

/** The text, with CRLF line ends. */
export function explanation(input: BounceInput): string {
  return [
    foldText("", `This is the mail system at ${input.hostname}.`),
    foldText("", opening(input)),
    ...input.failed.map(recipientText),
    foldText(
      "",
      "This notice was made by a program; replies to it are not read. A report for " +
        "mail systems and the original message, or its header, are attached.",
    ),
  ].join("\r\n");
}

function opening({ arrived, failed, id }: BounceInput): string {
  const whom = failed.length === 1 ? "this recipient" : `these ${failed.length} recipients`;
  return `Your message, accepted on ${rfc5322Date(arrived)} as ${id}, could not be delivered to ` +
    `${whom}. It will not be tried again.`;
}

function recipientText({ address, reason }: FailedRecipient): string {
  const who = speaker(reason);
  const intro = reason.permanent ? who : `It was tried until its time ran out. ${who}`;
  return foldText("", `<${printable(address, LONGEST_ADDRESS)}>`) +
    foldText("    ", intro) +
    foldText("        ", printable(replyWithCode(reason), LONGEST_REMOTE_TEXT)) +
    foldText("    ", adviceFor(statusOf(reason)));
}

/** Who said what follows: a remote reply, or we about a host, or we. */
function speaker({ code, hop }: BounceReason): string {
  if (hop === undefined) return "The reason:";
  const host = printable(hop, 300);
  return code === undefined ? `Failure at ${host}:` : `${host} said:`;
}

function adviceFor(status: string): string {
  return ADVICE.find(([start]) => status.startsWith(start))?.[1] ?? GENERAL_ADVICE;
}

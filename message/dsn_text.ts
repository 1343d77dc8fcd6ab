/**
 * The part of a notification that people read: what happened, to whom, what the
 * other server said, and what can be done. Nothing here fails.
 *
 * @module
 */
import { rfc5322Date } from "./date.ts";
import type { DsnAction, DsnInput, DsnReason, DsnRecipient } from "./dsn_input.ts";
import { LONGEST_REMOTE_TEXT, replyWithCode, statusOf } from "./dsn_status.ts";
import { foldText, LONGEST_ADDRESS, printable } from "./fold.ts";

/** What a sender can do, by the start of the status code; the first that matches counts. */
const ADVICE: readonly (readonly [status: string, advice: string])[] = [
  ["5.1.", "Check that the address is spelled correctly and still in use, then send again."],
  ["5.2.2", "The mailbox is full. Send again later, or reach the recipient in another way."],
  ["5.2.3", "The message is too large for this mailbox. Send a smaller one."],
  ["5.3.4", "The message is too large for that mail system. Send a smaller one."],
  ["4.4.7", "That mail system did not take the message in all this time. Send again later."],
  ["5.4.7", "It could not be delivered in the time that was set for it. Send it with more time."],
  ["5.4.", "The recipient's mail system is not set up correctly. Tell its administrator."],
  ["5.6.", "That mail system cannot take a message of this form. Send it in another."],
  ["5.7.", "That mail system refuses the message. Its answer may say what it demands."],
];

const GENERAL_ADVICE = "If the answer does not say what to do, ask the recipient's administrator.";

/** The text, with CRLF line ends. */
export function explanation(input: DsnInput): string {
  return [
    foldText("", `This is the mail system at ${input.hostname}.`),
    foldText("", opening(input)),
    ...input.recipients.map((one) => recipientText(input.action, one)),
    foldText(
      "",
      "This notice was made by a program; replies to it are not read. A report for " +
        "mail systems and the original message, or its header, are attached.",
    ),
  ].join("\r\n");
}

function opening({ action, arrived, recipients, id, deliverBy }: DsnInput): string {
  const several = recipients.length > 1;
  const whom = several ? `these ${recipients.length} recipients` : "this recipient";
  const message = `Your message, accepted on ${rfc5322Date(arrived)} as ${id},`;
  switch (action) {
    case "failed":
      return `${message} could not be delivered to ${whom}. It will not be tried again.`;
    case "delayed":
      return `${message} has not been delivered to ${whom} yet. It is being tried further; ` +
        "you need not send it again.";
    case "relayed":
      return `${message} was handed on for ${whom}, to a mail system that ` +
        (deliverBy === undefined ? "sends no notifications. " : "may not tell how it goes on. ") +
        "You will only hear more if it fails there.";
    case "delivered":
      return `${message} was delivered to ${whom}.`;
  }
}

function recipientText(action: DsnAction, recipient: DsnRecipient): string {
  const { address, reason } = recipient;
  const said = printable(replyWithCode(reason), LONGEST_REMOTE_TEXT);
  return foldText("", `<${printable(address, LONGEST_ADDRESS)}>`) +
    (said === "" ? "" : foldText("    ", introduction(action, reason))) +
    (said === "" ? "" : foldText("        ", said)) +
    closing(action, recipient);
}

/** What stands before the reply or the reason. */
function introduction(action: DsnAction, reason: DsnReason): string {
  const isOver = action === "failed" && !reason.permanent;
  return (isOver ? "It was tried until its time ran out. " : "") + speaker(reason);
}

/** What can be done, or what will be. */
function closing(action: DsnAction, recipient: DsnRecipient): string {
  const { retryUntil } = recipient;
  if (action === "failed") return foldText("    ", adviceFor(statusOf(action, recipient)));
  if (retryUntil === undefined) return "";
  return foldText("    ", `It is tried until ${rfc5322Date(retryUntil)}.`);
}

/** Who said what follows: a remote reply, or we about a host, or we. */
function speaker({ code, hop }: DsnReason): string {
  if (hop === undefined) return "The reason:";
  const host = printable(hop, 300);
  return code === undefined ? `Failure at ${host}:` : `${host} said:`;
}

function adviceFor(status: string): string {
  return ADVICE.find(([start]) => status.startsWith(start))?.[1] ?? GENERAL_ADVICE;
}

/**
 * Mailboxes in requests, as RFC 5321 §4.1.2 has them.
 *
 * @module
 */
import { parsePath } from "../protocol/path.ts";
import { parsedText } from "./parsed_text.ts";

/** A mailbox with a domain. */
export const mailboxText = parsedText((text) => {
  if (isMailbox(text)) return text;
  throw new TypeError("expected a mailbox such as user@example.org");
});

/** A mailbox, or nothing at all for the null reverse-path. */
export const senderText = parsedText((text) => {
  if (text === "" || isMailbox(text)) return text;
  throw new TypeError("expected a mailbox such as user@example.org, or nothing");
});

/** Whether a text is a mailbox with a domain. */
export function isMailbox(text: string): boolean {
  const path = parsePath(`<${text}>`, 0, "5.1.3");
  return path.ok && path.value.address === text && path.value.domain !== "";
}

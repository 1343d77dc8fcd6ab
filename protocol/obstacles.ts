/**
 * What the conversation itself holds against a sender or a recipient, before
 * anybody is asked about them: limits, and parameters of extensions that are not
 * there. Each gives the refusal, counted against the client's budget.
 *
 * @module
 */
import { isAscii } from "../base/bytes.ts";
import type { ClientInfo } from "../message/envelope.ts";
import type { Budget } from "./budget.ts";
import { needsUtf8 } from "./dsn_params.ts";
import type {
  MailCommand,
  RcptCommand,
  SessionHandler,
  SessionLimits,
  SessionOptions,
} from "./handler.ts";
import { notRecognized } from "./params.ts";
import { RECIPIENT_NEEDS_SMTPUTF8, TOO_BIG, TOO_MANY_RCPT } from "./replies.ts";
import type { SmtpReply } from "./reply.ts";
import { submissionRefusal } from "./submission_params.ts";
import type { Transaction } from "./transaction.ts";

/** Why a sender is not even asked about. */
export function mailObstacle(
  mail: MailCommand,
  { tls }: ClientInfo,
  { binaryMime, limits }: SessionOptions,
  handler: SessionHandler,
  budget: Budget,
): SmtpReply | undefined {
  if (mail.submitter !== undefined && handler.authenticator === undefined) {
    return budget.fault(notRecognized("AUTH"));
  }
  if (mail.body === "BINARYMIME" && !binaryMime) {
    return budget.fault(notRecognized("BODY=BINARYMIME"));
  }
  if (mail.requireTls && tls === undefined) return budget.fault(notRecognized("REQUIRETLS"));
  const refusal = submissionRefusal(mail, handler);
  if (refusal !== undefined) return budget.fault(refusal);
  return (mail.size ?? 0) > limits.messageSize ? budget.judged(TOO_BIG) : undefined;
}

/** Why a recipient is not even asked about; it counts as refused then. */
export function rcptObstacle(
  rcpt: RcptCommand,
  { recipients: most }: SessionLimits,
  transaction: Transaction,
  budget: Budget,
): SmtpReply | undefined {
  if (transaction.recipients.length >= most) {
    // RFC 5321 §4.5.3.1.10: the rest comes in another transaction. It may be in the
    // pipeline already, so only when as many again were refused is it the client's fault.
    return ++transaction.refused > most ? budget.fault(TOO_MANY_RCPT) : TOO_MANY_RCPT;
  }
  if (transaction.mail.smtputf8 || isAscii(rcpt.address) && !needsUtf8(rcpt)) return undefined;
  transaction.refused++;
  return budget.fault(RECIPIENT_NEEDS_SMTPUTF8);
}

/**
 * What the server answers to VRFY and ETRN. Strangers learn nothing from VRFY that
 * RCPT would not tell them (RFC 5321 §7.3), and start no queue. Nothing here fails.
 *
 * @module
 */
import { isAscii } from "../base/bytes.ts";
import type { VrfyPolicy } from "../config/config.ts";
import type { ClientInfo } from "../message/envelope.ts";
import { NO_SUCH_USER, type RelayPolicy } from "../policy/relay.ts";
import type { Inquiries, Verification } from "../protocol/inquiries.ts";
import { parsePath } from "../protocol/path.ts";
import { CANNOT_VERIFY, NOT_IMPLEMENTED } from "../protocol/replies.ts";
import { reply, type SmtpReply } from "../protocol/reply.ts";

/** The answer would be the mailbox, which the client has not said it can read (RFC 6531 §3.7.4.2). */
const NEEDS_UTF8 = reply(252, "2.6.8", "VRFY needs SMTPUTF8 to show the mailbox");

/** What the answers depend on. */
export interface InquiryOptions {
  /** Who is told what by VRFY. */
  readonly vrfy: VrfyPolicy;
  /** Who is trusted, and which mailboxes there are. */
  readonly relay: RelayPolicy;
  /** Tries what waits for a domain; gives how many messages, undefined when nothing is sent at present. */
  readonly startQueue: (domain: string) => number | undefined;
}

/** Answers for one server. */
export function inquiries({ vrfy, relay, startQueue }: InquiryOptions): Inquiries {
  return {
    verifies: vrfy !== "off",
    verify: (asked, client) => verified(asked, client, vrfy, relay),
    mayStart: (client) => relay.mayRelay(client),
    start: startQueue,
  };
}

function verified(
  { text, smtputf8 }: Verification,
  client: ClientInfo,
  vrfy: VrfyPolicy,
  relay: RelayPolicy,
): SmtpReply {
  if (vrfy === "off") return NOT_IMPLEMENTED;
  if (vrfy === "unsure" || !relay.mayRelay(client)) return CANNOT_VERIFY;
  const path = parsePath(text.startsWith("<") ? text : `<${text}>`, 0, "5.1.3");
  if (!path.ok) return path.reply;
  switch (relay.knows(path.value)) {
    case true:
      return smtputf8 || isAscii(path.value.address)
        ? reply(250, "2.1.5", `<${path.value.address}>`)
        : NEEDS_UTF8;
    case false:
      return NO_SUCH_USER;
    case undefined:
      return CANNOT_VERIFY;
  }
}

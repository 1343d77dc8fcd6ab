/**
 * The parameters of MAIL that only a client which may submit mail is offered: HOLDFOR
 * and HOLDUNTIL (FUTURERELEASE, RFC 4865) and MT-PRIORITY (RFC 6710). To others they
 * are not known, 555 5.5.4; what is wrong is answered 501 5.5.4. Nothing here throws.
 *
 * @module
 */
import type { MailCommand, SessionHandler, SubmissionOffer } from "./handler.ts";
import { type Parsed, parsed, refused } from "./parsed.ts";
import { reply, type SmtpReply } from "./reply.ts";

/** Octets that HOLDFOR or HOLDUNTIL, and MT-PRIORITY, add to the line of MAIL. */
export const SUBMISSION_LENGTH: number = 11 + 35 + 15;

/** future-release-interval (RFC 4865 §4): seconds. */
const INTERVAL = /^[1-9][0-9]{0,8}$/;
/** date-time (RFC 3339 §5.6), in upper case. */
const DATE_TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)$/;
/** priority-value (RFC 6710 §4.1). */
const PRIORITY = /^(?:-?[1-9]|0)$/;

/** The EHLO lines for a client that is offered this. */
export function submissionKeywords(offer: SubmissionOffer | undefined): readonly string[] {
  if (offer === undefined) return [];
  const { longestHold, now } = offer;
  if (longestHold < 1000) return ["MT-PRIORITY"];
  // RFC 4865 §3: the longest interval in seconds, and the last time.
  const last = new Date(now + longestHold).toISOString().replace(/\.\d+/, "");
  return [`FUTURERELEASE ${Math.floor(longestHold / 1000)} ${last}`, "MT-PRIORITY"];
}

/** HOLDFOR (RFC 4865 §5.1). */
export function parseHoldFor(value = ""): Parsed<Pick<MailCommand, "holdFor" | "holdRequest">> {
  return INTERVAL.test(value)
    ? parsed({ holdFor: Number(value) * 1000, holdRequest: `for;${value}` })
    : refused(501, "5.5.4", "HOLDFOR takes a number of seconds");
}

/** HOLDUNTIL (RFC 4865 §5.2). */
export function parseHoldUntil(value = ""): Parsed<Pick<MailCommand, "release" | "holdRequest">> {
  const text = value.toUpperCase();
  const release = DATE_TIME.test(text) ? Date.parse(text) : NaN;
  return Number.isNaN(release)
    ? refused(501, "5.5.4", "HOLDUNTIL takes a date and time of RFC 3339")
    : parsed({ release, holdRequest: `until;${value}` });
}

/** MT-PRIORITY (RFC 6710 §4). */
export function parsePriority(value = ""): Parsed<Pick<MailCommand, "priority">> {
  return PRIORITY.test(value)
    ? parsed({ priority: Number(value) })
    : refused(501, "5.5.4", "MT-PRIORITY takes a number from -9 to 9");
}

/** Why MAIL cannot have what it asks for in these parameters; undefined when it can, or asks for nothing. */
export function submissionRefusal(
  mail: MailCommand,
  handler: Pick<SessionHandler, "submission">,
): SmtpReply | undefined {
  const { holdFor, release, priority, deliverBy } = mail;
  const isHeld = holdFor !== undefined || release !== undefined;
  if (!isHeld && priority === undefined) return undefined;
  const offer = handler.submission?.();
  if (offer === undefined) return notOffered(isHeld ? "HOLDFOR and HOLDUNTIL" : "MT-PRIORITY");
  if (!isHeld) return undefined;
  if (offer.longestHold < 1000) return notOffered("HOLDFOR and HOLDUNTIL");
  if (holdFor !== undefined && release !== undefined) {
    return reply(501, "5.5.4", "Only one of HOLDFOR and HOLDUNTIL");
  }
  const wait = holdFor ?? release! - offer.now;
  if (wait > offer.longestHold) return reply(501, "5.5.4", "Release too far in the future");
  // RFC 4865 §5.2.2: it cannot be held for so long and be delivered by then.
  const isLate = deliverBy !== undefined && wait > deliverBy.seconds * 1000;
  return isLate ? reply(501, "5.5.4", "Release after the time in BY") : undefined;
}

/** The command with the time of its release, where it asked for a wait. Only for one that was not refused. */
export function withRelease(
  mail: MailCommand,
  handler: Pick<SessionHandler, "submission">,
): MailCommand {
  const { holdFor } = mail;
  return holdFor === undefined ? mail : { ...mail, release: handler.submission!()!.now + holdFor };
}

function notOffered(keywords: string): SmtpReply {
  return reply(555, "5.5.4", `${keywords} not recognized`);
}

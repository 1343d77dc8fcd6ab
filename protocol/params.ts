/**
 * The parameters of MAIL and RCPT (RFC 5321 §4.1.1.11): SIZE (RFC 1870), BODY
 * (RFC 6152, RFC 3030), SMTPUTF8 (RFC 6531), REQUIRETLS (RFC 8689), BY (RFC 2852), RET
 * and ENVID (RFC 3461) and AUTH (RFC 4954) for MAIL, NOTIFY and ORCPT (RFC 3461) for RCPT. A
 * keyword that is not offered is answered 555 5.5.4, anything else that is wrong
 * 501 5.5.4.
 *
 * @module
 */
import type { RecipientRequest } from "../message/dsn_request.ts";
import { decodeXtext } from "../message/xtext.ts";
import type { Offer } from "./command_table.ts";
import { BY_LENGTH, parseBy } from "./deliver_by.ts";
import {
  MAIL_DSN_LENGTH,
  parseEnvid,
  parseNotify,
  parseOrcpt,
  parseRet,
  RCPT_DSN_LENGTH,
} from "./dsn_params.ts";
import type { MailCommand } from "./handler.ts";
import { type Parsed, parsed, refused } from "./parsed.ts";
import { parsePath } from "./path.ts";
import { reply, type SmtpReply } from "./reply.ts";
import {
  parseHoldFor,
  parseHoldUntil,
  parsePriority,
  SUBMISSION_LENGTH,
  submissionKeywords,
} from "./submission_params.ts";

/** The EHLO lines that say which parameters MAIL takes. */
export function mailKeywords(
  { messageSize, binaryMime, submission, tls }: Offer,
): readonly string[] {
  const bodies = binaryMime ? ["8BITMIME", "BINARYMIME"] : ["8BITMIME"];
  // RFC 8689 §2: of no use, and not to be announced, where the message has come in plaintext.
  const secured = tls ? ["REQUIRETLS"] : [];
  const always = [`SIZE ${messageSize}`, ...bodies, "SMTPUTF8", "DELIVERBY"];
  return [...always, ...secured, ...submissionKeywords(submission)];
}

/** What the parameters of MAIL say. */
export type MailParams = Omit<MailCommand, "reversePath">;

/** Octets that parameters add to the line of MAIL: SIZE (RFC 1870 §6), BODY (RFC 3030 §3), SMTPUTF8 (RFC 6531 §3.1), REQUIRETLS (RFC 8689 §2), BY (RFC 2852 §2), RET and ENVID, AUTH (RFC 4954 §3). */
export const MAIL_LENGTH: number = 26 + 17 + 10 + 11 + BY_LENGTH + MAIL_DSN_LENGTH +
  SUBMISSION_LENGTH + 500;
/** Octets that parameters add to the line of RCPT. */
export const RCPT_LENGTH: number = RCPT_DSN_LENGTH;
/** Octets that parameters add to any line. */
export const LONGEST: number = Math.max(MAIL_LENGTH, RCPT_LENGTH);

/** One `KEYWORD[=VALUE]`. */
interface Param {
  readonly keyword: string;
  readonly value?: string;
}

/** esmtp-keyword, and esmtp-value: printable US-ASCII without "=" and space, and UTF-8 (RFC 6531 §3.3). */
const PARAM = /^([a-z0-9][a-z0-9-]*)(?:=((?:[!-<>-~]|[\u0080-\uffff])+))?$/i;
/** size-value (RFC 1870 §4). */
const SIZE = /^[0-9]{1,20}$/;

/** Splits `" A=1 B"` into parameters with upper-case keywords, each there once. */
function splitParams(text: string): Parsed<readonly Param[]> {
  const params: Param[] = [];
  const seen = new Set<string>();
  if (text !== "" && text[0] !== " ") return refused(501, "5.5.4", "Space expected after address");
  for (const word of text.split(" ")) {
    if (word === "") continue;
    const match = PARAM.exec(word);
    if (match === null) return refused(501, "5.5.4", "Bad parameter syntax");
    const keyword = match[1]!.toUpperCase();
    if (seen.has(keyword)) return refused(501, "5.5.4", `Parameter ${keyword} given twice`);
    seen.add(keyword);
    params.push({ keyword, value: match[2] });
  }
  return parsed(params);
}

/** Reads what follows the path of MAIL. */
export function parseMailParams(text: string): Parsed<MailParams> {
  const split = splitParams(text);
  if (!split.ok) return split;
  let result: MailParams = { body: "7BIT", smtputf8: false };
  for (const param of split.value) {
    const setting = parseMailParam(param);
    if (!setting.ok) return setting;
    result = { ...result, ...setting.value };
  }
  return parsed(result);
}

/** What one parameter of MAIL sets. */
function parseMailParam({ keyword, value }: Param): Parsed<Partial<MailParams>> {
  switch (keyword) {
    case "SIZE":
      if (value === undefined || !SIZE.test(value)) return refused(501, "5.5.4", "Bad SIZE value");
      return parsed({ size: Number(value) });
    case "BODY": {
      const body = value?.toUpperCase();
      if (body === "7BIT" || body === "8BITMIME" || body === "BINARYMIME") return parsed({ body });
      return refused(501, "5.5.4", "BODY is 7BIT, 8BITMIME or BINARYMIME");
    }
    case "SMTPUTF8":
      if (value !== undefined) return refused(501, "5.5.4", "SMTPUTF8 takes no value");
      return parsed({ smtputf8: true });
    case "REQUIRETLS":
      if (value !== undefined) return refused(501, "5.5.4", "REQUIRETLS takes no value");
      return parsed({ requireTls: true });
    case "BY":
      return parseBy(value);
    case "RET":
      return parseRet(value);
    case "ENVID":
      return parseEnvid(value);
    case "HOLDFOR":
      return parseHoldFor(value);
    case "HOLDUNTIL":
      return parseHoldUntil(value);
    case "MT-PRIORITY":
      return parsePriority(value);
    case "AUTH":
      return parseSubmitter(value ?? "");
    default:
      return { ok: false, reply: notRecognized(keyword) };
  }
}

/** `<>`, or a mailbox as xtext, checked once it is decoded (RFC 4954 §5). */
function parseSubmitter(value: string): Parsed<Partial<MailParams>> {
  if (value === "<>") return parsed({ submitter: "" });
  const submitter = decodeXtext(value) ?? "";
  const path = parsePath(`<${submitter}>`, 0, "5.1.7");
  const isMailbox = path.ok && path.value.address === submitter && path.value.domain !== "";
  return isMailbox ? parsed({ submitter }) : refused(501, "5.5.4", "Bad AUTH value");
}

/** The reply to a parameter of an extension that is not offered. */
export function notRecognized(keyword: string): SmtpReply {
  return reply(555, "5.5.4", `Parameter ${keyword} not recognized`);
}

/** Reads what follows the path of RCPT. */
export function parseRcptParams(text: string): Parsed<RecipientRequest> {
  const split = splitParams(text);
  if (!split.ok) return split;
  let result: RecipientRequest = {};
  for (const param of split.value) {
    const setting = parseRcptParam(param);
    if (!setting.ok) return setting;
    result = { ...result, ...setting.value };
  }
  return parsed(result);
}

/** What one parameter of RCPT sets. */
function parseRcptParam({ keyword, value }: Param): Parsed<RecipientRequest> {
  switch (keyword) {
    case "NOTIFY":
      return parseNotify(value);
    case "ORCPT":
      return parseOrcpt(value);
    default:
      return { ok: false, reply: notRecognized(keyword) };
  }
}

/**
 * The parameters by which a sender asks for notifications (RFC 3461 §4): RET and
 * ENVID of MAIL, NOTIFY and ORCPT of RCPT, with the address type of RFC 6533 §3.
 * What is wrong is answered 501 5.5.4; nothing here throws.
 *
 * @module
 */
import { isAscii } from "../base/bytes.ts";
import {
  type DsnRequest,
  type NotifyEvent,
  type RecipientRequest,
  unitextDecoded,
} from "../message/dsn_request.ts";
import { decodeXtext } from "../message/xtext.ts";
import { isMisread } from "./mailbox.ts";
import { type Parsed, parsed, refused } from "./parsed.ts";

/** Octets that RET and ENVID add to the line of MAIL (§4.3, §4.4). */
export const MAIL_DSN_LENGTH: number = 9 + 7 + 100;
/** Octets that NOTIFY and ORCPT add to the line of RCPT (§4.1, §4.2). */
export const RCPT_DSN_LENGTH: number = 29 + 7 + 500;

/** The longest ENVID and ORCPT as they are sent, octets (§4.4, §4.2). */
const LONGEST = { envid: 100, orcpt: 500 } as const;

/** QCHAR and EmbeddedUnicodeChar (RFC 6533 §3), and characters beyond US-ASCII as they are. */
const UNITEXT =
  /^(?:[!-*,-<>-[\]-~]|\\x\{(?:[1-9A-F][0-9A-F]{1,4}|10[0-9A-F]{4})\}|[\u{a0}-\u{10ffff}])+$/u;
/** addr-type (§4.2): an atom. */
const ADDRESS_TYPE = /^[a-z0-9!#$%&'*+/=?^_`{|}~-]{1,63}$/i;
/** All that an ENVID and an address may stand for: graphic characters and space (§4.2, §4.4). */
const PRINTABLE = /^[ -~]+$/;

const EVENTS: ReadonlyMap<string, NotifyEvent> = new Map([
  ["SUCCESS", "SUCCESS"],
  ["FAILURE", "FAILURE"],
  ["DELAY", "DELAY"],
]);

/** RET (§4.3). */
export function parseRet(value: string | undefined): Parsed<Pick<DsnRequest, "ret">> {
  const ret = value?.toUpperCase();
  return ret === "FULL" || ret === "HDRS"
    ? parsed({ ret })
    : refused(501, "5.5.4", "RET is FULL or HDRS");
}

/** ENVID (§4.4). */
export function parseEnvid(envid: string | undefined): Parsed<Pick<DsnRequest, "envid">> {
  const isGood = envid !== undefined && envid.length <= LONGEST.envid && isPrintableXtext(envid);
  return isGood ? parsed({ envid }) : refused(501, "5.5.4", "Bad ENVID value");
}

/** NOTIFY (§4.1): NEVER, or some of the events. */
export function parseNotify(value: string | undefined): Parsed<Pick<RecipientRequest, "notify">> {
  const words = value?.toUpperCase().split(",") ?? [];
  if (words.length === 1 && words[0] === "NEVER") return parsed({ notify: [] });
  const notify = new Set<NotifyEvent>();
  for (const word of words) {
    const event = EVENTS.get(word);
    if (event === undefined) return badNotify();
    notify.add(event);
  }
  return notify.size > 0 ? parsed({ notify: [...notify] }) : badNotify();
}

function badNotify(): Parsed<never> {
  return refused(501, "5.5.4", "NOTIFY is NEVER, or some of SUCCESS, FAILURE and DELAY");
}

/** ORCPT (§4.2). */
export function parseOrcpt(orcpt: string | undefined): Parsed<Pick<RecipientRequest, "orcpt">> {
  const isGood = orcpt !== undefined && orcpt.length <= LONGEST.orcpt && isTypedAddress(orcpt);
  return isGood ? parsed({ orcpt }) : refused(501, "5.5.4", "Bad ORCPT value");
}

/** Whether it is `addr-type ";" xtext`, or has the type and the forms of RFC 6533 §3. */
function isTypedAddress(orcpt: string): boolean {
  const semicolon = orcpt.indexOf(";");
  const encoded = orcpt.slice(semicolon + 1);
  if (!ADDRESS_TYPE.test(orcpt.slice(0, Math.max(semicolon, 0)))) return false;
  const isUtf8 = orcpt.slice(0, semicolon).toLowerCase() === "utf-8";
  if (!isUtf8) return isPrintableXtext(encoded);
  return UNITEXT.test(encoded) && isGraphic(unitextDecoded(encoded));
}

function isPrintableXtext(xtext: string): boolean {
  return PRINTABLE.test(decodeXtext(xtext) ?? "");
}

/** Whether nothing in the text ends a line, is half a character, or is read as a bracket or an at sign that it is not. */
function isGraphic(text: string): boolean {
  for (const character of text) {
    const point = character.codePointAt(0)!;
    const isControl = point < 0x20 || point >= 0x7f && point <= 0x9f;
    if (isControl || isMisread(point) || !character.isWellFormed()) return false;
  }
  return text.length > 0;
}

/** Whether the request can only be made with SMTPUTF8. */
export function needsUtf8({ orcpt }: RecipientRequest): boolean {
  return orcpt !== undefined && !isAscii(orcpt);
}

/**
 * The rules by which the conversation refuses by itself, without asking anybody. What
 * it answers to a client's mistakes is no decision of anybody's, and has none.
 *
 * @module
 */
import type { Limits } from "../config/config.ts";
import { limitRule } from "../config/setting_text.ts";
import type { Decision } from "../history/story.ts";
import { AUTH_NEEDS_TLS } from "../protocol/auth.ts";
import {
  BARE_LINE_END,
  TALKS_AHEAD,
  TOO_BIG,
  TOO_MANY_ERRORS,
  TOO_MANY_IDLE,
  TOO_MANY_RCPT,
} from "../protocol/replies.ts";
import { type SmtpReply, TOO_SLOW } from "../protocol/reply.ts";

/** A limit, or a rule in words. */
type Rule =
  & { readonly about: Decision["about"] }
  & (
    | { readonly limit: keyof Limits }
    | { readonly rule: string }
  );

const RULES: ReadonlyMap<SmtpReply, Rule> = new Map<SmtpReply, Rule>([
  [TOO_BIG, { about: "content", limit: "messageSize" }],
  [TOO_SLOW, { about: "limit", limit: "dataRate" }],
  [BARE_LINE_END, { about: "content", rule: "lines end in CRLF (RFC 5321 §2.3.8)" }],
  [TOO_MANY_RCPT, { about: "limit", limit: "recipients" }],
  [TOO_MANY_ERRORS, { about: "limit", limit: "errors" }],
  [TOO_MANY_IDLE, { about: "limit", limit: "idleCommands" }],
  [AUTH_NEEDS_TLS, { about: "login", rule: "auth_without_tls false" }],
  [TALKS_AHEAD, { about: "connection", rule: "forbid_unauth_pipelining" }],
]);

/** The rule that made the conversation give this reply; undefined where it only answers a mistake. */
export function conversationRule(answer: SmtpReply, limits: Limits): Decision | undefined {
  const found = RULES.get(answer);
  if (found === undefined) return undefined;
  const rule = "limit" in found ? limitRule(found.limit, limits) : found.rule;
  return { about: found.about, rule };
}

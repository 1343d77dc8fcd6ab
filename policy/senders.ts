/**
 * Which addresses a user may send from: one, all of a domain, or any. What is
 * written as none of these throws a `TypeError` that says what was expected.
 *
 * @module
 */
import { parseDomain, parseMailbox } from "../config/domain_name.ts";
import { canonicalDomain } from "../protocol/domain.ts";
import { splitMailbox } from "../protocol/mailbox.ts";

/** Addresses that a user may send from, in the form in which they are compared. */
export type SenderRule =
  | { readonly kind: "any" }
  | { readonly kind: "domain"; readonly domain: string }
  | { readonly kind: "mailbox"; readonly mailbox: string };

/**
 * Reads `*` (any), `@example.org` (all of a domain) or `anna@example.org`.
 *
 * @throws {TypeError} when it is none of them.
 */
export function parseSenderRule(text: string): SenderRule {
  if (text === "*") return { kind: "any" };
  if (text.startsWith("@")) return { kind: "domain", domain: parseDomain(text.slice(1)) };
  return { kind: "mailbox", mailbox: parseMailbox(text) };
}

/** A rule as it is written. */
export function formatSenderRule(rule: SenderRule): string {
  switch (rule.kind) {
    case "any":
      return "*";
    case "domain":
      return `@${rule.domain}`;
    case "mailbox":
      return rule.mailbox;
    default:
      return rule satisfies never;
  }
}

/** The rule that lets mail be from a mailbox; undefined where none does. Neither half's case matters. */
export function ruleForSender(
  rules: readonly SenderRule[],
  mailbox: string,
): SenderRule | undefined {
  const { localPart, domain: written } = splitMailbox(mailbox);
  const domain = canonicalDomain(written) ?? "";
  const comparable = `${localPart.toLowerCase()}@${domain}`;
  return rules.find((rule) => {
    switch (rule.kind) {
      case "any":
        return true;
      case "domain":
        return rule.domain === domain;
      case "mailbox":
        return rule.mailbox === comparable;
      default:
        return rule satisfies never;
    }
  });
}

/**
 * Texts in queries that stand for something else: times, addresses, and mailboxes
 * of which only the domain counts.
 *
 * @module
 */
import { z } from "zod";
import { canonicalAddress } from "../base/ip_address.ts";
import { parsedText } from "./parsed_text.ts";

/** A time: ISO 8601, or ms since 1970; in ms since 1970. */
export const timeText = parsedText((text) => {
  const ms = /^\d{1,15}$/.test(text) ? Number(text) : Date.parse(text);
  if (/^\d/.test(text) && Number.isFinite(ms)) return ms;
  throw new TypeError("expected a time, such as 2026-01-31T12:00:00Z");
});

/** An IP address, in its canonical form. */
export const ipAddress = parsedText((text) => {
  const address = canonicalAddress(text);
  if (address !== undefined) return address;
  throw new TypeError("expected an IP address");
});

/** A mailbox, or `*@` and a domain. */
export const mailboxPattern = z.string().min(1).max(1000);

/**
 * The limits that a server announces (LIMITS, RFC 9422), on both sides: ours as a
 * keyword of EHLO, and another's as a client reads them. What is not understood there
 * is no limit; nothing here throws.
 *
 * @module
 */

/** What a server takes over one connection and in one transaction; what is absent has no limit that it says. */
export interface PeerLimits {
  /** MAILMAX: transactions over one connection. */
  readonly mails?: number;
  /** RCPTMAX: recipients in one transaction. */
  readonly recipients?: number;
  /** RCPTDOMAINMAX: different domains among these. */
  readonly domains?: number;
}

/** The largest number that a limit can say (§4). */
const LARGEST = 999_999;
/** `NAME=VALUE` (§3), the value a number that is not 0. */
const LIMIT = /^(MAILMAX|RCPTMAX|RCPTDOMAINMAX)=([1-9][0-9]{0,5})$/;

const FIELDS: ReadonlyMap<string, keyof PeerLimits> = new Map([
  ["MAILMAX", "mails"],
  ["RCPTMAX", "recipients"],
  ["RCPTDOMAINMAX", "domains"],
]);

/** The line of EHLO that announces our limits. */
export function limitsKeyword({ mails, recipients }: PeerLimits): string {
  const words = ["LIMITS"];
  if (mails !== undefined) words.push(`MAILMAX=${Math.min(mails, LARGEST)}`);
  if (recipients !== undefined) words.push(`RCPTMAX=${Math.min(recipients, LARGEST)}`);
  return words.join(" ");
}

/** The limits in the words behind LIMITS, which are in upper case; undefined when there are none. */
export function parseLimits(words: readonly string[] = []): PeerLimits | undefined {
  let limits: PeerLimits | undefined;
  for (const word of words) {
    const [, name, value] = LIMIT.exec(word) ?? [];
    if (name !== undefined) limits = { ...limits, [FIELDS.get(name)!]: Number(value) };
  }
  return limits;
}

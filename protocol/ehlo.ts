/**
 * EHLO on both sides (RFC 5321 §4.1.1.1): the lists that the command table makes,
 * for EHLO and HELP, and what a client reads out of a server's list. A keyword that
 * is not understood is kept and ignored; nothing here throws.
 *
 * @module
 */
import type { Command, Offer } from "./command_table.ts";
import { parseLimits, type PeerLimits } from "./limits.ts";
import { reply, type SmtpReply } from "./reply.ts";

/** Extensions of the conversation as a whole, and of no command (RFC 2920, RFC 2034). */
const GENERAL = ["PIPELINING", "ENHANCEDSTATUSCODES"];

/** The reply to EHLO: the server's name, then every extension that a row of the table brings. */
export function ehloReply(
  hostname: string,
  table: Iterable<Pick<Command<never, never>, "keywords" | "offered">>,
  offer: Offer,
): SmtpReply {
  const keywords = [...GENERAL];
  for (const command of table) {
    if (isOffered(command, offer)) keywords.push(...command.keywords?.(offer) ?? []);
  }
  return reply(250, "", hostname, ...keywords);
}

/** The reply to HELP: how each command that is there is written, or the one that is asked about. */
export function helpReply(
  table: ReadonlyMap<string, Pick<Command<never, never>, "usage" | "offered">>,
  topic: string,
  offer: Offer,
): SmtpReply {
  const asked = table.get(topic.toUpperCase());
  if (asked !== undefined && isOffered(asked, offer)) return reply(214, "2.0.0", asked.usage);
  if (topic !== "") return reply(504, "5.5.4", "No help on that");
  const there = table.values().filter((command) => isOffered(command, offer));
  return reply(214, "2.0.0", "Commands:", ...there.map(({ usage }) => usage));
}

function isOffered({ offered }: Pick<Command<never, never>, "offered">, offer: Offer): boolean {
  return offered?.(offer) ?? true;
}

/** What a server offers, as its reply to EHLO says. */
export class Extensions {
  /** The words behind each keyword, which is in upper case. */
  readonly keywords: ReadonlyMap<string, readonly string[]>;
  /** RFC 9422; undefined when it announces none. */
  readonly limits: PeerLimits | undefined;

  /** Whether we have logged in there. */
  readonly authenticated: boolean;

  /** Wraps a list. @param keywords by upper-case keyword, the words behind it */
  constructor(keywords: ReadonlyMap<string, readonly string[]>, authenticated = false) {
    this.keywords = keywords;
    this.authenticated = authenticated;
    this.limits = parseLimits(keywords.get("LIMITS"));
  }

  /** The same once we have logged in. */
  afterLogin(): Extensions {
    return new Extensions(this.keywords, true);
  }

  /** The largest message it takes, in octets (RFC 1870); undefined when it does not say, or says 0. */
  get size(): number | undefined {
    const word = this.keywords.get("SIZE")?.[0] ?? "";
    return /^[0-9]{1,20}$/.test(word) && Number(word) > 0 ? Number(word) : undefined;
  }

  /** Whether SIZE may be given with MAIL. */
  get sizeDeclared(): boolean {
    return this.keywords.has("SIZE");
  }

  /** RFC 2920. */
  get pipelining(): boolean {
    return this.keywords.has("PIPELINING");
  }

  /** RFC 6152. */
  get eightBitMime(): boolean {
    return this.keywords.has("8BITMIME");
  }

  /** Whether content of any octets can be given in chunks (RFC 3030 §2 and §3). */
  get binaryMime(): boolean {
    return this.keywords.has("BINARYMIME") && this.keywords.has("CHUNKING");
  }

  /** RFC 6531. */
  get smtputf8(): boolean {
    return this.keywords.has("SMTPUTF8");
  }

  /** RFC 6710. */
  get mtPriority(): boolean {
    return this.keywords.has("MT-PRIORITY");
  }

  /** RFC 3461. */
  get dsn(): boolean {
    return this.keywords.has("DSN");
  }

  /** The least time that it takes on itself to deliver in, seconds (RFC 2852 §2); undefined where it knows of no such times. */
  get leastDeliverBy(): number | undefined {
    const words = this.keywords.get("DELIVERBY");
    return words && Number(/^[0-9]{1,9}/.exec(words[0] ?? "")?.[0] ?? 0);
  }

  /** RFC 8689. */
  get requireTls(): boolean {
    return this.keywords.has("REQUIRETLS");
  }

  /** RFC 3207. */
  get startTls(): boolean {
    return this.keywords.has("STARTTLS");
  }

  /** The SASL mechanisms, in upper case (RFC 4954). */
  get authMechanisms(): readonly string[] {
    return this.keywords.get("AUTH") ?? [];
  }
}

/** Reads the reply to EHLO. Of a keyword that comes twice the first line counts. */
export function parseEhlo(answer: SmtpReply): Extensions {
  const keywords = new Map<string, readonly string[]>();
  for (const line of answer.lines.slice(1)) {
    const [keyword, ...words] = line.toUpperCase().split(" ").filter((word) => word !== "");
    if (keyword !== undefined && !keywords.has(keyword)) keywords.set(keyword, words);
  }
  return new Extensions(keywords);
}

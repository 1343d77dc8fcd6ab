/**
 * Who may send what where. Closed by default: clients that have logged in,
 * those in the trusted networks, or with a trusted certificate, may send to anyone, everybody else only to the local
 * domains. Nothing here
 * fails; a refusal is a reply, and every answer names its rule.
 *
 * @module
 */
import { LOOPBACK_NETWORKS } from "../config/config.ts";
import type { Decision } from "../history/story.ts";
import type { ClientInfo } from "../message/envelope.ts";
import type { RcptCommand } from "../protocol/handler.ts";
import { RELAY_DENIED, reply, type SmtpReply } from "../protocol/reply.ts";
import type { Judgement } from "./judgement.ts";
import { Networks } from "./networks.ts";

/** What the rules are made from. */
export interface RelayRules {
  /** CIDR networks whose clients may send to anyone. */
  readonly trust: readonly string[];
  /** Domains that anyone may send to: lower case, A-labels. */
  readonly localDomains: readonly string[];
  /** When not empty: the only addresses there are in the local domains; lower case. */
  readonly localRecipients: readonly string[];
  /** SHA-256 of the certificates whose holders may send to anyone; lower-case hexadecimal. */
  readonly trustCertificates: readonly string[];
}

/** A mailbox that is not in a local domain. */
export const NO_SUCH_USER: SmtpReply = reply(550, "5.1.1", "No such user here");

/** The relay rules of a server. */
export class RelayPolicy {
  #trusted: Networks;
  /** The decisions for clients in trusted networks. */
  #trust: ReadonlyMap<string, Decision>;
  /** The local domains, each with its rule. */
  #domains: ReadonlyMap<string, string>;
  #recipients: ReadonlySet<string>;
  #certificates: ReadonlySet<string>;

  /** @throws {TypeError} for a trusted network that is not well-formed. */
  constructor(rules: RelayRules) {
    const standsIn = rules.trust === LOOPBACK_NETWORKS ? " (default)" : "";
    this.#trusted = new Networks(rules.trust);
    this.#trust = new Map(
      rules.trust.map((network) => [
        network,
        { about: "connection", rule: `trust ${network}${standsIn}` },
      ]),
    );
    this.#domains = new Map(rules.localDomains.map((domain) => [domain, `local_domain ${domain}`]));
    this.#recipients = new Set(rules.localRecipients);
    this.#certificates = new Set(rules.trustCertificates);
  }

  /** Whether whoever is at this address may send to anyone, and is free of the limits for strangers. */
  trusts(address: string): boolean {
    return this.#trusted.has(address);
  }

  /** Whether this client may send to anyone. */
  mayRelay(client: ClientInfo): boolean {
    return this.freedom(client) !== undefined;
  }

  /** Why this client may send to anyone: who it is, by its address, or by the certificate that it has shown; undefined when it may not. */
  freedom({ address, tls, user }: ClientInfo): Decision | undefined {
    if (user !== undefined) return { about: "login", rule: `user ${user}` };
    const network = this.#trusted.find(address);
    if (network !== undefined) return this.#trust.get(network);
    const fingerprint = tls?.fingerprint ?? "";
    if (!this.#certificates.has(fingerprint)) return undefined;
    return { about: "connection", rule: `trust_certificates ${fingerprint}` };
  }

  /** Whether a recipient is welcome. */
  judge(rcpt: RcptCommand, client: ClientInfo): Judgement {
    if (rcpt.domain === "") return this.#judgePostmaster(rcpt, client);
    const rule = this.#domains.get(rcpt.domain);
    if (rule === undefined) return this.#judgeRelay(rcpt, client, "is in no local_domain");
    const mailbox = this.#mailboxRule(rcpt, rule);
    if (mailbox === undefined) {
      return { refusal: NO_SUCH_USER, decision: about(rcpt, "local_recipients has it not") };
    }
    if (isRouted(rcpt.address) && !this.mayRelay(client)) {
      return this.#judgeRelay(rcpt, client, "has an address of its own in its local part");
    }
    return { decision: about(rcpt, mailbox) };
  }

  /** Whether a mailbox is there; undefined where that is not for this server to know, or not known to it. */
  knows({ address, domain }: Pick<RcptCommand, "address" | "domain">): boolean | undefined {
    if (this.#recipients.size === 0 || !this.#domains.has(domain)) return undefined;
    return this.#mailboxRule({ address, domain }, "") !== undefined;
  }

  /** The recipient is not ours, or not only: it is for those who may send to anyone. */
  #judgeRelay({ address }: RcptCommand, client: ClientInfo, why: string): Judgement {
    const decision = this.freedom(client);
    if (decision !== undefined) return { decision };
    const rule = `${why}, and its client is not in trust and has not logged in`;
    return {
      refusal: RELAY_DENIED,
      decision: { about: "recipient", rule, recipient: address },
    };
  }

  /** RFC 5321 §4.5.1: mail to postmaster is always taken where mail is taken at all. */
  #judgePostmaster(rcpt: RcptCommand, client: ClientInfo): Judgement {
    if (this.#domains.size === 0) return this.#judgeRelay(rcpt, client, "no local_domain is there");
    return { decision: about(rcpt, "postmaster is always taken") };
  }

  /** The rule by which a mailbox in a local domain is there; undefined where it is not. */
  #mailboxRule(
    { address, domain }: Pick<RcptCommand, "address" | "domain">,
    domainRule: string,
  ): string | undefined {
    if (this.#recipients.size === 0) return domainRule;
    const localPart = address.slice(0, address.lastIndexOf("@")).toLowerCase();
    if (localPart === "postmaster") return "postmaster is always taken";
    const mailbox = `${localPart}@${domain}`;
    return this.#recipients.has(mailbox) ? `local_recipients ${mailbox}` : undefined;
  }
}

function about({ address }: RcptCommand, rule: string): Decision {
  return { about: "recipient", rule, recipient: address };
}

/** Whether the local part holds an address of its own (`a%v@us`, `v!a@us`, `"a@v"@us`) that a host behind us might route on. */
function isRouted(address: string): boolean {
  return /[%!@]/.test(address.slice(0, address.lastIndexOf("@")));
}

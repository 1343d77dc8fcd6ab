/**
 * Who may send what where. Closed by default: clients that have logged in,
 * those in the trusted networks, or with a trusted certificate, may send to anyone, everybody else only to the local
 * domains. Nothing here
 * fails; a refusal is a reply.
 *
 * @module
 */
import type { ClientInfo } from "../message/envelope.ts";
import type { RcptCommand } from "../protocol/handler.ts";
import { RELAY_DENIED, reply, type SmtpReply } from "../protocol/reply.ts";
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
  #domains: ReadonlySet<string>;
  #recipients: ReadonlySet<string>;
  #certificates: ReadonlySet<string>;

  /** @throws {TypeError} for a trusted network that is not well-formed. */
  constructor(rules: RelayRules) {
    this.#trusted = new Networks(rules.trust);
    this.#domains = new Set(rules.localDomains);
    this.#recipients = new Set(rules.localRecipients);
    this.#certificates = new Set(rules.trustCertificates);
  }

  /** Whether whoever is at this address may send to anyone, and is free of the limits for strangers. */
  trusts(address: string): boolean {
    return this.#trusted.has(address);
  }

  /** Whether this client may send to anyone: who it is, by its address, or by the certificate that it has shown. */
  mayRelay({ address, tls, user }: ClientInfo): boolean {
    return user !== undefined || this.trusts(address) ||
      this.#certificates.has(tls?.fingerprint ?? "");
  }

  /** The refusal of a recipient; undefined when it is welcome. */
  refusal(rcpt: RcptCommand, client: ClientInfo): SmtpReply | undefined {
    const local = rcpt.domain === "" || this.#domains.has(rcpt.domain);
    if (!local) return this.mayRelay(client) ? undefined : RELAY_DENIED;
    // RFC 5321 §4.5.1: mail to postmaster is always taken where mail is taken at all.
    if (rcpt.domain === "") return this.#postmasterRefusal(client);
    if (this.#isUnknown(rcpt)) return NO_SUCH_USER;
    return isRouted(rcpt.address) && !this.mayRelay(client) ? RELAY_DENIED : undefined;
  }

  /** Whether a mailbox is there; undefined where that is not for this server to know, or not known to it. */
  knows({ address, domain }: Pick<RcptCommand, "address" | "domain">): boolean | undefined {
    if (this.#recipients.size === 0 || !this.#domains.has(domain)) return undefined;
    return !this.#isUnknown({ address, domain });
  }

  #postmasterRefusal(client: ClientInfo): SmtpReply | undefined {
    return this.#domains.size > 0 || this.mayRelay(client) ? undefined : RELAY_DENIED;
  }

  #isUnknown(rcpt: Pick<RcptCommand, "address" | "domain">): boolean {
    if (this.#recipients.size === 0) return false;
    const localPart = rcpt.address.slice(0, rcpt.address.lastIndexOf("@")).toLowerCase();
    return localPart !== "postmaster" && !this.#recipients.has(`${localPart}@${rcpt.domain}`);
  }
}

/** Whether the local part holds an address of its own (`a%v@us`, `v!a@us`, `"a@v"@us`) that a host behind us might route on. */
function isRouted(address: string): boolean {
  return /[%!@]/.test(address.slice(0, address.lastIndexOf("@")));
}

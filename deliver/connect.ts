/**
 * From an address to a client that is ready for mail: connection, greeting,
 * EHLO, TLS as good as it can be had or as it is demanded, and AUTH. Fails with
 * {@linkcode DeliveryFailure} only, of scope `host`.
 *
 * @module
 */
import type { Clock } from "../base/clock.ts";
import type { DeliverySettings } from "../config/config.ts";
import { Extensions, parseEhlo } from "../protocol/ehlo.ts";
import { replyText, type SmtpReply } from "../protocol/reply.ts";
import { ReplySyntaxError } from "../protocol/reply_reader.ts";
import type { DeliveryError } from "../queue/queue.ts";
import { canVerify, unverifiedTls, verifiedTls } from "../transport/client_tls.ts";
import { TimeoutError } from "../transport/connection.ts";
import type { Deadlines } from "../transport/deadlines.ts";
import { SmtpClient } from "./client.ts";
import { type Demand, demandOf, policyText } from "./demand.ts";
import { dial } from "./dial.ts";
import { Dialogue } from "./dialogue.ts";
import {
  DeliveryFailure,
  injectionFailure,
  mechanismFailure,
  networkFailure,
  replyFailure,
  requireTlsFailure,
  scramFailure,
  securityFailure,
} from "./failure.ts";
import { logIn } from "./log_in.ts";
import type { Host } from "./route.ts";
import { SetupNotes } from "./setup_notes.ts";
import type { UnverifiableHosts } from "./unverifiable.ts";

/** How to connect. */
export interface ConnectOptions {
  /** What this server calls itself in EHLO. */
  readonly hostname: string;
  /** Timeouts, authorities, and the smarthost with its password where there is one. */
  readonly settings: DeliverySettings;
  /** Watch over the connections. */
  readonly deadlines: Deadlines;
  /** The clock of the deadlines. */
  readonly clock: Clock;
  /** Hosts with which verified TLS failed; learns. One for all connections. */
  readonly unverifiable: UnverifiableHosts;
  /** Gives the attempt up. */
  readonly signal?: AbortSignal;
  /** Whether the mail requires verified TLS (RFC 8689). */
  readonly requireTls?: boolean;
}

/** What TLS is tried on a connection. */
type TlsLevel = "verified" | "unverified" | "none";

/** A connection of one level: a client, or a handshake that failed. */
type Opening =
  | { readonly kind: "client"; readonly client: SmtpClient }
  | { readonly kind: "handshake failed"; readonly error: DeliveryError };

/**
 * Connects to a host and makes it ready for mail. Where nothing more is
 * demanded and TLS fails, connects anew with less: without verifying, and at
 * last, where no handshake succeeds at all, without TLS.
 *
 * @throws {DeliveryFailure} with what was noted until then.
 */
export async function openClient(host: Host, options: ConnectOptions): Promise<SmtpClient> {
  const requireTls = options.requireTls ?? false;
  const demand = demandOf(host.isRedirect ? {} : options.settings, requireTls);
  const notes = new SetupNotes(policyText(demand, requireTls), options.clock);
  try {
    return await openAs(demand, host, options, notes);
  } catch (error) {
    if (error instanceof DeliveryFailure) error.setup = notes.facts();
    throw error;
  }
}

async function openAs(
  demand: Demand,
  host: Host,
  options: ConnectOptions,
  notes: SetupNotes,
): Promise<SmtpClient> {
  let level: TlsLevel | undefined = firstLevel(host, demand, options, notes);
  while (true) {
    const opening = await new Setup(host, level, demand, options, notes).run();
    if (opening.kind === "client") return opening.client;
    level = demand.kind === "opportunistic" ? lower(level) : undefined;
    if (level === undefined) throw new DeliveryFailure("tls", opening.error);
  }
}

function firstLevel(
  host: Host,
  demand: Demand,
  { unverifiable, requireTls }: ConnectOptions,
  notes: SetupNotes,
): TlsLevel {
  const known = canVerify(host.name)
    ? unverifiable.reasonFor(host)
    : "no certificate can be verified for a host of this name";
  if (known !== undefined) notes.because(known);
  if (demand.kind === "opportunistic") return known === undefined ? "verified" : "unverified";
  if (canVerify(host.name)) return "verified";
  const error = requireTls
    ? requireTlsFailure("not verifiable", host)
    : securityFailure("unverifiable", host);
  throw new DeliveryFailure("tls", error);
}

function lower(level: TlsLevel): TlsLevel | undefined {
  switch (level) {
    case "verified":
      return "unverified";
    case "unverified":
      return "none";
    case "none":
      return undefined;
  }
}

/** The way to a client over one connection. */
class Setup {
  readonly #host: Host;
  readonly #level: TlsLevel;
  readonly #demand: Demand;
  readonly #options: ConnectOptions;
  readonly #notes: SetupNotes;

  constructor(
    host: Host,
    level: TlsLevel,
    demand: Demand,
    options: ConnectOptions,
    notes: SetupNotes,
  ) {
    this.#host = host;
    this.#level = level;
    this.#demand = demand;
    this.#options = options;
    this.#notes = notes;
    notes.enter("connect");
  }

  /** @throws {DeliveryFailure} */
  async run(): Promise<Opening> {
    const { signal } = this.#options;
    let dialogue: Dialogue | undefined;
    const hangUp = () => dialogue?.close();
    signal?.addEventListener("abort", hangUp);
    try {
      dialogue = await this.#dial();
      signal?.throwIfAborted(); // it may have been between the connection and this line
      return { kind: "client", client: await this.#introduce(dialogue) };
    } catch (error) {
      // A host that was understood, and is of no use, is not cut off.
      if (error instanceof DeliveryFailure) await dialogue?.end();
      dialogue?.close();
      if (this.#notes.stage === "tls") return this.#handshakeFailed(error);
      throw this.#failureFor(error);
    } finally {
      signal?.removeEventListener("abort", hangUp);
    }
  }

  /** @throws {DeliveryFailure} on a timeout: silence says nothing about TLS, and gives no reason to try less. */
  #handshakeFailed(error: unknown): Opening {
    const failure = networkFailure("tls", error, this.#host);
    this.#notes.because(failure.text);
    if (this.#level === "verified") this.#options.unverifiable.add(this.#host, failure.text);
    if (error instanceof TimeoutError) throw this.#failureFor(error);
    // What else may break a handshake passes; a certificate that does not verify is an answer.
    if (this.#options.requireTls && error instanceof Deno.errors.InvalidData) {
      throw this.#failure(requireTlsFailure("not verified", this.#host));
    }
    return { kind: "handshake failed", error: failure };
  }

  async #dial(): Promise<Dialogue> {
    const { settings, clock, deadlines, signal } = this.#options;
    const options = { timeout: settings.connectTimeout, clock, deadlines, signal };
    return new Dialogue(await dial(this.#host, options), clock);
  }

  async #introduce(dialogue: Dialogue): Promise<SmtpClient> {
    const { settings } = this.#options;
    if (this.#demand.kind === "implicit") await this.#secure(dialogue);
    await this.#greeting(dialogue);
    let extensions = await this.#hello(dialogue);
    if (await this.#startTls(dialogue, extensions)) extensions = await this.#hello(dialogue);
    extensions = await this.#logIn(dialogue, extensions);
    const setup = this.#notes.facts(dialogue.tls);
    return new SmtpClient(dialogue, { host: this.#host, extensions, settings, setup });
  }

  async #greeting(dialogue: Dialogue): Promise<void> {
    this.#notes.enter("greeting");
    const greeting = await dialogue.reply(this.#options.settings.commandTimeout);
    if (greeting.code !== 220) throw this.#refusedBy(greeting);
  }

  /** EHLO, or HELO where the server does not know that (RFC 5321 §3.2). */
  async #hello(dialogue: Dialogue): Promise<Extensions> {
    this.#notes.enter("ehlo");
    const { hostname } = this.#options;
    const extended = await this.#command(dialogue, `EHLO ${hostname}`);
    if (extended.code === 250) return parseEhlo(extended);
    if (extended.code < 500) throw this.#refusedBy(extended);
    const plain = await this.#command(dialogue, `HELO ${hostname}`);
    if (plain.code !== 250) throw this.#refusedBy(plain);
    return new Extensions(new Map());
  }

  /** Asks for TLS where it is wanted and not there yet; tells whether it is there now. */
  async #startTls(dialogue: Dialogue, extensions: Extensions): Promise<boolean> {
    if (this.#level === "none" || dialogue.tls !== undefined) return false;
    const isDemanded = this.#demand.kind !== "opportunistic";
    if (!extensions.startTls) {
      this.#notes.because("the host does not offer STARTTLS");
      if (!isDemanded) return false;
      this.#notes.enter("starttls");
      throw this.#failure(this.#missingTls());
    }
    this.#notes.enter("starttls");
    const answer = await this.#command(dialogue, "STARTTLS");
    if (answer.code !== 220) {
      this.#notes.because(`the host refuses STARTTLS: ${replyText(answer)}`);
      if (isDemanded || answer.code < 400 || answer.code === 421) throw this.#refusedBy(answer);
      return false; // it thought better of it: what is left is plaintext
    }
    // Whoever put octets behind the reply wants them read as coming from inside TLS (RFC 3207 §6).
    if (dialogue.pending) throw this.#failure(injectionFailure(this.#host));
    await this.#secure(dialogue);
    return true;
  }

  #missingTls(): DeliveryError {
    const { requireTls } = this.#options;
    if (requireTls) return requireTlsFailure("no STARTTLS", this.#host);
    return securityFailure("missing", this.#host);
  }

  /** The handshake counts as connecting: it has that much time. */
  async #secure(dialogue: Dialogue): Promise<void> {
    this.#notes.enter("tls");
    const { connectTimeout, caCerts } = this.#options.settings;
    const { name } = this.#host;
    const upgrade = this.#level === "verified" ? verifiedTls(name, caCerts) : unverifiedTls(name);
    await dialogue.secure(upgrade, connectTimeout);
  }

  /**
   * Logs in where there is a password; gives what the host offers from then on. A
   * refusal is temporary as every one before MAIL: a wrong password must not bounce
   * all mail.
   */
  async #logIn(dialogue: Dialogue, extensions: Extensions): Promise<Extensions> {
    const demand = this.#demand;
    if (demand.kind === "opportunistic" || demand.credentials === undefined) return extensions;
    this.#notes.enter("auth");
    const ask = (line: string) => this.#command(dialogue, line);
    const outcome = await logIn(extensions, demand.credentials, ask, newNonce());
    switch (outcome.kind) {
      case "in":
        return extensions.afterLogin();
      case "no mechanism":
        throw this.#failure(mechanismFailure(this.#host));
      case "refused":
        throw this.#refusedBy(outcome.reply);
      case "not believed":
        throw this.#failure(scramFailure(outcome.why, this.#host));
      default:
        return outcome satisfies never;
    }
  }

  #command(dialogue: Dialogue, line: string): Promise<SmtpReply> {
    return dialogue.command(line, this.#options.settings.commandTimeout);
  }

  #refusedBy(answer: SmtpReply): DeliveryFailure {
    return this.#failure(replyFailure(this.#notes.stage, answer, this.#host));
  }

  #failure(error: DeliveryError): DeliveryFailure {
    return new DeliveryFailure(this.#notes.stage, error);
  }

  #failureFor(error: unknown): DeliveryFailure {
    if (error instanceof DeliveryFailure) return error;
    // What is no reply to AUTH may be the command itself, sent back with the password in it.
    const { stage } = this.#notes;
    const isEcho = stage === "auth" && error instanceof ReplySyntaxError;
    const shown = isEcho ? new ReplySyntaxError("not a reply") : error;
    return this.#failure(networkFailure(stage, shown, this.#host));
  }
}

/** A nonce for SCRAM. */
function newNonce(): string {
  return crypto.getRandomValues(new Uint8Array(18)).toBase64();
}

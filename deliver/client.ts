/**
 * A connection to a mail host that is ready for mail: carries one transaction
 * after another. Nothing that peers or networks do makes a call reject; what
 * went wrong is in the results, and in {@linkcode SmtpClient.usable}.
 *
 * @module
 */
import type { DeliverySettings } from "../config/config.ts";
import type { RouteFact } from "../history/story.ts";
import type { TlsInfo } from "../message/envelope.ts";
import { DotStuffer } from "../protocol/dot_stuff.ts";
import type { Extensions } from "../protocol/ehlo.ts";
import type { Dialogue } from "./dialogue.ts";
import type { Transaction } from "./mail_plan.ts";
import type { Host } from "./route.ts";
import type { SetupFacts } from "./setup_notes.ts";
import { type Standing, transact, type TransactionResult } from "./transaction.ts";

export type { Transaction } from "./mail_plan.ts";
export type { RecipientOutcome, TransactionResult } from "./transaction.ts";

/** How long the reply to QUIT may take, ms. */
const QUIT_TIMEOUT = 3000;

/** What a client needs to know of its conversation. */
export interface ClientOptions {
  /** Who it is with. */
  readonly host: Host;
  /** What the host offers, as it said last. */
  readonly extensions: Extensions;
  /** Timeouts, and how many messages a connection may carry. */
  readonly settings: DeliverySettings;
  /** What was noted while it was made ready. */
  readonly setup: SetupFacts;
}

/** A client that has introduced itself. */
export class SmtpClient {
  /** Who it is connected to. */
  readonly host: Host;
  /** What the host offers. */
  readonly extensions: Extensions;
  /** How it came to be ready for mail. */
  readonly setup: SetupFacts;
  /** How its host was found, as far as whoever connected to it says so. */
  route: RouteFact | undefined;
  readonly #dialogue: Dialogue;
  readonly #settings: DeliverySettings;
  /** Transactions that it may carry: what the settings say, or less if the host does (RFC 9422). */
  readonly #most: number;
  readonly #stuffer = new DotStuffer();
  #standing: Standing = "clean";
  #transactions = 0;

  /** Takes over the conversation after EHLO, TLS and AUTH. */
  constructor(dialogue: Dialogue, { host, extensions, settings, setup }: ClientOptions) {
    this.#dialogue = dialogue;
    this.setup = setup;
    this.host = host;
    this.extensions = extensions;
    this.#settings = settings;
    this.#most = Math.min(settings.messagesPerConnection, extensions.limits?.mails ?? Infinity);
  }

  /** The TLS session; undefined in plaintext. */
  get tls(): TlsInfo | undefined {
    return this.#dialogue.tls;
  }

  /** Whether it may carry another message: nothing broke, and it has not carried its fill. */
  get usable(): boolean {
    return this.#standing !== "over" && !this.#dialogue.pending &&
      this.#transactions < this.#most;
  }

  /** Hands a message over. One at a time. Never rejects. */
  async transact(transaction: Transaction): Promise<TransactionResult> {
    const { result, standing } = await transact(transaction, {
      dialogue: this.#dialogue,
      host: this.host,
      extensions: this.extensions,
      stuffer: this.#stuffer,
      settings: this.#settings,
      reused: this.#transactions++ > 0,
      standing: this.#standing,
    });
    this.#standing = standing;
    return result;
  }

  /**
   * Takes leave as RFC 5321 §4.1.1.10 wants it, and of TLS by its own farewell, within a
   * few seconds, and hangs up. Never rejects.
   */
  async quit(): Promise<void> {
    try {
      if (this.#standing === "over") return;
      await this.#dialogue.command("QUIT", QUIT_TIMEOUT);
      await this.#dialogue.end();
    } catch {
      // It is gone already: nobody is left to take leave of.
    } finally {
      this.close();
    }
  }

  /** Hangs up. A transaction under way fails. */
  close(): void {
    this.#standing = "over";
    this.#dialogue.close();
  }
}

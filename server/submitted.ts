/**
 * The content of a submitted message on its way to where it is received: its
 * header section is held back until it is whole, then checked and completed (RFC
 * 6409 §6, §8). What is there stays as it is, but for Bcc. A message whose author
 * its user may not be is refused with 550.
 *
 * @module
 */
import { type Bytes, concat, encode } from "../base/bytes.ts";
import type { MaybePromise } from "../base/maybe_promise.ts";
import { rfc5322Date } from "../message/date.ts";
import { type Field, fieldsOf, valueOf } from "../message/fields.ts";
import { HeaderScanner } from "../message/headers.ts";
import { mailboxesIn } from "../message/mailbox_list.ts";
import type { MessageSink } from "../protocol/handler.ts";
import { reply, type SmtpReply } from "../protocol/reply.ts";

/** What completing needs to know. */
export interface SubmittedOptions {
  /** The queue id, for a Message-ID. */
  readonly id: string;
  /** What the server calls itself, likewise. */
  readonly hostname: string;
  /** The time for a Date, ms since 1970. */
  readonly now: number;
  /** The most of a header section, octets; more than that is passed on to be refused. */
  readonly headerSize: number;
  /** Whether the user may send as a mailbox; `""` stands for one that cannot be read. */
  readonly mayAppearAs: (mailbox: string) => boolean;
  /** Told of a refusal. */
  readonly refused: (answer: SmtpReply) => void;
}

/** Fields that name whom nobody else is to know of (RFC 5322 §3.6.3, §3.6.6). */
const BLIND: ReadonlySet<string> = new Set(["bcc", "resent-bcc"]);

const NO_FROM = reply(550, "5.6.0", "Message has no From field");
const TWO_FROM = reply(550, "5.6.0", "Message has more than one From or Sender field");
const NOT_YOURS = reply(550, "5.7.1", "From or Sender is not an address that you may send from");

/** Where the content stands: in its header section, behind it, or refused. */
type Stage =
  | { readonly name: "header"; readonly parts: Bytes[]; readonly scanner: HeaderScanner }
  | { readonly name: "body" }
  | { readonly name: "refused"; readonly reply: SmtpReply };

/** Completes a message, and hands it on. */
export class SubmittedSink implements MessageSink {
  readonly #inner: MessageSink;
  readonly #options: SubmittedOptions;
  #stage: Stage = { name: "header", parts: [], scanner: new HeaderScanner() };

  /** Hands on to `inner`. */
  constructor(inner: MessageSink, options: SubmittedOptions) {
    this.#inner = inner;
    this.#options = options;
  }

  write(chunk: Uint8Array): MaybePromise<void> {
    const stage = this.#stage;
    switch (stage.name) {
      case "body":
        return this.#inner.write(chunk);
      case "refused":
        return;
      case "header": {
        const { parts, scanner } = stage;
        parts.push(chunk.slice());
        scanner.write(chunk);
        const { complete, octets } = scanner.facts;
        return complete || octets > this.#options.headerSize
          ? this.#endHeader(parts, octets)
          : undefined;
      }
      default:
        return stage satisfies never;
    }
  }

  async finish(): Promise<SmtpReply> {
    if (this.#stage.name === "header") {
      const { parts, scanner } = this.#stage;
      scanner.end();
      await this.#endHeader(parts, scanner.facts.octets);
    }
    return this.#stage.name === "refused" ? this.#stage.reply : await this.#inner.finish();
  }

  abort(): void {
    if (this.#stage.name !== "refused") this.#inner.abort();
  }

  /** The header section is whole, or too long to be one. */
  #endHeader(parts: readonly Uint8Array[], size: number): MaybePromise<void> {
    const content = concat(parts);
    if (size > this.#options.headerSize) return this.#goOn(content);
    const fields = fieldsOf(content.subarray(0, size));
    const refusal = this.#refusal(fields);
    if (refusal !== undefined) return this.#refuse(refusal);
    const kept = fields.filter(({ name }) => !BLIND.has(name)).map(({ octets }) => octets);
    return this.#goOn(concat([this.#missing(fields), ...kept, content.subarray(size)]));
  }

  #goOn(content: Bytes): MaybePromise<void> {
    this.#stage = { name: "body" };
    return this.#inner.write(content);
  }

  #refuse(answer: SmtpReply): void {
    this.#stage = { name: "refused", reply: answer };
    this.#options.refused(answer);
    this.#inner.abort();
  }

  /** Why the user may not send this. Resent fields speak of an earlier message. */
  #refusal(fields: readonly Field[]): SmtpReply | undefined {
    const authors = fields.filter(({ name }) => name === "from");
    const senders = fields.filter(({ name }) => name === "sender");
    if (authors.length === 0) return NO_FROM;
    if (authors.length > 1 || senders.length > 1) return TWO_FROM;
    const mailboxes = [...authors, ...senders].flatMap((field) =>
      mailboxesIn(valueOf(field)) ?? [""]
    );
    return mailboxes.every(this.#options.mayAppearAs) ? undefined : NOT_YOURS;
  }

  /** The fields that every message has (RFC 5322 §3.6, RFC 6409 §8.2, §8.3), where it has none. */
  #missing(fields: readonly Field[]): Bytes {
    const { id, hostname, now } = this.#options;
    const has = (wanted: string) => fields.some(({ name }) => name === wanted);
    return encode(
      (has("date") ? "" : `Date: ${rfc5322Date(now)}\r\n`) +
        (has("message-id") ? "" : `Message-ID: <${id}@${hostname}>\r\n`),
    );
  }
}

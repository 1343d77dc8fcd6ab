/**
 * Reads a captured message: its fields, texts and attachments. Nothing in it is
 * believed: what is broken comes out as well as it can be read, and what is too large
 * is read up to a bound. Throws only what reading its content throws.
 *
 * @module
 */
import PostalMime, { type Address, type Attachment, type Email } from "postal-mime";
import { concat } from "../../base/bytes.ts";
import type { Content } from "../../queue/queue.ts";

/** The most content that is read, octets: the parser needs a few times as much memory. */
const LARGEST_READ = 32 * 1024 * 1024;
/** The most attachments that are shown. */
const MOST_ATTACHMENTS = 1000;
/** The most links that are listed. */
const MOST_LINKS = 200;
/** The longest link, characters. */
const LONGEST_LINK = 2000;

/** A part that is no text of the message. */
export interface Part {
  /** Its number, from 0: how it is asked for. */
  readonly n: number;
  readonly name: string;
  /** Its media type, as its sender says. */
  readonly type: string;
  /** Octets. */
  readonly size: number;
  /** Its Content-ID without angle brackets, where its HTML may name it. */
  readonly contentId?: string;
  readonly octets: Uint8Array<ArrayBuffer>;
}

/** A message that was read. */
export interface ParsedMessage {
  readonly headers: readonly { readonly name: string; readonly value: string }[];
  /** The From field as it is read by people; empty when there is none. */
  readonly from: string;
  readonly to: readonly string[];
  readonly cc: readonly string[];
  readonly subject: string;
  readonly messageId?: string;
  readonly date?: string;
  readonly text: string;
  /** As it came: not fit to be shown. */
  readonly html?: string;
  /** The addresses that text and HTML lead to. */
  readonly links: readonly string[];
  readonly parts: readonly Part[];
  /** Whether it was too large to be read whole. */
  readonly cut: boolean;
}

/** Reads a message. @throws {QueueError} when its content cannot be read */
export async function parseMessage(content: Content): Promise<ParsedMessage> {
  const email = await PostalMime.parse(await startOf(content), {
    attachmentEncoding: "arraybuffer",
  });
  const { html, subject = "", messageId, date } = email;
  const text = email.text ?? "";
  return {
    headers: email.headers.map(({ originalKey, value }) => ({ name: originalKey, value })),
    from: addressText(email.from),
    to: (email.to ?? []).map(addressText),
    cc: (email.cc ?? []).map(addressText),
    subject,
    ...(messageId && { messageId }),
    ...(date && { date }),
    text,
    ...(html !== undefined && { html }),
    links: linksIn(text, html ?? ""),
    parts: partsOf(email),
    cut: content.size > LARGEST_READ,
  };
}

async function startOf(content: Content): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of content.stream()) {
    chunks.push(chunk.subarray(0, LARGEST_READ - size).slice());
    size += chunk.length;
    if (size >= LARGEST_READ) break;
  }
  return concat(chunks);
}

/** An address or a group of them, as people read it. */
function addressText(address: Address | undefined): string {
  if (address === undefined) return "";
  const { name, address: mailbox, group } = address;
  if (group !== undefined) return `${name}: ${group.map(addressText).join(", ")};`;
  return name ? `${name} <${mailbox ?? ""}>` : mailbox ?? "";
}

function partsOf({ attachments }: Email): Part[] {
  return attachments.slice(0, MOST_ATTACHMENTS).map((attachment, n) => {
    const octets = octetsOf(attachment);
    const contentId = attachment.contentId?.replace(/^<|>$/g, "");
    return {
      n,
      name: attachment.filename || `part-${n}`,
      type: attachment.mimeType,
      size: octets.length,
      ...(contentId && { contentId }),
      octets,
    };
  });
}

function octetsOf({ content }: Attachment): Uint8Array<ArrayBuffer> {
  if (typeof content === "string") return new TextEncoder().encode(content);
  return new Uint8Array(content as ArrayBuffer);
}

/** What looks like a link in the text, and what is one in the HTML; each once. */
function linksIn(text: string, html: string): string[] {
  const found = new Set<string>();
  const add = (link: string) => {
    if (link.length <= LONGEST_LINK && found.size < MOST_LINKS && URL.canParse(link)) {
      found.add(link);
    }
  };
  for (const [, link] of html.matchAll(/\bhref\s*=\s*["']?(https?:\/\/[^"'\s>]{1,2000})/gi)) {
    add(link!.replaceAll("&amp;", "&"));
  }
  for (const [link] of text.matchAll(/https?:\/\/[^\s<>"')\]]{1,2000}/gi)) {
    add(link.replace(/[.,;:!?]+$/, ""));
  }
  return [...found];
}

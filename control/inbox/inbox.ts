/**
 * The inbox: captured mail, for a person to look at and for a test to wait for. What
 * is in it is in the queue; here is only what was read of it, for as long as it is
 * there. Releasing one queues a copy for real delivery, and both stories tell of it.
 *
 * @module
 */
import type { Clock } from "../../base/clock.ts";
import { inSlices } from "../../base/slices.ts";
import type { Envelope } from "../../message/envelope.ts";
import { HeaderScanner } from "../../message/headers.ts";
import type { Content, Overview, Queue, QueuedMessage } from "../../queue/queue.ts";
import { pattern } from "../filter.ts";
import { Problem } from "../problem.ts";
import type { StoryHub } from "../target.ts";
import type { ParsedMessage } from "./parse.ts";

/** Which messages are looked for; all that is given has to hold. */
export interface InboxQuery {
  /** The mailbox of a recipient, in any case; `*` stands for any characters. */
  readonly to?: string;
  /** That of the sender. */
  readonly from?: string;
  /** A text in the subject, in any case. */
  readonly subject?: string;
  /** A text in the subject, the text or an address, in any case. */
  readonly q?: string;
  /** Not before this, ms since 1970. */
  readonly since?: number;
  readonly limit: number;
}

/** A copy that was sent for real. */
export interface Release {
  /** The id of the copy. */
  readonly id: string;
  /** When, ms since 1970. */
  readonly at: number;
  readonly to: readonly string[];
}

/** A captured message in a few words. */
export interface InboxEntry {
  readonly id: string;
  /** When it came, ms since 1970. */
  readonly at: number;
  /** The reverse-path. */
  readonly from: string;
  /** Everybody it was for. */
  readonly to: readonly string[];
  /** Octets. */
  readonly size: number;
  /** The From field. */
  readonly author: string;
  readonly subject: string;
  /** The start of its text. */
  readonly preview: string;
  readonly messageId?: string;
  /** How many attachments it has. */
  readonly attachments: number;
  readonly released: readonly Release[];
}

/** A captured message, read. */
export interface OpenedMessage {
  readonly entry: InboxEntry;
  readonly message: QueuedMessage;
  readonly parsed: ParsedMessage;
}

/** What the inbox needs. */
export interface InboxOptions {
  readonly queue: Queue;
  readonly clock: Clock;
  readonly stories: StoryHub;
}

/** What is kept of a message that was read. */
interface Card extends Pick<InboxEntry, "author" | "subject" | "messageId" | "attachments"> {
  /** The start of its text, characters of any case. */
  readonly text: string;
}

/** How much text of each message can be searched, characters. */
const SEARCHED = 8192;
/** How much of it a list shows. */
const PREVIEW = 160;
/** Who may wait at once. */
const MOST_WAITERS = 32;

/** The captured mail of one queue. */
export class Inbox {
  readonly #options: InboxOptions;
  readonly #cards = new Map<string, Card>();
  readonly #released = new Map<string, Release[]>();
  #waiters = 0;

  constructor(options: InboxOptions) {
    this.#options = options;
  }

  /** The messages that match, the newest first. */
  async find(query: InboxQuery): Promise<InboxEntry[]> {
    const found: InboxEntry[] = [];
    const isMeant = envelopeTest(query);
    for (const id of await this.#captured()) {
      if (found.length >= query.limit) break;
      const overview = this.#options.queue.overview(id);
      if (overview === undefined || !isMeant(overview)) continue;
      const entry = await this.#entry(overview);
      if (entry !== undefined && this.#matchesText(entry, query)) found.push(entry);
    }
    return found;
  }

  /** The same; when there is none, waits for one, `wait` ms at most. @throws {Problem} when too many wait */
  async waitFor(query: InboxQuery, wait: number, signal: AbortSignal): Promise<InboxEntry[]> {
    if (wait === 0) return await this.find(query);
    if (this.#waiters >= MOST_WAITERS) {
      throw new Problem("overloaded", `${MOST_WAITERS} wait for messages already`);
    }
    this.#waiters++;
    const { stories } = this.#options;
    const bell = new Bell();
    const leave = stories.add({
      take: (fact) => {
        if (fact.kind === "accepted" && fact.captured) bell.ring();
      },
    });
    const cancel = this.#options.clock.after(wait, () => bell.end());
    const gone = () => bell.end();
    signal.addEventListener("abort", gone, { once: true });
    try {
      for (;;) {
        const found = await this.find(query);
        if (found.length > 0 || bell.ended) return found;
        await bell.heard();
      }
    } finally {
      this.#waiters--;
      leave();
      cancel();
      signal.removeEventListener("abort", gone);
    }
  }

  /** Reads one message. @throws {Problem} when it is not in the inbox */
  async open(id: string): Promise<OpenedMessage> {
    const { message, content } = await this.#captive(id);
    const parsed = await parse(content);
    const overview = this.#options.queue.overview(id);
    if (overview === undefined) throw notThere(id);
    this.#cards.set(id, cardOf(parsed));
    return { entry: (await this.#entry(overview))!, message, parsed };
  }

  /** Its content, octet for octet. @throws {Problem} when it is not in the inbox */
  async content(id: string): Promise<Content> {
    return (await this.#captive(id)).content;
  }

  /** Removes messages; gives how many were there. */
  async remove(ids: readonly string[], by: string): Promise<number> {
    const { queue, stories, clock } = this.#options;
    let removed = 0;
    for (const id of ids) {
      if (queue.overview(id)?.state !== "captured") continue;
      if (await queue.steer(id, { kind: "remove" }) !== "done") continue;
      stories.take({ kind: "steered", at: clock.now(), id, action: "remove", by });
      this.#cards.delete(id);
      this.#released.delete(id);
      removed++;
    }
    return removed;
  }

  /**
   * Queues a copy for real delivery, to those it was for or to others; the captured one stays.
   *
   * @throws {Problem} when it is not in the inbox
   * @throws {QueueError} when the copy could not be made durable
   */
  async release(id: string, by: string, to?: readonly string[]): Promise<Release> {
    const { clock } = this.#options;
    const { message, content } = await this.#captive(id);
    const at = clock.now();
    const copy = await this.#copy(releasedEnvelope(message.envelope, to), content, id, by);
    const release = { id: copy, at, to: to ?? message.envelope.recipients };
    this.#released.set(id, [...this.#released.get(id) ?? [], release]);
    const detail = `queued as ${copy} for ${release.to.join(", ")}`.slice(0, 1000);
    this.#options.stories.take({ kind: "steered", at, id, action: "release", by, detail });
    return release;
  }

  /** How many there are. */
  get size(): number {
    return this.#options.queue.counts().captured;
  }

  async #copy(envelope: Envelope, content: Content, id: string, by: string): Promise<string> {
    const { queue, stories, clock } = this.#options;
    const at = clock.now();
    const header = new HeaderScanner();
    const draft = queue.draft();
    try {
      for await (const chunk of content.stream()) {
        header.write(chunk);
        await draft.write(chunk);
      }
    } catch (error) {
      await draft.abort();
      throw error;
    }
    const copy = await draft.commit(envelope);
    const { messageId, subject } = header.facts;
    stories.take({
      ...{ kind: "accepted", origin: "capture release", at, took: clock.now() - at },
      ...{ id: copy.id, client: envelope.client, from: envelope.reversePath },
      ...{ to: envelope.recipients, size: copy.size, messageId, subject },
      decisions: [{ about: "content", rule: `${id} was released from the inbox by ${by}` }],
    });
    return copy.id;
  }

  /** The ids of captured messages, the newest first. What was read of others is forgotten. */
  async #captured(): Promise<string[]> {
    const found: string[] = [];
    if (this.size === 0) return found;
    await inSlices(this.#options.queue.overviews(), ({ id, state }) => {
      if (state === "captured") found.push(id);
    });
    if (this.#cards.size > 2 * found.length) {
      const ids = new Set(found);
      for (const id of this.#cards.keys()) if (!ids.has(id)) this.#cards.delete(id);
      for (const id of this.#released.keys()) if (!ids.has(id)) this.#released.delete(id);
    }
    return found.sort().reverse();
  }

  async #captive(id: string): Promise<{ message: QueuedMessage; content: Content }> {
    const { queue } = this.#options;
    if (queue.overview(id)?.state !== "captured") throw notThere(id);
    const [message, content] = [await queue.read(id), await queue.contentOf(id)];
    if (message === undefined || content === undefined) throw notThere(id);
    return { message, content };
  }

  async #entry({ id, arrived, size, reversePath, recipients }: Overview): Promise<
    InboxEntry | undefined
  > {
    const card = await this.#card(id);
    if (card === undefined) return undefined;
    const { author, subject, messageId, attachments, text } = card;
    return {
      ...{ id, at: arrived, from: reversePath, to: recipients, size, author, subject },
      ...(messageId !== undefined && { messageId }),
      preview: text.slice(0, PREVIEW),
      attachments,
      released: this.#released.get(id) ?? [],
    };
  }

  async #card(id: string): Promise<Card | undefined> {
    const known = this.#cards.get(id);
    if (known !== undefined) return known;
    const content = await this.#options.queue.contentOf(id);
    if (content === undefined) return undefined;
    const card = cardOf(await parse(content));
    this.#cards.set(id, card);
    return card;
  }

  #matchesText(entry: InboxEntry, { subject, q }: InboxQuery): boolean {
    const has = (text: string, wanted: string) => text.toLowerCase().includes(wanted.toLowerCase());
    if (subject !== undefined && !has(entry.subject, subject)) return false;
    if (q === undefined) return true;
    const text = this.#cards.get(entry.id)?.text ?? "";
    return [entry.subject, entry.author, entry.from, ...entry.to, text].some((one) => has(one, q));
  }
}

/** Rings for one who waits, also when that one is not listening yet. */
class Bell {
  ended = false;
  #ring = Promise.withResolvers<void>();

  ring(): void {
    this.#ring.resolve();
  }

  end(): void {
    this.ended = true;
    this.ring();
  }

  /** Resolves at the first ring since the last time. */
  async heard(): Promise<void> {
    await this.#ring.promise;
    if (!this.ended) this.#ring = Promise.withResolvers<void>();
  }
}

/** Loaded with the first message that is read: a server without an inbox pays nothing for it. */
async function parse(content: Content): Promise<ParsedMessage> {
  const { parseMessage } = await import("./parse.ts");
  return await parseMessage(content);
}

/** The problem of a message that is not in the inbox. */
function notThere(id: string): Problem {
  return new Problem("not_found", `there is no message ${id} in the inbox`, { key: "id" });
}

function cardOf({ from, subject, messageId, parts, text, html = "" }: ParsedMessage): Card {
  const words = (text || html.slice(0, 4 * SEARCHED).replace(/<[^>]*>/g, " "))
    .slice(0, 2 * SEARCHED).replace(/\s+/g, " ").trim();
  return {
    author: from,
    subject: subject.slice(0, 1000),
    ...(messageId !== undefined && { messageId }),
    attachments: parts.length,
    text: words.slice(0, SEARCHED),
  };
}

function envelopeTest({ to, from, since = 0 }: InboxQuery): (overview: Overview) => boolean {
  const isTo = to === undefined ? undefined : pattern(to);
  const isFrom = from === undefined ? undefined : pattern(from === "<>" ? "" : from);
  return ({ arrived, reversePath, recipients }) =>
    arrived >= since && (isFrom?.(reversePath) ?? true) &&
    (isTo === undefined || recipients.some(isTo));
}

/** The envelope of a copy: the times that its sender chose are over, and what was asked for each recipient was not for others. */
function releasedEnvelope(envelope: Envelope, to: readonly string[] | undefined): Envelope {
  const { release: _, holdRequest: __, deliverBy: ___, ...rest } = envelope;
  if (to === undefined) return rest;
  const { dsn, ...plain } = rest;
  return { ...plain, recipients: to, ...(dsn && { dsn: { ...dsn, recipients: undefined } }) };
}

/**
 * What happens, as server-sent events: facts as they are told, and how much is in the
 * queue. Facts are sent a few times a second in one piece; whoever asks for more than
 * can be sent, or reads too slowly, is told how many were left out. A listener costs
 * the mail's way one comparison and one entry in a list for each fact.
 *
 * @module
 */
import { encode } from "../base/bytes.ts";
import type { Clock } from "../base/clock.ts";
import type { StoryFact } from "../history/story.ts";
import type { Queue } from "../queue/queue.ts";
import { Problem } from "./problem.ts";
import type { StoryHub } from "./target.ts";

/** What is sent how often, ms. */
const INTERVAL = 250;
/** The most facts that are sent each time: a person sees no more, and making them costs time. */
const MOST_FACTS = 50;
/** After as many intervals without anything something is sent, so that nothing on the way takes the connection for dead. */
const QUIET_INTERVALS = 60;
/** Pieces that wait for a reader. */
const MOST_WAITING = 4;

/** Listeners at once at one end of the API: other requests need connections there too. */
const MOST_LISTENERS = 24;

/** What is listened to. */
export interface EventSource {
  readonly stories: StoryHub;
  readonly queue: Queue;
  readonly clock: Clock;
}

/** Which facts are wanted. */
export type Wanted = (fact: StoryFact) => boolean;

/** Those who listen to one server. */
export class Audience {
  readonly #source: EventSource;
  /** How many there are by the end of the API where they listen: those at one leave room at the others. */
  readonly #listeners = new Map<string, number>();

  constructor(source: EventSource) {
    this.#source = source;
  }

  /**
   * The events from now on, until the signal is aborted or nobody reads them any more,
   * for one who asks at the end of the API that `by` names, see {@linkcode Admission}.
   *
   * @throws {Problem} when there are too many who listen
   */
  listen(wanted: Wanted, signal: AbortSignal, by: string): ReadableStream<Uint8Array> {
    const others = this.#listeners.get(by) ?? 0;
    if (others >= MOST_LISTENERS) {
      throw new Problem("overloaded", `there are ${MOST_LISTENERS} listeners already`);
    }
    this.#listeners.set(by, others + 1);
    let listener: EventListener | undefined;
    const over = () => void this.#listeners.set(by, this.#listeners.get(by)! - 1);
    return new ReadableStream<Uint8Array>({
      start: (out) => {
        listener = new EventListener({ ...this.#source, wanted, out, over });
        signal.addEventListener("abort", () => listener?.end(), { once: true });
      },
      cancel: () => listener?.end(),
    }, { highWaterMark: MOST_WAITING });
  }
}

/** What a listener has to do with. */
interface Listening extends EventSource {
  readonly wanted: Wanted;
  readonly out: ReadableStreamDefaultController<Uint8Array>;
  /** Called at its end. */
  readonly over: () => void;
}

/** One who listens. */
class EventListener {
  readonly #listening: Listening;
  readonly #leave: () => void;
  #cancelTimer: () => void = () => {};
  #facts: StoryFact[] = [];
  #missed = 0;
  #quiet = 0;
  #counts = "";
  #ended = false;

  constructor(listening: Listening) {
    this.#listening = listening;
    this.#leave = listening.stories.add({ take: (fact) => this.#take(fact) });
    this.#send();
  }

  /** Listens no more. */
  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#leave();
    this.#cancelTimer();
    this.#listening.over();
    try {
      this.#listening.out.close();
    } catch {
      // It was given up by its reader.
    }
  }

  #take(fact: StoryFact): void {
    if (!this.#listening.wanted(fact)) return;
    if (this.#facts.length < MOST_FACTS) this.#facts.push(fact);
    else this.#missed++;
  }

  /** Sends what there is, and books the next time. */
  #send(): void {
    if (this.#ended) return;
    const { out, clock } = this.#listening;
    if ((out.desiredSize ?? 0) > 0) {
      const text = this.#text();
      if (text !== "") out.enqueue(encode(text));
    }
    this.#cancelTimer = clock.after(INTERVAL, () => this.#send());
  }

  #text(): string {
    const counts = JSON.stringify(this.#listening.queue.counts());
    const parts = this.#facts.map((fact) => event("fact", JSON.stringify(fact)));
    if (this.#missed > 0) parts.push(event("missed", JSON.stringify({ facts: this.#missed })));
    if (counts !== this.#counts) parts.push(event("counts", counts));
    this.#quiet = parts.length > 0 ? 0 : this.#quiet + 1;
    if (this.#quiet >= QUIET_INTERVALS) {
      parts.push(":\n\n");
      this.#quiet = 0;
    }
    this.#counts = counts;
    this.#facts = [];
    this.#missed = 0;
    return parts.join("");
  }
}

/** JSON has no line ends of its own, so one `data` line holds it. */
function event(name: string, json: string): string {
  return `event: ${name}\ndata: ${json}\n\n`;
}

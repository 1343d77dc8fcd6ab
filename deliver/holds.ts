/**
 * What an operator has stopped until further notice: the mail for single domains, or
 * all of it. Kept in `holds.json` in the spool, for whoever starts next: a change
 * counts once it is durable, or is refused with a {@linkcode QueueError}. A file that
 * is damaged is reported, moved to `corrupt/`, and stops nothing.
 *
 * @module
 */
import { decode, encode } from "../base/bytes.ts";
import type { Clock } from "../base/clock.ts";
import { log } from "../base/log.ts";
import { canonicalDomain } from "../protocol/domain.ts";
import { ConcurrencyLimit } from "../base/concurrency_limit.ts";
import { writeDurably } from "../queue/durable_file.ts";
import { denoFiles, type Files } from "../queue/files.ts";
import { MessageFiles } from "../queue/message_files.ts";
import { messageOf, storageError } from "../queue/storage_error.ts";

/** A domain to which no mail goes. */
export interface HeldDomain {
  /** In its canonical form. */
  readonly domain: string;
  /** ms since 1970. */
  readonly since: number;
}

/** Where holds are kept. */
export interface HoldsOptions {
  /** The spool's directory, which is there. */
  readonly directory: string;
  readonly clock: Clock;
  /** The file operations; the machine's by default. */
  readonly files?: Files;
}

/** What is stopped, as of one moment. Times in ms since 1970. */
interface State {
  /** Since when everything is; undefined when it is not. */
  readonly all: number | undefined;
  /** The domains, and since when. */
  readonly domains: ReadonlyMap<string, number>;
}

/** The file's name in the spool. */
const FILE = "holds.json";
/** The version of what is in it. */
const VERSION = 1;
const NOTHING: State = { all: undefined, domains: new Map() };

const logger = log("deliver");

/** What is stopped. */
export class Holds {
  readonly #clock: Clock;
  readonly #save: (state: State) => Promise<void>;
  /** Changes are made one after the other. */
  readonly #changes = new ConcurrencyLimit(1);
  #state: State;

  private constructor(clock: Clock, state: State, save: (state: State) => Promise<void>) {
    this.#clock = clock;
    this.#state = state;
    this.#save = save;
  }

  /** Those of a spool. Never rejects. */
  static async open({ directory, clock, files = denoFiles }: HoldsOptions): Promise<Holds> {
    const state = await readState(directory, files);
    return new Holds(clock, state, (next) => writeState(next, directory, files));
  }

  /** Nothing is stopped, and what will be is only until the process ends: for queues without a spool. */
  static inMemory(clock: Clock): Holds {
    return new Holds(clock, NOTHING, () => Promise.resolve());
  }

  /** How many domains are held; that all mail may be is another matter. */
  get size(): number {
    return this.#state.domains.size;
  }

  /** Whether everything is stopped. */
  get areForAll(): boolean {
    return this.#state.all !== undefined;
  }

  /** Whether the mail for a domain, in its canonical form, is held. */
  has(domain: string): boolean {
    return this.#state.domains.has(domain);
  }

  /** Since when the mail for a domain, in its canonical form, is held, ms since 1970; undefined when it is not. */
  since(domain: string): number | undefined {
    return this.#state.domains.get(domain);
  }

  /** The held domains, in the order in which they were. */
  domains(): HeldDomain[] {
    return [...this.#state.domains].map(([domain, since]) => ({ domain, since }));
  }

  /**
   * Holds the mail for a domain; not that for its subdomains. False when it was held.
   *
   * @throws {TypeError} when it is not a domain
   * @throws {QueueError} when that could not be made durable; it is not held then, though a restart may find that it is
   */
  async hold(domain: string): Promise<boolean> {
    const name = domainOf(domain);
    return await this.#change((now) => {
      if (this.has(name)) return undefined;
      return { ...this.#state, domains: new Map([...this.#state.domains, [name, now]]) };
    });
  }

  /** Holds the mail for a domain no longer. False when it was not held. Throws as {@linkcode hold} does. */
  async release(domain: string): Promise<boolean> {
    const name = domainOf(domain);
    return await this.#change(() => {
      const domains = new Map(this.#state.domains);
      return domains.delete(name) ? { ...this.#state, domains } : undefined;
    });
  }

  /** Stops everything, or no longer; the held domains stay as they are. False when that was so. @throws {QueueError} */
  setForAll(held: boolean): Promise<boolean> {
    return this.#change((now) => {
      if (this.areForAll === held) return undefined;
      return { ...this.#state, all: held ? now : undefined };
    });
  }

  #change(change: (now: number) => State | undefined): Promise<boolean> {
    return this.#changes.run(async () => {
      const next = change(this.#clock.now());
      if (next === undefined) return false;
      await this.#save(next);
      this.#state = next;
      return true;
    });
  }
}

/** A domain as an operator writes it, in its canonical form. @throws {TypeError} when it is none */
export function domainOf(text: string): string {
  const domain = canonicalDomain(text);
  if (domain === undefined) throw new TypeError(`"${text}" is not a mail domain`);
  return domain;
}

async function readState(directory: string, files: Files): Promise<State> {
  const path = `${directory}/${FILE}`;
  try {
    return parseState(decode(await files.read(path)));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return NOTHING;
    logger.error("it is not known what mail is held: nothing is", {
      path,
      error: messageOf(error),
    });
    if (error instanceof SyntaxError) await setAside(directory, files);
    return NOTHING;
  }
}

async function setAside(directory: string, files: Files): Promise<void> {
  try {
    await new MessageFiles(files, directory).setAside(FILE);
  } catch (error) {
    logger.error("a damaged file cannot be moved to corrupt/", { file: FILE, error });
  }
}

/** tmp → fdatasync → rename → fsync of the directory, as message files are written. */
async function writeState(state: State, directory: string, files: Files): Promise<void> {
  const path = `${directory}/${FILE}`;
  try {
    await writeDurably(files, `${path}.tmp`, encode(stateText(state)));
    await files.rename(`${path}.tmp`, path);
    await files.syncDirectory(directory);
  } catch (error) {
    throw storageError(error, `writing ${FILE}`);
  }
}

function stateText({ all, domains }: State): string {
  const record = {
    v: VERSION,
    all: all === undefined ? null : timeText(all),
    domains: [...domains].map(([domain, since]) => ({ domain, since: timeText(since) })),
  };
  return JSON.stringify(record, undefined, 2) + "\n";
}

/** @throws {SyntaxError} when it is not what {@linkcode stateText} writes. */
function parseState(text: string): State {
  const { v, all, domains } = tableOf(JSON.parse(text));
  if (v !== VERSION) throw new SyntaxError(`version ${v} is not known`);
  if (!Array.isArray(domains)) throw new SyntaxError("there is no list of domains");
  return {
    all: all === null ? undefined : timeOf(all),
    domains: new Map(
      domains.map(tableOf).map(({ domain, since }) => {
        const name = typeof domain === "string" ? canonicalDomain(domain) : undefined;
        if (name === undefined) throw new SyntaxError(`${JSON.stringify(domain)} is no domain`);
        return [name, timeOf(since)];
      }),
    ),
  };
}

function tableOf(value: unknown): Record<string, unknown> {
  if (typeof value !== "object" || value === null) throw new SyntaxError("it is not a table");
  return value as Record<string, unknown>;
}

function timeText(time: number): string {
  return new Date(time).toISOString();
}

function timeOf(value: unknown): number {
  const time = typeof value === "string" ? Date.parse(value) : NaN;
  if (Number.isNaN(time)) throw new SyntaxError(`${JSON.stringify(value)} is no time`);
  return time;
}

/**
 * What a spool says without the server's help: which recipients are still open,
 * by the rules of `docs/queue.md`, and which files there are. A record that does
 * not parse says nothing.
 *
 * @module
 */
import { encode } from "../../../base/bytes.ts";

/** The part of a record that matters here. */
interface Entry {
  readonly type: string;
  readonly id: string;
  readonly recipients?: readonly { readonly address: string; readonly status: string }[];
  /** Of a `cut`: the number of the segment that ends earlier than its file. */
  readonly segment?: number;
  /** Of a `cut`: where it ends, octets. */
  readonly at?: number;
}

/** A line of the journal, and where it stands. */
interface Line {
  readonly text: string;
  readonly segment: number;
  /** Octets before it in its segment. */
  readonly at: number;
}

/** The addresses of recipients that the spool would try again, or tell a sender of. */
export async function openAddresses(spool: string): Promise<Set<string>> {
  const { messages, done } = readJournal(await journalLines(spool));
  // A message's file is newer than its record.
  for (const name of await namesIn(spool)) {
    if (!/^[0-9A-Z]{26}\.json$/.test(name)) continue;
    const entry = read(await Deno.readTextFile(`${spool}/${name}`));
    if (entry !== undefined) messages.set(entry.id, entry);
  }
  for (const id of done) messages.delete(id);
  const recipients = [...messages.values()].flatMap(({ recipients = [] }) => recipients);
  const open = recipients.filter(({ status }) => status === "waiting" || status === "failed");
  return new Set(open.map(({ address }) => address));
}

/** The messages of the journal, less those that stand behind a cut; and those that are done. */
function readJournal(lines: readonly Line[]): { messages: Map<string, Entry>; done: Set<string> } {
  const messages = new Map<string, Entry>();
  const places = new Map<string, Line>();
  const done = new Set<string>();
  for (const line of lines) {
    const entry = read(line.text);
    if (entry?.type === "queued") {
      messages.set(entry.id, entry);
      places.set(entry.id, line);
    }
    if (entry?.type === "done") done.add(entry.id);
    if (entry?.type !== "cut") continue;
    for (const [id, { segment, at }] of places) {
      if (segment === entry.segment && at >= entry.at!) messages.delete(id);
    }
  }
  return { messages, done };
}

async function journalLines(spool: string): Promise<Line[]> {
  const lines: Line[] = [];
  for (const name of (await namesIn(`${spool}/journal`)).sort()) {
    let at = 0;
    for (const text of (await Deno.readTextFile(`${spool}/journal/${name}`)).split("\n")) {
      lines.push({ text, segment: parseInt(name), at });
      at += encode(text).length + 1;
    }
  }
  return lines;
}

function read(text: string): Entry | undefined {
  try {
    return JSON.parse(text).r;
  } catch {
    return undefined;
  }
}

/** What is in a spool that should be empty, besides what is always there. */
export async function leftovers(spool: string): Promise<string[]> {
  const expected = new Set([".lock", "history", "journal", "tls"]);
  const names = (await namesIn(spool)).filter((name) => !expected.has(name));
  const segments = (await namesIn(`${spool}/journal`)).map((name) => `journal/${name}`);
  return [...names, ...segments];
}

async function namesIn(directory: string): Promise<string[]> {
  try {
    return (await Array.fromAsync(Deno.readDir(directory))).map(({ name }) => name);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}

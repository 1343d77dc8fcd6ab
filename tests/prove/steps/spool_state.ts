/**
 * What a spool says without the server's help: which recipients are still open,
 * by the rules of `docs/queue.md`, and which files there are. A record that does
 * not parse says nothing.
 *
 * @module
 */

/** The part of a record that matters here. */
interface Entry {
  readonly type: string;
  readonly id: string;
  readonly recipients?: readonly { readonly address: string; readonly status: string }[];
}

/** The addresses of recipients that the spool would try again, or tell a sender of. */
export async function openAddresses(spool: string): Promise<Set<string>> {
  const messages = new Map<string, Entry>();
  const done = new Set<string>();
  for (const text of await journalLines(spool)) {
    const entry = read(text);
    if (entry?.type === "queued") messages.set(entry.id, entry);
    if (entry?.type === "done") done.add(entry.id);
  }
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

async function journalLines(spool: string): Promise<string[]> {
  const lines: string[] = [];
  for (const name of (await namesIn(`${spool}/journal`)).sort()) {
    lines.push(...(await Deno.readTextFile(`${spool}/journal/${name}`)).split("\n"));
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
  const expected = new Set([".lock", "journal", "tls"]);
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

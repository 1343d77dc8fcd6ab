/**
 * `queue import` and `queue export`: messages from files and to files, which are made
 * for their owner only, and never replaced.
 *
 * @module
 */
import { ConfigError } from "../config/source.ts";
import { countText } from "../control/words.ts";
import { CommandError, type Context, FAILED, must, OK, wholeId } from "./context.ts";
import { filterOf } from "./queue_filter.ts";
import { type Line, valueOf } from "./queue_line.ts";

/** Queues a file. @throws {CommandError} */
export async function importMessage(line: Line, { client, terminal }: Context): Promise<number> {
  const path = line.words[0]!;
  const from = valueOf(line, "from");
  const to = line.values.get("to")?.flatMap((list) => list.split(",")).map((one) => one.trim());
  const content = path === "-" ? Deno.stdin.readable : await opened(path);
  const envelope = {
    ...(from !== undefined && { from: from === "<>" ? "" : from }),
    ...(to !== undefined && { to }),
  };
  const { id } = must(await client.import(content, envelope));
  await terminal.line(id);
  return OK;
}

async function opened(path: string): Promise<ReadableStream<Uint8Array>> {
  try {
    return (await Deno.open(path)).readable;
  } catch (error) {
    throw new CommandError(`${path}: ${reasonOf(error)}`);
  }
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Writes files. @throws {CommandError} @throws {ConfigError} */
export async function exportMessages(line: Line, context: Context): Promise<number> {
  const { client, terminal } = context;
  const directory = valueOf(line, "all");
  const [text, path] = line.words;
  if (directory !== undefined) {
    if (text !== undefined) throw new ConfigError(["queue export: either ID or --all"]);
    return await exportAll(directory, line, context);
  }
  if (text === undefined) throw new ConfigError(["queue export: expected an ID or --all DIR"]);
  if (filterOf(line) !== undefined) {
    throw new ConfigError(["queue export: filters are for --all DIR"]);
  }
  const content = must(await client.content(await wholeId(text, client)));
  if (path !== undefined) await write(content, path);
  else for await (const chunk of content) await terminal.octets(chunk);
  return OK;
}

async function exportAll(directory: string, line: Line, context: Context): Promise<number> {
  const { client, terminal } = context;
  try {
    await Deno.mkdir(directory, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw new CommandError(`${directory}: ${reasonOf(error)}`);
  }
  let [written, gone] = [0, 0];
  for await (const answer of client.listAll(filterOf(line))) {
    const { id } = must(answer);
    const content = await client.content(id);
    if (content instanceof ReadableStream) {
      await write(content, `${directory}/${id}.eml`);
      written++;
    } else if (content.code === "not_found") gone++;
    else must(content);
  }
  await terminal.line(`${countText(written, "message")} written to ${directory}.`);
  if (gone > 0) await terminal.line(`${gone} left the queue meanwhile.`);
  return OK;
}

/** @throws {CommandError} when it is there, or cannot be written */
async function write(content: ReadableStream<Uint8Array>, path: string): Promise<void> {
  try {
    const file = await Deno.open(path, { write: true, createNew: true, mode: 0o600 });
    await content.pipeTo(file.writable);
  } catch (error) {
    await content.cancel().catch(() => {});
    const reason = error instanceof Deno.errors.AlreadyExists ? "is there" : reasonOf(error);
    throw new CommandError(`${path}: ${reason}`, FAILED);
  }
}

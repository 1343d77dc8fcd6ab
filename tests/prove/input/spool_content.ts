/**
 * What a stopped server left in its spool, read as any program could read it.
 *
 * @module
 */
import { latin1 } from "./session_run.ts";
import type { TakenMessage } from "./session_run.ts";

/** As much of a waiting message's file as is looked at; `docs/spool.schema.json` has all of it. */
interface MessageFile {
  readonly r: {
    readonly id: string;
    readonly envelope: { readonly reversePath: string; readonly recipients: readonly string[] };
    readonly content?: string;
    readonly contentFile?: string;
  };
}

/** The trace field that the server puts before what it took (RFC 5321 §4.4), up to its date. */
export const TRACE = /^Received: [^\r]*\r\n(?:\t[^\r]*\r\n)*?\t[A-Z][a-z]{2}, [^\r]* \+0000\r\n/;

/** The messages that wait in a spool, by their ids; contents without the server's trace field. */
export async function messagesIn(spool: string): Promise<Map<string, TakenMessage>> {
  const messages = new Map<string, TakenMessage>();
  for await (const { name } of Deno.readDir(spool)) {
    if (!name.endsWith(".json")) continue;
    const { r } = JSON.parse(await Deno.readTextFile(`${spool}/${name}`)) as MessageFile;
    const octets = r.contentFile === undefined
      ? new TextEncoder().encode(r.content)
      : await Deno.readFile(`${spool}/${r.contentFile}`);
    messages.set(r.id, {
      reversePath: latin1(new TextEncoder().encode(r.envelope.reversePath)),
      recipients: r.envelope.recipients.length,
      content: latin1(octets).replace(TRACE, ""),
    });
  }
  return messages;
}

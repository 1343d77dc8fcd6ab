/** What lies in a spool, as a person with `ls` and `jq` sees it. */

/** A recipient in a message's file. */
export interface FiledRecipient {
  readonly address: string;
  readonly status: string;
  readonly attempts: number;
  /** ISO 8601. */
  readonly nextAttempt?: string;
  readonly lastError?: { readonly text: string; readonly hop?: string };
}

/** A line of the history in a message's file. */
export interface FiledAttempt {
  readonly host?: string;
  readonly address?: string;
  readonly tls?: { readonly version: string; readonly verified: boolean };
  readonly reply: string;
  readonly outcome: string;
}

/** The part of a message's file that these tests look at. */
export interface FiledMessage {
  readonly id: string;
  readonly envelope: { readonly release?: string; readonly priority?: number };
  readonly recipients: readonly FiledRecipient[];
  readonly history: readonly FiledAttempt[];
}

/** The messages that have a file in the spool. */
export async function filedMessages(spool: string): Promise<FiledMessage[]> {
  const messages: FiledMessage[] = [];
  for await (const { name } of Deno.readDir(spool)) {
    if (!name.endsWith(".json")) continue;
    messages.push(JSON.parse(await Deno.readTextFile(`${spool}/${name}`)).r);
  }
  return messages;
}

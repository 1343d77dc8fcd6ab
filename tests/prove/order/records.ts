/**
 * The records in what is written to the spool, read from its text and the format
 * in `docs/queue.md`, without the server's own reader. Throws where the text is
 * not what the format says.
 *
 * @module
 */

/** What a record says. */
export type Entry =
  | {
    readonly type: "queued";
    readonly id: string;
    /** "" for a bounce. */
    readonly sender: string;
    readonly recipients: readonly { readonly address: string; readonly status: string }[];
    /** Whether its content is in a file. */
    readonly contentInFile: boolean;
  }
  | { readonly type: "filed" | "done"; readonly id: string };

/** A record in a file. Octets. */
export interface Placed {
  /** What it says. */
  readonly entry: Entry;
  /** Where it ends in the file. */
  readonly end: number;
}

const HEADER = /^\{"v":1,"len": *(\d+),"crc":"[0-9a-f]{8}","r":/;
const TRAILER = "}\n".length;

/** The records of a text that is written to a file at `start`. */
export function readRecords(text: string, start: number): Placed[] {
  const placed: Placed[] = [];
  let at = 0;
  while (at < text.length) {
    const header = HEADER.exec(text.slice(at, at + 100));
    if (header === null) throw new Error(`no record: ${text.slice(at, at + 100)}`);
    const from = at + header[0].length;
    const length = Number(header[1]);
    const entry = readEntry(text.slice(from, from + length));
    at = from + length + TRAILER;
    if (entry !== undefined) placed.push({ entry, end: start + at });
  }
  return placed;
}

/** A record as JSON, as far as it is of interest. */
interface Json {
  readonly type: string;
  readonly id: string;
  readonly envelope: { readonly reversePath: string };
  readonly recipients: readonly { readonly address: string; readonly status: string }[];
  readonly contentFile?: string;
}

function readEntry(text: string): Entry | undefined {
  const json: Json = JSON.parse(withoutContent(text));
  const { type, id } = json;
  if (type === "filed" || type === "done") return { type, id };
  if (type !== "queued") return undefined;
  const { envelope, recipients, contentFile } = json;
  const contentInFile = contentFile !== undefined;
  return { type, id, sender: envelope.reversePath, recipients, contentInFile };
}

/** Content comes last in a record, and cannot be mistaken: in a JSON string its quotes would be escaped. */
function withoutContent(text: string): string {
  const content = /,\s*"content":\s*"/.exec(text);
  return content === null ? text : `${text.slice(0, content.index)}}`;
}

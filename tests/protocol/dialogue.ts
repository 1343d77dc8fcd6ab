/** Golden dialogues: reads the files that `tests/dialogues/README.md` describes. */
import { concat, encode } from "../../base/bytes.ts";
import type { SessionLimits } from "../../protocol/handler.ts";

/** What the client says up to a TLS handshake or the end, and what is answered to it. */
export interface Stretch {
  /** The client's octets, a line or raw text each. */
  readonly client: Uint8Array[];
  /** The server's lines; `...` at the end stands for anything. */
  readonly server: string[];
}

/** A dialogue file, read. */
export interface Dialogue {
  readonly limits: Partial<Record<keyof SessionLimits, number>>;
  readonly startTls: boolean;
  readonly binaryMime: boolean;
  readonly tls: boolean;
  /** Who may log in: nobody, those in TLS, anybody. */
  readonly auth?: "tls" | "anywhere";
  /** Whether the client may start queues; undefined where there is nobody who answers VRFY and ETRN. */
  readonly etrn: "yes" | "no" | undefined;
  /** Whether the client may say for whom it speaks. */
  readonly xclient: boolean;
  /** One more than there are TLS handshakes. */
  readonly stretches: Stretch[];
  /** Whether the client may submit mail. */
  readonly submits: boolean;
  readonly closes: boolean;
  readonly messages: number | undefined;
}

const LIMIT_NAMES = ["commandLine", "recipients", "messageSize", "errors", "idleCommands"] as const;

/** Reads a dialogue; throws on a line that is none of those known. */
export function parseDialogue(text: string): Dialogue {
  const dialogue = {
    limits: {} as Partial<Record<keyof SessionLimits, number>>,
    startTls: false,
    binaryMime: false,
    tls: false,
    submits: false,
    auth: undefined as Dialogue["auth"],
    etrn: undefined as Dialogue["etrn"],
    xclient: false,
    stretches: [{ client: [], server: [] }] as Stretch[],
    closes: false,
    messages: undefined as number | undefined,
  };
  for (const line of text.split("\n")) {
    const stretch = dialogue.stretches.at(-1)!;
    const rest = line.slice(3);
    if (line === "" || line.startsWith("#")) continue;
    else if (line.startsWith("@ ")) set(dialogue, line.slice(2));
    else if (line.startsWith("C: ")) stretch.client.push(octets(rest + "\\r\\n"));
    else if (line.startsWith("c: ")) stretch.client.push(octets(rest));
    else if (line.startsWith("S: ")) stretch.server.push(rest);
    else if (line === "T:") dialogue.stretches.push({ client: [], server: [] });
    else if (line === "close") dialogue.closes = true;
    else if (/^M: \d+$/.test(line)) dialogue.messages = Number(rest);
    else throw new Error(`not a line of a dialogue: ${line}`);
  }
  return dialogue;
}

function set(
  dialogue: {
    limits: Partial<Record<string, number>>;
    startTls: boolean;
    binaryMime: boolean;
    tls: boolean;
    submits: boolean;
    auth: Dialogue["auth"];
    etrn: Dialogue["etrn"];
    xclient: boolean;
  },
  setting: string,
): void {
  const [name, value] = setting.split(" ");
  const limit = LIMIT_NAMES.find((known) => known === name);
  if (limit !== undefined) dialogue.limits[limit] = Number(value);
  else if (name === "startTls") dialogue.startTls = true;
  else if (name === "binaryMime") dialogue.binaryMime = true;
  else if (name === "tls") dialogue.tls = true;
  else if (name === "xclient") dialogue.xclient = true;
  else if (name === "etrn" && (value === "yes" || value === "no")) dialogue.etrn = value;
  else if (name === "submits") dialogue.submits = true;
  else if (name === "auth" && (value === "tls" || value === "anywhere")) dialogue.auth = value;
  else throw new Error(`not a setting: ${setting}`);
}

const SIMPLE: ReadonlyMap<string, number> = new Map([
  ["r", 13],
  ["n", 10],
  ["0", 0],
  ["t", 9],
  ["\\", 92],
]);

/** The octets that a client's text stands for. */
export function octets(text: string): Uint8Array {
  const parts: Uint8Array[] = [];
  const pattern = /\\x([0-9a-fA-F]{2})|\\\{(\d+)\*([^}]*)\}|\\(.)|[^\\]+/gsu;
  for (const [plain, hex, count, repeated, simple] of text.matchAll(pattern)) {
    if (hex !== undefined) parts.push(Uint8Array.of(parseInt(hex, 16)));
    else if (count !== undefined) parts.push(encode(repeated!.repeat(Number(count))));
    else if (simple === undefined) parts.push(encode(plain));
    else {
      const octet = SIMPLE.get(simple);
      if (octet === undefined) throw new Error(`not an escape: \\${simple}`);
      parts.push(Uint8Array.of(octet));
    }
  }
  return concat(parts);
}

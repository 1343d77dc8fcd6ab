/** Golden dialogues with a whole server: reads the files that `tests/dialogues/server/README.md` describes. */
import type { StartOptions } from "../../mod.ts";
import { octets } from "../protocol/dialogue.ts";

/** One thing after another. */
export type Moment =
  | { readonly kind: "say"; readonly octets: Uint8Array }
  /** A line of a reply; `...` at its end stands for anything. */
  | { readonly kind: "hear"; readonly line: string }
  | { readonly kind: "starttls" }
  | { readonly kind: "end" };

/** A dialogue file, read. */
export interface ServerDialogue {
  /** Which listener the client comes to. */
  readonly listener: "mx" | "submission";
  /** How the server is set up. */
  readonly options: StartOptions;
  readonly moments: readonly Moment[];
  /** How many messages are queued in the end. */
  readonly messages: number;
}

/** Reads a dialogue; throws on a line that is none of those known. */
export function parseServerDialogue(text: string): ServerDialogue {
  const options: Record<string, unknown> = {};
  const moments: Moment[] = [];
  let listener: ServerDialogue["listener"] = "mx";
  let messages = 0;
  for (const line of text.split("\n")) {
    const rest = line.slice(3);
    const setting = /^@ (\w+) (.+)$/.exec(line);
    if (line === "" || line.startsWith("#")) continue;
    else if (line === "@ submission") listener = "submission";
    else if (setting) options[setting[1]!] = JSON.parse(setting[2]!);
    else if (line.startsWith("C: ")) moments.push({ kind: "say", octets: octets(rest + "\\r\\n") });
    else if (line.startsWith("c: ")) moments.push({ kind: "say", octets: octets(rest) });
    else if (line.startsWith("S: ")) moments.push({ kind: "hear", line: rest });
    else if (line === "T:") moments.push({ kind: "starttls" });
    else if (line === "close") moments.push({ kind: "end" });
    else if (/^M: \d+$/.test(line)) messages = Number(rest);
    else throw new Error(`not a line of a dialogue: ${line}`);
  }
  return { listener, options, moments, messages };
}

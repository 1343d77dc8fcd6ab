/**
 * Prints a dialogue as a file of `tests/dialogues/` has it, so that one that went
 * wrong can become one of them.
 *
 * @module
 */
import type { Attempt } from "./make_script.ts";
import { latin1, type Observed } from "./session_run.ts";

/** The dialogue, with what the server made of it where that is known. */
export function printed({ script, cuts }: Attempt, observed?: Observed): string {
  const lines = [`# goes wrong when cut ${JSON.stringify(cuts[0])}`];
  for (const [name, value] of Object.entries(script.limits)) lines.push(`@ ${name} ${value}`);
  if (script.startTls) lines.push("@ startTls yes");
  if (script.tls) lines.push("@ tls yes");
  if (script.auth) lines.push(`@ auth ${script.auth}`);
  for (const [i, stretch] of script.stretches.entries()) {
    if (i > 0) lines.push("T:");
    if (stretch.length > 0) lines.push(...latin1(stretch).split(/(?<=\n)/).map(clientLine));
    const said = observed?.parts[i] ?? "";
    lines.push(...said.split("\r\n").slice(0, -1).map((line) => `S: ${line}`));
  }
  if (observed?.ending === "closed") lines.push("close");
  return lines.join("\n");
}

function clientLine(line: string): string {
  const whole = line.endsWith("\r\n");
  return (whole ? "C: " : "c: ") + escaped(whole ? line.slice(0, -2) : line);
}

const ESCAPES: ReadonlyMap<string, string> = new Map([
  ["\r", "\\r"],
  ["\n", "\\n"],
  ["\0", "\\0"],
  ["\t", "\\t"],
  ["\\", "\\\\"],
]);

function escaped(text: string): string {
  return text.replace(/[^ -\[\]-~]/g, (char) => {
    return ESCAPES.get(char) ?? "\\x" + char.charCodeAt(0).toString(16).padStart(2, "0");
  });
}

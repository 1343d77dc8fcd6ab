/**
 * Prints a dialogue as a file of `tests/dialogues/` has it, so that one that went
 * wrong can become one of them. What the server said stands at the end of all.
 *
 * @module
 */
import type { Attempt } from "./make_script.ts";
import { latin1, runOnSession, type SessionMaker } from "./session_run.ts";

/** The dialogue, with the server's lines where they are known. */
export function printed({ script, cuts }: Attempt, said: readonly string[] = []): string {
  const lines = [`# goes wrong when cut ${JSON.stringify(cuts[0])}`];
  for (const [name, value] of Object.entries(script.limits)) lines.push(`@ ${name} ${value}`);
  if (script.startTls) lines.push("@ startTls yes");
  if (script.tls) lines.push("@ tls yes");
  for (const [i, stretch] of script.stretches.entries()) {
    if (i > 0) lines.push("T:");
    if (stretch.length > 0) lines.push(...latin1(stretch).split(/(?<=\n)/).map(clientLine));
  }
  return [...lines, ...said].join("\n");
}

/** What the server says to it now, as lines of the file. */
export async function answers(make: SessionMaker, { script, cuts }: Attempt): Promise<string[]> {
  try {
    const { said, ending } = await runOnSession(make, script, cuts[0]);
    const lines = said.split("\r\n").slice(0, -1).map((line) => `S: ${line}`);
    return ending === "closed" ? [...lines, "close"] : lines;
  } catch {
    return [];
  }
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

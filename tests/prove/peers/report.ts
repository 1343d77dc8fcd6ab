/**
 * What came of the peers proof, as a table: a line for each case, and one for
 * all the mixed replies under the same verdict.
 *
 * @module
 */
import { tlsOf, tookOf } from "./judge.ts";
import type { CaseResult } from "./trial.ts";

const WIDTHS = [16, 32, 32, 6, 8, 6];

/** The table. */
export function report(results: readonly CaseResult[]): string {
  const isMixed = ({ peerCase }: CaseResult) => peerCase.stage.startsWith("mixed");
  const mixed = Map.groupBy(results.filter(isMixed), ({ peerCase }) => peerCase.stage);
  return [
    row("stage", "behaviour", "outcome", "clock", "attempts", "copies"),
    ...results.filter((result) => !isMixed(result)).map(lineOf),
    ...Array.from(mixed, ([stage, group]) => mixedLine(stage, group)),
  ].join("\n");
}

function lineOf({ peerCase, seen, complaints }: CaseResult): string {
  const { stage, tls } = peerCase;
  const behaviour = peerCase.behaviour + (tls && seen ? `: ${tlsOf(seen)}` : "");
  if (seen === undefined) return row(stage, behaviour, `not over: ${complaints[0]}`, "", "", "");
  const attempts = Math.max(...seen.recipients.map(({ fates }) => fates.length));
  const copies = seen.recipients.map((one) => one.copies).join("+");
  const outcome = seen.recipients.map(({ fates }) => fates.join(", ")).join(" + ");
  return row(stage, behaviour, outcome, `${tookOf(seen) / 1000} s`, `${attempts}`, copies);
}

function mixedLine(stage: string, group: readonly CaseResult[]): string {
  const recipients = group.flatMap(({ seen }) => seen?.recipients ?? []);
  const last = recipients.map(({ fates }) => fates.at(-1));
  const count = (fate: string) => last.filter((one) => one === fate).length;
  const outcome = `${count("delivered")} delivered, ${count("bounced")} bounced`;
  const copies = recipients.reduce((sum, one) => sum + one.copies, 0);
  const attempts = Math.max(0, ...recipients.map(({ fates }) => fates.length));
  return row(stage, `${group.length} combinations`, outcome, "0 s", `${attempts}`, `${copies}`);
}

function row(...cells: readonly string[]): string {
  return cells.map((cell, i) => cell.padEnd(WIDTHS[i]!)).join(" ").trimEnd();
}

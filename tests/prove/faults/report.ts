/**
 * The faults proof's results in words and figures.
 *
 * @module
 */
import type { TrialResult } from "./proof.ts";

/** One trial, with its complaints below. */
export function trialLines(result: TrialResult): string {
  const { name, complaints, faults = 0, refused = 0, resumed, acknowledged } = result;
  const sound = complaints.length === 0;
  const figures = [
    `${faults} faults`,
    `${refused} refused`,
    `${acknowledged} acknowledged`,
    ...(resumed === undefined ? [] : [`resumed after ${resumed} ms`]),
  ];
  const line = `${sound ? "held" : "BROKEN"}: ${name}: ${figures.join(", ")}`;
  return [line, ...complaints.map((complaint) => `  ${complaint}`)].join("\n");
}

/** All of them. `took` is in ms. */
export function summary(
  results: readonly TrialResult[],
  { seed, took }: { readonly seed: number; readonly took: number },
): string {
  const sum = (of: (result: TrialResult) => number) =>
    results.reduce((total, result) => total + of(result), 0);
  const broken = results.filter(({ complaints }) => complaints.length > 0).length;
  const longest = Math.max(...results.map(({ resumed = 0 }) => resumed));
  return `seed ${seed}: ${results.length} trials, ${broken} of them broken; ` +
    `${sum(({ faults = 0 }) => faults)} faults met, ${
      sum(({ refused = 0 }) => refused)
    } messages ` +
    `refused, ${sum(({ acknowledged }) => acknowledged)} acknowledged and found; ` +
    `longest time to resume ${longest} ms; ${Math.round(took / 1000)} s`;
}

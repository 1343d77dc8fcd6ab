/**
 * The crash proof's result in words and figures.
 *
 * @module
 */
import type { CrashOptions, CrashResult } from "./proof.ts";
import type { DuplicateReason } from "./verdict.ts";

const REASONS: ReadonlyMap<DuplicateReason, string> = new Map([
  ["sender", "its sender had heard nothing, and sent it again"],
  ["kill", "delivered before a kill, and the record of it not yet on disk"],
  ["silence", "the next hop had taken it and hung up without a word"],
  ["bounce", "the bounce had been queued, and the record of that not yet"],
]);

/** The report. */
export function report(options: CrashOptions, result: CrashResult): string {
  const { submissions: counts, duplicates } = result;
  const stages = Array.from(result.kills, ([stage, count]) => `${count} ${stage}`);
  const repeated = [...duplicates.values()].reduce((sum, count) => sum + count, 0);
  return [
    `seed ${options.seed}, ${options.kills} kills (${stages.join(", ")}), ` +
    `${options.senders} senders, ${Math.round(result.took / 1000)} s`,
    `submissions: ${counts.acknowledged} acknowledged, ${counts.sent} sent without an answer, ` +
    `${counts.begun} broken off, ${counts.refused} put off`,
    `acknowledged: ${counts.acknowledged}, found: ${result.found}, recipients told of by a bounce: ` +
    result.bounced,
    `lost: ${result.lostCount}`,
    ...result.lost.map(indent),
    `corrupt: ${result.corrupt.length}`,
    ...result.corrupt.map(indent),
    `duplicates: ${repeated}, unexplained: ${result.unexplained.length}`,
    ...Array.from(duplicates, ([reason, count]) => indent(`${count}: ${REASONS.get(reason)}`)),
    ...result.unexplained.map(indent),
    `oldest delivery that a kill made a duplicate: ${result.longestUnrecorded} ms`,
    `from start to listening: ${spread(result.untilListening)}`,
    `from start to first delivery: ${spread(result.firstDelivery)}`,
    `left in the spool: ${result.leftovers.join(", ") || "nothing"}`,
    `errors of the server: ${result.complaints.length}`,
    ...result.complaints.slice(0, 20).map(indent),
  ].join("\n");
}

function indent(text: string): string {
  return `  ${text}`;
}

/** Times in ms, sorted into what they are like. */
function spread(times: readonly number[]): string {
  if (times.length === 0) return "never";
  const sorted = times.toSorted((a, b) => a - b);
  const at = (share: number) => sorted[Math.floor(share * (sorted.length - 1))];
  return `min ${at(0)} ms, median ${at(0.5)} ms, p99 ${at(0.99)} ms, ${times.length} times`;
}

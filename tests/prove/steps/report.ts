/**
 * The steps proof's result in words and figures.
 *
 * @module
 */
import type { DuplicateReason } from "./books.ts";
import { type CourseResult, killCount } from "./proof.ts";

const REASONS: Readonly<Record<DuplicateReason, string>> = {
  "delivery not recorded": "delivered before the kill, and the record of it not yet written",
  "bounce not recorded": "the bounce was queued, and the record of that not yet written",
};
/** The most lines on one thing that was wrong. */
const MOST_LINES = 20;

/** The report. */
export function report(results: readonly CourseResult[]): string {
  const sum = (of: (result: CourseResult) => number) =>
    results.reduce((total, result) => total + of(result), 0);
  const told = (of: (result: CourseResult) => readonly string[]) =>
    results.flatMap((result) => of(result).map((text) => `  ${result.course}: ${text}`));
  const wrong = (what: string, lines: readonly string[]) => [
    `${what}: ${lines.length}`,
    ...lines.slice(0, MOST_LINES),
  ];
  return [
    ...results.flatMap(courseLines),
    `${results.length} courses, ${sum(killCount)} kills`,
    `acknowledged: ${sum(({ acknowledged }) => acknowledged)}, ` +
    `found: ${sum(({ found }) => found)}`,
    `delivered though not acknowledged: ${sum(({ unacknowledged }) => unacknowledged)}`,
    ...wrong("lost", told(({ lost }) => lost)),
    ...wrong("corrupt", told(({ corrupt }) => corrupt)),
    ...duplicateLines(results),
    ...wrong("other faults", told(({ faults }) => faults)),
  ].join("\n");
}

function courseLines(result: CourseResult): string[] {
  const { course, kills, acknowledged, found } = result;
  const steps = Array.from(kills, ([step, { before, within }]) => {
    const torn = within > 0 ? `, ${within} in the middle of it` : "";
    return `  ${String(before).padStart(3)} before ${step}${torn}`;
  });
  const total = `${killCount(result)} kills, ${acknowledged} acknowledged, ${found} found`;
  return [`${course}: ${total}`, ...steps];
}

function duplicateLines(results: readonly CourseResult[]): string[] {
  const totals = new Map<DuplicateReason, number>();
  for (const [reason, count] of results.flatMap(({ duplicates }) => [...duplicates])) {
    totals.set(reason, (totals.get(reason) ?? 0) + count);
  }
  const total = [...totals.values()].reduce((sum, count) => sum + count, 0);
  const lines = Array.from(totals, ([reason, count]) => `  ${count}: ${REASONS[reason]}`);
  return [`duplicates: ${total}`, ...lines];
}

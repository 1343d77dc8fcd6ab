/**
 * The order proof's result in words and figures.
 *
 * @module
 */
import type { OrderResult } from "./proof.ts";

/** The most lines on things of one kind. */
const MOST_LINES = 20;

/** The report. */
export function report(result: OrderResult): string {
  const { acknowledged, violations, occasions, events, faults } = result;
  const ways = Object.entries(acknowledged).map(([way, count]) => `${count} by ${way}`);
  return [
    `acknowledged: ${ways.join(", ")}`,
    `${events} events of system calls; judged:`,
    ...Array.from(occasions, ([occasion, count]) => `  ${String(count).padStart(5)} ${occasion}`),
    `too early: ${violations.length}`,
    ...violations.slice(0, MOST_LINES).map(({ rule, what }) => `  ${rule}: ${what}`),
    `other faults: ${faults.length}`,
    ...faults.slice(0, MOST_LINES).map((fault) => `  ${fault}`),
  ].join("\n");
}

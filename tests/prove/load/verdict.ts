/**
 * What is wrong with what the load proof found, and the report of it.
 *
 * @module
 */
import type { Expectation } from "./crowd.ts";
import type { Latencies } from "./good_client.ts";
import type { End } from "./member.ts";
import type { LoadFindings, LoadOptions, Phase } from "./proof.ts";

/** Octets of memory that a connection may cost; a few hundred MiB for ten thousand of them. */
const MOST_MEMORY = 64 * 1024;

/** Octets by which the heap, which grows in steps, may have grown for other reasons. */
const HEAP_STEPS = 24 * 1024 * 1024;

/** How much longer than alone messages may take among the crowd. */
interface Bound {
  readonly name: string;
  /** Which part of the messages is as fast or faster. */
  readonly part: number;
  /** So many times as long, */
  readonly times: number;
  /** and so many ms more, for chance. */
  readonly plus: number;
  /** How many messages it needs; the p99 of a few is the worst of all, which says nothing. */
  readonly least: number;
}

const BOUNDS: readonly Bound[] = [
  { name: "median", part: 0.5, times: 2, plus: 10, least: 1 },
  { name: "p99", part: 0.99, times: 3, plus: 50, least: 100 },
];

const SORTS = ["kept", "fresh"] as const;

/** Faulty commands that are answered before the connection is closed; the default. */
const ERRORS = 20;

/** What is wrong, in words. */
export function faultsOf(options: LoadOptions, findings: LoadFindings): string[] {
  const { connected, ends, figures, complaints } = findings;
  const { before, after } = figures;
  const faults = [...slownessOf(findings), ...complaints];
  if (ends === undefined) faults.push("some bad clients were never ended");
  else faults.push(...options.expectations.flatMap((expected) => wronglyEnded(expected, ends)));
  if (connected < options.connections) faults.push(`only ${connected} could connect`);
  if (after.descriptors > before.descriptors) {
    faults.push(`${after.descriptors - before.descriptors} descriptors were not given back`);
  }
  if (memoryOf(findings) > HEAP_STEPS + connected * MOST_MEMORY) {
    faults.push("a connection costs too much memory");
  }
  if (!isJunkAnswer(findings.junk)) faults.push(`junk was answered ${findings.junk.length} times`);
  return faults;
}

/** The findings as lines for people. */
export function report(options: LoadOptions, findings: LoadFindings): string {
  const { figures, connected, ends = [], junk } = findings;
  const { before, crowded, after } = figures;
  return [
    `bad clients: ${connected}, deadlines of ${options.deadline / 1000} s`,
    "time for a message of 4 KiB, ms         messages   median      p99      max",
    ...Array.from(findings.latencies, ([phase, latencies]) => latencyLines(phase, latencies))
      .flat(),
    `memory: ${mib(before.resident)} before, ${mib(crowded.resident)} with all there, ` +
    `${mib(after.resident)} after; ${
      (memoryOf(findings) / connected / 1024).toFixed(1)
    } KiB a connection`,
    `descriptors: ${before.descriptors} before, ${crowded.descriptors} with all there, ` +
    `${after.descriptors} after`,
    "how they were ended:",
    ...options.expectations.map(({ kind }) => endLine(kind, ends)),
    `${options.junk} junk commands: ${junk.length} replies, the last ${junk.at(-1)}`,
    ...faultsOf(options, findings).map((fault) => `FAULT: ${fault}`),
  ].join("\n");
}

/** The value below which this part of the values is; NaN without any. */
export function quantile(values: readonly number[], part: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))] ?? NaN;
}

/** In what the good client was slowed down. */
function slownessOf({ latencies }: LoadFindings): string[] {
  return SORTS.flatMap((sort) => {
    const of = (phase: Phase) => latencies.get(phase)![sort];
    return BOUNDS.map((bound) => slowness(bound, [of("alone"), of("alone again")], of("among")))
      .filter((fault) => fault !== undefined)
      .map((fault) => `over ${sort} connections ${fault}`);
  });
}

function slowness(
  { name, part, times, plus, least }: Bound,
  alone: readonly (readonly number[])[],
  among: readonly number[],
): string | undefined {
  const usual = Math.max(...alone.map((values) => quantile(values, part)));
  const now = quantile(among, part);
  if (among.length < least || now <= usual * times + plus) return undefined;
  return `the ${name} was ${now.toFixed(1)} ms, alone ${usual.toFixed(1)} ms`;
}

function wronglyEnded(
  { kind, lastWord, least, most }: Expectation,
  ends: readonly End[],
): string[] {
  const wrong = ends.filter((end) =>
    end.kind === kind && !(lastWord.test(end.lastWord) && end.after >= least && end.after <= most)
  );
  const first = wrong[0];
  if (first === undefined) return [];
  const after = (first.after / 1000).toFixed(1);
  return [
    `${wrong.length} (${kind}) were not ended as they should be: ${after} s, "${first.lastWord}"`,
  ];
}

/** Every junk command up to the limit is answered 500, the next one 421, and no more. */
function isJunkAnswer(codes: readonly number[]): boolean {
  return codes.length === ERRORS + 1 &&
    codes.every((code, i) => code === (i === ERRORS ? 421 : 500));
}

function memoryOf({ figures }: LoadFindings): number {
  return figures.crowded.resident - figures.before.resident;
}

function latencyLines(phase: Phase, latencies: Latencies): string[] {
  return SORTS.map((sort) => {
    const values = latencies[sort];
    const figures = [0.5, 0.99, 1].map((part) => quantile(values, part).toFixed(1).padStart(9));
    return `  ${`${phase}, ${sort} connections`.padEnd(35)}${`${values.length}`.padStart(11)}${
      figures.join("")
    }`;
  });
}

function endLine(kind: string, ends: readonly End[]): string {
  const its = ends.filter((end) => end.kind === kind);
  const times = its.map(({ after }) => after / 1000);
  const [least, most] = [quantile(times, 0), quantile(times, 1)].map((s) => s.toFixed(1));
  return `  ${kind}: ${its.length}, after ${least} to ${most} s, "${its[0]?.lastWord ?? ""}"`;
}

function mib(octets: number): string {
  return `${Math.round(octets / 2 ** 20)} MiB`;
}

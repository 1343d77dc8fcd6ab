/**
 * The metrics of how a server is doing, looked at when they are asked for: what is in
 * the way of mail, what the spool takes, and who is connected to the API. Cannot fail.
 *
 * @module
 */
import { Gauge, type Sample } from "../base/metrics.ts";
import type { Footprint, Queue } from "../queue/queue.ts";
import type { ConnectionTally } from "./connections.ts";
import { NOT_READY_CODES, type NotReady } from "./target.ts";

const API_ENDS = ["socket", "api", "web"] as const;

/** An end of the API: the socket in the spool, the address for programs, that of the page. */
export type ApiEnd = typeof API_ENDS[number];

/** The connections to an end of the API. */
export interface EndTally extends ConnectionTally {
  readonly end: ApiEnd;
}

/** What is looked at. */
export interface StateSource {
  readonly queue: Pick<Queue, "footprint">;
  /** The connections to the API. */
  readonly apiConnections: () => readonly EndTally[];
}

/** The gauges; `notReady` gives what was in the way of mail when somebody last looked. */
export function stateGauges(
  { queue, apiConnections }: StateSource,
  notReady: () => readonly NotReady[],
): readonly Gauge[] {
  return [readinessGauge(notReady), ...footprintGauges(queue), ...apiGauges(apiConnections)];
}

/** A line for each reason, also for those that are not so: an alert needs them before the first time. */
function readinessGauge(notReady: () => readonly NotReady[]): Gauge {
  const help = "1 for what is in the way of mail, as /readyz has it.";
  return new Gauge("smtp_not_ready", help, { reason: NOT_READY_CODES }, () => {
    const codes = new Set(notReady().map(({ code }) => code));
    return NOT_READY_CODES.map((code) => ({ labels: [code], value: codes.has(code) ? 1 : 0 }));
  });
}

function footprintGauges(queue: StateSource["queue"]): Gauge[] {
  const gauge = (name: string, help: string, key: keyof Footprint) =>
    new Gauge(name, help, {}, () => known(queue.footprint()?.[key]));
  return [
    gauge("smtp_journal_bytes", "What the journal takes on the disk.", "journal"),
    gauge("smtp_journal_segments", "Segments that the journal has.", "segments"),
    gauge("smtp_spool_free_bytes", "What is left on the spool's file system.", "free"),
  ];
}

/** What is not known has no line: 0 would be an alarm. */
function known(value: number | undefined): Sample[] {
  return value === undefined ? [] : [{ labels: [], value }];
}

function apiGauges(connections: StateSource["apiConnections"]): Gauge[] {
  const labels = { end: API_ENDS };
  const of = (key: keyof ConnectionTally) => () =>
    connections().map((tally) => ({ labels: [tally.end], value: tally[key] }));
  const open = "Connections to the API, by its end.";
  const refused = "Connections to the API that were too many, by its end.";
  return [
    new Gauge("smtp_api_connections_open", open, labels, of("open")),
    new Gauge("smtp_api_connections_refused_total", refused, labels, of("refused"), "counter"),
  ];
}

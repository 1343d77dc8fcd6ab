/**
 * What is wrong with what was seen of a case. Pure.
 *
 * @module
 */
import type { PeerCase } from "./cases.ts";
import type { Observation } from "./trial.ts";

/** How much later than its timeout an attempt may end, ms: deadlines are looked at once a second. */
const LATE = 5000;
/** Content goes in blocks, each with a timeout, and some may find room after the host stopped reading. */
const BLOCKS = 3;

/** All that is wrong, in words. */
export function complaintsOf(peerCase: PeerCase, seen: Observation): string[] {
  const complaints = peerCase.first.flatMap((_, i) => recipientComplaints(peerCase, seen, i));
  if (seen.corrupt > 0) complaints.push(`${seen.corrupt} copies are not what was sent`);
  if (seen.claims > 0) complaints.push(`${seen.claims} claims are left`);
  if (seen.record !== undefined) complaints.push(...recordComplaints(peerCase, seen));
  return complaints;
}

/** Each is delivered, retried or bounced, exactly once. */
function recipientComplaints(peerCase: PeerCase, seen: Observation, index: number): string[] {
  const first = peerCase.first[index]!;
  const { fates, copies, bounces } = seen.recipients[index]!;
  const isBounced = first === "bounced";
  const wanted = first === "deferred" ? "deferred, delivered" : first;
  const most = peerCase.mayRepeat ? 2 : 1;
  const complaints: string[] = [];
  const complain = (what: string) => complaints.push(`recipient ${index}: ${what}`);
  if (fates.join(", ") !== wanted) complain(`${fates.join(", ")} instead of ${wanted}`);
  if (isBounced ? copies > 0 : copies < 1 || copies > most) complain(`${copies} copies`);
  if (bounces !== (isBounced ? 1 : 0)) complain(`named in ${bounces} bounces`);
  if (first === "deferred") complaints.push(...errorComplaints(peerCase, seen, index));
  return complaints;
}

/** Who was deferred waits with the error of the stage on record. */
function errorComplaints(peerCase: PeerCase, { record }: Observation, index: number): string[] {
  const recipient = record?.recipients[index];
  if (recipient === undefined) return [`recipient ${index}: there is no record of it`];
  const { status, attempts, lastError } = recipient;
  if (status === "waiting" && attempts === 1 && lastError?.text.includes(peerCase.error)) return [];
  const found = `${status} after ${attempts} attempts: ${lastError?.text}`;
  return [`recipient ${index}: recorded as ${found}`];
}

function recordComplaints(peerCase: PeerCase, seen: Observation): string[] {
  const { timeout = 0, tls, large } = peerCase;
  const took = tookOf(seen);
  const longest = (timeout + LATE) * (large ? BLOCKS : 1);
  const complaints: string[] = [];
  if (took < timeout || took > longest) complaints.push(`the attempt took ${took} ms`);
  if (tls !== undefined && tlsOf(seen) !== tls) complaints.push(`recorded as ${tlsOf(seen)}`);
  return complaints;
}

/** How long the first attempt took by the clock, ms; 0 where it left no record. */
export function tookOf({ record }: Observation): number {
  return record?.history[0]?.took ?? 0;
}

/** The TLS of the first attempt, as recorded. */
export function tlsOf({ record }: Observation): PeerCase["tls"] {
  const tls = record?.history[0]?.tls;
  if (tls === undefined) return "plaintext";
  return tls.verified ? "verified" : "unverified";
}

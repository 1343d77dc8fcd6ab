/**
 * The peers proof: that whatever next hops do, an attempt ends by its timeout,
 * other mail goes on meanwhile, every recipient is reached or its sender told
 * exactly once, and nothing stays open.
 *
 * @module
 */
import { makeAuthority } from "../../helpers/certificates.ts";
import { SeededRandom } from "../seeded_random.ts";
import { Bench, openDescriptors } from "./bench.ts";
import { CASES, type PeerCase } from "./cases.ts";
import { type CaseResult, Trial } from "./trial.ts";

/** The size of it. */
export interface PeersOptions {
  /** The URL of the program's root, ending in a slash. */
  readonly program: string;
  /** Sets the order of the cases, and what is left to choice in them. */
  readonly seed: number;
  /** An empty directory. */
  readonly directory: string;
  /** Which cases; all unless given. */
  readonly cases?: readonly PeerCase[];
  /** Ends at the first case that went wrong. */
  readonly stopAtFault?: boolean;
}

/** Carries out the cases in an order that the seed sets; the results are in the cases' own. */
export async function provePeers(options: PeersOptions): Promise<CaseResult[]> {
  const { seed, cases = CASES, stopAtFault = false } = options;
  const random = new SeededRandom(seed);
  const authority = await makeAuthority();
  await using bench = await Bench.start({ ...options, authority: authority.cert });
  const descriptors = openDescriptors();
  const results = new Map<PeerCase, CaseResult>();
  for (const [number, peerCase] of random.shuffled(cases).entries()) {
    const parts = { number, bench, random: random.fork(), authority, descriptors };
    const result = await new Trial(peerCase, parts).run();
    results.set(peerCase, result);
    // What a case left undone would be taken for the next one's.
    if (result.complaints.length > 0 && (stopAtFault || result.seen === undefined)) break;
  }
  return cases.flatMap((peerCase) => results.get(peerCase) ?? []);
}

/** All that went wrong, a case a line. */
export function faultsOf(results: readonly CaseResult[]): string[] {
  return results.filter(({ complaints }) => complaints.length > 0)
    .map(({ peerCase: { stage, behaviour }, complaints }) =>
      `${stage}, ${behaviour}: ${complaints.join("; ")}`
    );
}

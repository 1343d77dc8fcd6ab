/**
 * What the trials of the faults proof have in common.
 *
 * @module
 */
import { pause } from "../pause.ts";
import { binary, large, type Mail, small } from "../rig/mail.ts";
import { type Run, type Site, TAKEN } from "./site.ts";

/** The kinds of mail: in the record, in a file because of its size, in a file because no record can hold it. */
export type Kind = "small" | "large" | "binary";

/** All kinds. */
export const KINDS: readonly Kind[] = ["small", "large", "binary"];

const MAKE: Record<Kind, (name: string) => Mail> = { small, large, binary };

/** What a trial is. */
export interface Trial {
  /** What fails, in words. */
  readonly name: string;
  /** Carries it out; what was wrong is among the site's complaints. */
  run(site: Site): Promise<TrialFigures>;
}

/** What is told of a trial besides its complaints. */
export interface TrialFigures {
  /** How many times something failed as it was meant to. */
  readonly faults: number;
  /** How many messages were refused. */
  readonly refused: number;
  /** From the end of the fault to the first message that was taken, ms. */
  readonly resumed: number;
}

/** A message of each kind, with names that begin alike. */
export function oneOfEach(name: string): Map<Kind, Mail> {
  return new Map(KINDS.map((kind) => [kind, MAKE[kind](`${name}-${kind}`)]));
}

/** Brings a message of each kind; each has to be taken. */
export async function bringAll(site: Site, run: Run, name: string): Promise<void> {
  for (const mail of oneOfEach(name).values()) {
    const reply = await site.bring(run, mail);
    if (reply !== TAKEN) site.complaints.push(`${mail.name} got ${reply}`);
  }
}

/** How long a server may take to take mail again once the fault is over, ms. */
const TO_RESUME = 10_000;
/** How often it is tried, ms. */
const TRY_EVERY = 100;

/** Tries until a message is taken; gives how long it took, ms. */
export async function resumes(site: Site, run: Run): Promise<number> {
  const began = Date.now();
  for (let i = 0; Date.now() - began < TO_RESUME; i++) {
    if (await site.bring(run, small(`again${i}`)) === TAKEN) return Date.now() - began;
    await pause(TRY_EVERY);
  }
  site.complaints.push("mail is not taken again");
  return Infinity;
}

/**
 * What a client says in one dialogue, and the ways to cut it into writes.
 *
 * @module
 */
import { concat } from "../../../base/bytes.ts";
import type { SessionLimits } from "../../../protocol/handler.ts";
import { parseDialogue } from "../../protocol/dialogue.ts";
import { singly } from "../../protocol/talk.ts";
import { SeededRandom } from "../seeded_random.ts";

/** A client's part of a dialogue. */
export interface Script {
  /** Limits that the session has, others than usual. */
  readonly limits: Partial<SessionLimits>;
  /** Whether STARTTLS can be had. */
  readonly startTls: boolean;
  /** Whether the connection began with TLS. */
  readonly tls: boolean;
  /** Who may log in: nobody, those in TLS, anybody. */
  readonly auth?: "tls" | "anywhere";
  /** What is sent up to each TLS handshake, and after the last; at least one. */
  readonly stretches: readonly Uint8Array[];
}

/** How octets come to be cut: not at all, after each one, at these places, or at places that a seed gives. */
export type Cut =
  | { readonly kind: "whole" | "singly" }
  | { readonly kind: "at"; readonly places: readonly number[] }
  | { readonly kind: "places"; readonly seed: number; readonly count: number };

/** The writes that octets are cut into. */
export function cutUp(octets: Uint8Array, cut: Cut): Uint8Array[] {
  switch (cut.kind) {
    case "whole":
      return [octets];
    case "singly":
      return singly(octets);
    case "at":
      return cutAt(octets, cut.places);
    case "places":
      return cutAt(octets, randomPlaces(octets.length, new SeededRandom(cut.seed), cut.count));
    default:
      return cut satisfies never;
  }
}

/** So many places in order, some of them next to each other. */
function randomPlaces(length: number, random: SeededRandom, count: number): number[] {
  const places: number[] = [];
  for (let i = 0; i < count; i++) {
    const place = random.below(length + 1);
    places.push(place);
    if (random.chance(0.3)) places.push(Math.min(place + 1, length));
  }
  return places.sort((a, b) => a - b);
}

function cutAt(octets: Uint8Array, places: readonly number[]): Uint8Array[] {
  const ends = [...places.filter((place) => place < octets.length), octets.length];
  return ends.map((end, i) => octets.subarray(ends[i - 1] ?? 0, end));
}

const DIALOGUES = new URL("../../dialogues/", import.meta.url);

/** The client's part of every golden dialogue, in the order of their names. */
export async function goldenScripts(): Promise<Script[]> {
  const names: string[] = [];
  for await (const { name } of Deno.readDir(DIALOGUES)) {
    if (name.endsWith(".smtp")) names.push(name);
  }
  return await Promise.all(
    names.sort().map(async (name) => {
      const dialogue = parseDialogue(await Deno.readTextFile(new URL(name, DIALOGUES)));
      const { limits, startTls, tls, auth } = dialogue;
      return {
        limits,
        startTls,
        tls,
        auth,
        stretches: dialogue.stretches.map((one) => concat(one.client)),
      };
    }),
  );
}

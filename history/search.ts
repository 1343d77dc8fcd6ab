/**
 * Finds facts in a series of segments: by index where something is asked for that
 * is a key, by reading where only times are. What an index names is compared with
 * what was asked for, because two keys may be equal by accident.
 *
 * @module
 */
import type { Pace } from "../base/slices.ts";
import { arrivalOf, isId } from "../queue/id.ts";
import type { FactFiles } from "./fact_files.ts";
import { readFact } from "./fact_text.ts";
import { type FactQuery, matches, queryKeys } from "./keys.ts";
import type { Segment } from "./segment.ts";
import type { StoryFact } from "./story.ts";

/** How far clocks may have been set back between two facts of a message, ms. */
const CLOCK_STEP = 3_600_000;

/** The facts that are asked for, the newest first; `kind` is what is listed where no key is asked for. */
export async function* newest(
  files: FactFiles,
  query: FactQuery,
  kind: StoryFact["kind"],
): AsyncGenerator<StoryFact> {
  const { since = -Infinity, until = Infinity } = query;
  const keys = queryKeys(query);
  const segments = await files.segments(since, until);
  for (const segment of segments.reverse()) {
    const places = keys.length > 0
      ? await segment.places(keys)
      : await segment.placesOfKind(kind, since, until);
    for await (const fact of factsAt(segment, places.reverse())) {
      if (matches(fact, query)) yield fact;
    }
  }
}

async function* factsAt(segment: Segment, places: readonly number[]): AsyncGenerator<StoryFact> {
  if (places.length === 0) return;
  using reader = await segment.reader();
  for (const place of places) {
    const line = await reader?.line(place);
    const fact = line && readFact(line);
    if (fact !== undefined) yield fact;
  }
}

/** The facts of one message in the order in which they began; with `"until finished"` no segment behind the one that tells its end is looked into. */
export async function storyOf(
  files: FactFiles,
  id: string,
  extent: "all" | "until finished" = "all",
): Promise<StoryFact[]> {
  const facts: StoryFact[] = [];
  for (const segment of await files.segments((isId(id) ? arrivalOf(id) : -Infinity) - CLOCK_STEP)) {
    let isFinished = false;
    for await (const fact of factsAt(segment, await segment.places(queryKeys({ id })))) {
      if (fact.id !== id) continue;
      facts.push(fact);
      isFinished ||= fact.kind === "finished";
    }
    if (isFinished && extent === "until finished") break;
  }
  return facts.sort((a, b) => a.at - b.at);
}

/** Of which facts ids are wanted, and of how many messages at most. Times in ms since 1970. */
export interface IdsWanted {
  readonly since?: number;
  readonly until: number;
  readonly most: number;
  readonly pace: Pace;
}

/** The ids of the latest facts of these times that have one of the keys, by accident others too. */
export async function idsByKeys(
  files: FactFiles,
  keys: readonly number[],
  { since = -Infinity, until, most, pace }: IdsWanted,
): Promise<Set<string>> {
  const ids = new Set<string>();
  for (const segment of (await files.segments(since, until)).reverse()) {
    for (const key of keys) {
      for await (const fact of factsAt(segment, (await segment.places([key])).reverse())) {
        await pace.keep();
        if (fact.at >= since && fact.at < until) ids.add(fact.id);
        if (ids.size >= most) return ids;
      }
    }
  }
  return ids;
}

/**
 * Reads the journal when a spool is opened: which messages in it are unfinished,
 * and what in it cannot be read. A torn tail, which was never acknowledged, is
 * cut off; other damage is kept aside and reported. Throws the system's errors.
 *
 * @module
 */
import { log } from "../base/log.ts";
import type { Bytes } from "../base/bytes.ts";
import type { Files } from "./files.ts";
import type { Position, Segment } from "./journal.ts";
import type { QueuedMessage } from "./queue.ts";
import { nextStart, readRecord, type SpoolRecord } from "./record.ts";

/** A message whose journal record counts. */
export interface JournaledMessage {
  /** The message as recorded. */
  readonly message: QueuedMessage;
  /** Where its record is. */
  readonly position: Position;
  /** Whether its content is in an `.eml` file. */
  readonly contentInFile: boolean;
}

/** What a journal says. */
export interface Replayed {
  /** The segments that are there, oldest first; none is marked as needed yet. */
  readonly segments: readonly Segment[];
  /** The messages neither filed nor done, by id. */
  readonly journaled: Map<string, JournaledMessage>;
  /** The messages that are done. */
  readonly done: ReadonlySet<string>;
  /** Whether something other than a torn tail could not be read. */
  readonly damaged: boolean;
}

/** Keeps octets of the journal that could not be read. */
export type KeepCorrupt = (name: string, bytes: Bytes) => Promise<void>;

/** A part of a segment that holds no record. Octets. */
interface Gap {
  readonly segment: Segment;
  readonly at: number;
  readonly end: number;
}

const SEGMENT_NAME = /^(\d{8,15})\.jsonl$/;

async function findSegments(files: Files, directory: string): Promise<Segment[]> {
  const segments: Segment[] = [];
  for (const name of await files.list(directory)) {
    const number = SEGMENT_NAME.exec(name)?.[1];
    if (number === undefined) continue;
    const path = `${directory}/${name}`;
    segments.push({ number: Number(number), path, size: 0, needed: new Set() });
  }
  return segments.sort((a, b) => a.number - b.number);
}

class Replay {
  readonly journaled = new Map<string, JournaledMessage>();
  readonly done = new Set<string>();
  readonly cuts = new Map<number, number>();
  readonly gaps: Gap[] = [];
  /** The last record read. */
  last: Position | undefined;

  /** Reads the records of a segment in order, skipping what is none. */
  scan(segment: Segment, bytes: Bytes): void {
    segment.size = bytes.length;
    let at = 0;
    while (at < bytes.length) {
      const found = readRecord(bytes, at);
      const end = found?.end ?? nextStart(bytes, at + 1);
      if (found === undefined) this.gaps.push({ segment, at, end });
      else this.apply(found.record, this.last = { segment, at, size: end - at });
      at = end;
    }
  }

  apply(record: SpoolRecord, position: Position): void {
    switch (record.type) {
      case "queued": {
        const { message, content } = record;
        const contentInFile = content === undefined;
        this.journaled.set(message.id, { message, position, contentInFile });
        return;
      }
      case "filed":
        this.journaled.delete(record.id);
        return;
      case "done":
        this.journaled.delete(record.id);
        this.done.add(record.id);
        return;
      case "cut":
        return this.cut(record.segment, record.at);
      default:
        record satisfies never;
    }
  }

  /** Forgets the messages of an abandoned batch. What it said of others was said again, or is true anyhow. */
  cut(segment: number, at: number): void {
    this.cuts.set(segment, at);
    for (const [id, { position }] of this.journaled) {
      if (position.segment.number === segment && position.at >= at) this.journaled.delete(id);
    }
  }

  /** Whether a gap is in what an abandoned batch left behind. */
  isDisowned(gap: Gap): boolean {
    return gap.at >= (this.cuts.get(gap.segment.number) ?? Infinity);
  }

  /** Whether a gap is the journal's end: no record was written after it. */
  isTornTail(gap: Gap): boolean {
    if (this.last === undefined) return true;
    const { segment, at } = this.last;
    return gap.segment.number > segment.number || (gap.segment === segment && gap.at > at);
  }
}

/** Cuts off the torn tail that begins with a gap. */
async function cutTail(files: Files, { segment, at }: Gap): Promise<void> {
  if (segment.size <= at) return;
  log("queue").warn("The journal's torn end was cut off: it was never acknowledged", {
    segment: segment.path,
    octets: segment.size - at,
  });
  await files.truncate(segment.path, at);
  segment.size = at;
}

/** Keeps a gap's octets aside, under the same name at every start. */
async function keepGap(files: Files, gap: Gap, keepCorrupt: KeepCorrupt): Promise<void> {
  const { segment, at, end } = gap;
  const name = `journal-${segment.number}-${at}.jsonl`;
  log("queue").error("A part of the journal cannot be read; it is kept in corrupt/", {
    segment: segment.path,
    at,
    octets: end - at,
    kept: name,
  });
  await keepCorrupt(name, await files.readAt(segment.path, at, end - at));
}

/**
 * Makes durable what was read, and that nothing else is there. A process that was
 * only killed may have left its last batch, and the removal of a segment, without
 * a sync. A power cut must not undo these once they were acted on, by removing
 * the files of a message that is done.
 */
async function makeDurable(
  files: Files,
  directory: string,
  segments: readonly Segment[],
): Promise<void> {
  const newest = segments.at(-1);
  if (newest !== undefined) await files.truncate(newest.path, newest.size);
  await files.syncDirectory(directory);
}

/** Reads the journal in `directory`. What it holds of damage goes to `keepCorrupt`. */
export async function replayJournal(
  files: Files,
  directory: string,
  keepCorrupt: KeepCorrupt,
): Promise<Replayed> {
  const segments = await findSegments(files, directory);
  const replay = new Replay();
  for (const segment of segments) replay.scan(segment, await files.read(segment.path));
  let damaged = false;
  for (const gap of replay.gaps) {
    if (replay.isDisowned(gap)) continue;
    if (replay.isTornTail(gap)) {
      await cutTail(files, gap);
    } else {
      damaged = true;
      await keepGap(files, gap, keepCorrupt);
    }
  }
  await makeDurable(files, directory, segments);
  const { journaled, done } = replay;
  return { segments, journaled, done, damaged };
}

/**
 * Looks at a server's system calls one by one, and says where one comes too early:
 * where a power cut right after it could cost a message that was promised, or
 * bring one back that is done. What a call may do is judged as it begins, what it
 * has done counts from its end.
 *
 * @module
 */
import { TOOK } from "../rig/next_hop.ts";
import { Disk, File, type Sync } from "./disk.ts";
import { type Entry, type Placed, readRecords } from "./records.ts";
import type { Call, TraceEvent } from "./strace.ts";

/** What must not be. */
export type Rule =
  | "acknowledged before durable"
  | "recorded before its content is durable"
  | "noted as filed before its file is durable"
  | "recorded as ended before its end"
  | "renamed before its octets are durable"
  | "removed before its end is durable"
  | "removed before what it takes back is gone";

/** Something that came too early. */
export interface Violation {
  /** Which rule it breaks. */
  readonly rule: Rule;
  /** What it was, in words. */
  readonly what: string;
}

/** How often there was something to judge. */
export type Occasion =
  | "acknowledgement"
  | "record of a message"
  | "record that names content"
  | "record of a bounce"
  | "note that a message is filed"
  | "note that a message is done"
  | "message file renamed into its place"
  | "message file removed"
  | "content removed"
  | "segment removed";

type Message = Extract<Entry, { type: "queued" }>;

const ACKNOWLEDGEMENT = /Queued as ([0-9A-Z]{26})/g;
/** Calls that the model knows. Others on the spool are an error. */
const OPENING = new Set(["open", "openat", "creat"]);
const MAKING = new Set(["mkdir", "mkdirat"]);
const WRITING = new Set(["write", "pwrite64"]);
const SENDING = new Set(["write", "writev", "sendto", "sendmsg"]);
const SYNCING = new Set(["fsync", "fdatasync"]);
const RENAMING = new Set(["rename", "renameat", "renameat2"]);
const REMOVING = new Set(["unlink", "unlinkat"]);

/** Watches over the runs of a server on one spool. */
export class Watch {
  /** What came too early. */
  readonly violations: Violation[] = [];
  /** What there was to judge. */
  readonly occasions = new Map<Occasion, number>();
  /** The messages that were acknowledged. */
  readonly acknowledged = new Set<string>();
  readonly #spool: string;
  readonly #disk: Disk;
  /** The records of each file. */
  readonly #records = new Map<File, Placed[]>();
  /** Every message that was ever recorded, by id. */
  readonly #messages = new Map<string, Message>();
  /** Recipients for whom the next hop has said that it took the message. */
  readonly #taken = new Set<string>();
  /** Syncs under way, by thread. */
  readonly #syncs = new Map<string, Sync>();

  /** `root` is an empty directory that is durable, `spool` a path below it. */
  constructor(root: string, spool: string) {
    this.#disk = new Disk(root);
    this.#spool = spool;
  }

  /** Takes in the next event. */
  see(event: TraceEvent): void {
    const { call } = event;
    const path = this.#pathOf(call);
    if (path === undefined) this.#seeElsewhere(event);
    else if (event.kind === "begin") this.#begin(call, path, event.thread);
    else if (event.result >= 0) this.#end(call, path, event.thread, event.result);
  }

  /** The process was killed, and is gone: takes in what its last calls did. */
  seeKill(): void {
    this.#disk.takeOver(this.#spool);
    for (const [file, placed] of this.#records) {
      this.#records.set(file, placed.filter(({ end }) => end <= file.size));
    }
  }

  /** What a call is about, where that is on the disk. */
  #pathOf(call: Call): string | undefined {
    const { name, target } = call;
    if (name === "io_uring_setup") throw new Error("the trace does not show what io_uring does");
    const onPath = OPENING.has(name) || MAKING.has(name) || RENAMING.has(name) ||
      REMOVING.has(name);
    const path = onPath || target === "" ? call.text() : target;
    return this.#disk.holds(path) ? path : undefined;
  }

  // Outside of the disk

  #seeElsewhere({ kind, call }: TraceEvent): void {
    if (kind === "begin" && SENDING.has(call.name)) {
      for (const [, id] of call.textsWith("Queued as").matchAll(ACKNOWLEDGEMENT)) {
        this.#acknowledge(id!);
      }
    }
    if (kind === "end" && call.name === "recvfrom") {
      for (const line of call.textsWith(TOOK).split("\r\n")) {
        if (!line.startsWith(TOOK)) continue;
        for (const address of line.slice(TOOK.length).split(",")) this.#taken.add(address);
      }
    }
  }

  #acknowledge(id: string): void {
    this.acknowledged.add(id);
    this.#judge("acknowledgement", this.#isDurable(id), "acknowledged before durable", id);
  }

  // On the disk

  #begin(call: Call, path: string, thread: string): void {
    const { name } = call;
    if (WRITING.has(name)) this.#beginWrite(call, path);
    else if (SYNCING.has(name)) this.#syncs.set(thread, this.#disk.beginSync(path));
    else if (RENAMING.has(name)) this.#beginRename(path);
    else if (REMOVING.has(name)) this.#beginRemoval(path);
    else if (!OPENING.has(name) && !MAKING.has(name) && name !== "ftruncate") {
      throw new Error(`${name} of ${path}: this proof does not know what that does`);
    }
  }

  #end(call: Call, path: string, thread: string, result: number): void {
    const { name, plain } = call;
    if (OPENING.has(name)) {
      if (/O_CREAT|O_TRUNC/.test(plain) || name === "creat") this.#create(path);
    } else if (MAKING.has(name)) this.#disk.makeDirectory(path);
    else if (WRITING.has(name)) this.#disk.append(path, result);
    else if (name === "ftruncate") this.#disk.truncate(path, Number(plain.split(", ")[1]));
    else if (SYNCING.has(name)) this.#syncs.get(thread)!();
    else if (RENAMING.has(name)) this.#disk.rename(path, call.text(1));
    else if (REMOVING.has(name)) this.#disk.remove(path);
  }

  #create(path: string): void {
    this.#records.set(this.#disk.create(path), []);
  }

  // Writing

  #beginWrite(call: Call, path: string): void {
    if (!isSegmentPath(path) && !path.endsWith(".json.tmp")) return;
    if (!call.whole) throw new Error(`the trace does not show all of a write to ${path}`);
    const file = this.#disk.file(path);
    const placed = readRecords(call.text(), file.size);
    this.#records.set(file, [...this.#records.get(file) ?? [], ...placed]);
    for (const { entry } of placed) {
      if (entry.type === "queued") this.#judgeMessage(entry);
      else this.#judgeNote(entry);
    }
  }

  #judgeMessage(message: Message): void {
    const { id, sender, recipients, contentInFile } = message;
    if (!this.#messages.has(id)) {
      this.#note("record of a message");
      if (sender === "") this.#note("record of a bounce");
    }
    this.#messages.set(id, message);
    if (contentInFile) {
      const isDurable = this.#disk.isDurable(this.#contentPath(id));
      const rule = "recorded before its content is durable";
      this.#judge("record that names content", isDurable, rule, id);
    }
    for (const { address, status } of recipients) {
      const claimed = status === "delivered" || status === "bounced";
      if (claimed && !this.#isSettled(message, address)) {
        this.#violate("recorded as ended before its end", `${id} for ${address}`);
      }
    }
  }

  #judgeNote({ type, id }: Exclude<Entry, Message>): void {
    if (type === "filed") {
      const isDurable = this.#disk.isDurable(this.#messagePath(id));
      const rule = "noted as filed before its file is durable";
      return this.#judge("note that a message is filed", isDurable, rule, id);
    }
    const rule = "recorded as ended before its end";
    this.#judge("note that a message is done", this.#hasEnded(id), rule, id);
  }

  // Renaming and removing

  #beginRename(path: string): void {
    const file = this.#disk.file(path);
    const rule = "renamed before its octets are durable";
    if (!path.endsWith(".json.tmp")) return;
    this.#judge("message file renamed into its place", file.durable === file.size, rule, path);
  }

  #beginRemoval(path: string): void {
    if (isSegmentPath(path)) return this.#judgeSegmentRemoval(path);
    const [, id, kind] = /([0-9A-Z]{26})(\.\w+)$/.exec(path) ?? [];
    if (id === undefined) return;
    const rule = "removed before its end is durable";
    const promised = kind === ".json" || this.#messages.has(id);
    const allowed = !promised || this.#isNotedAsDone(id);
    const occasion = kind === ".json" ? "message file removed" : "content removed";
    this.#judge(occasion, allowed, rule, `${id}${kind}`);
  }

  #judgeSegmentRemoval(path: string): void {
    const file = this.#disk.file(path);
    this.#note("segment removed");
    for (const { entry, end } of this.#records.get(file) ?? []) {
      const { type, id } = entry;
      const kept = type !== "queued" || this.#hasEnded(id) ||
        this.#disk.isDurable(this.#messagePath(id));
      // What a kill left without a sync was promised to nobody.
      if (!kept && end <= file.durable) this.#violate("removed before its end is durable", id);
      const rule = "removed before what it takes back is gone";
      if (type !== "queued" && !this.#isGone(id, path, type)) this.#violate(rule, `${type} ${id}`);
    }
  }

  /** Whether nothing is left, or would be after a power cut, of what a note in a segment takes back. */
  #isGone(id: string, segment: string, note: "filed" | "done"): boolean {
    const { durable } = this.#disk.directory(`${this.#spool}/journal`);
    const recorded = [...durable].some(([name, node]) =>
      name < nameIn(segment) && node instanceof File &&
      this.#records.get(node)?.some(({ entry }) => entry.type === "queued" && entry.id === id)
    );
    const names = this.#disk.directory(this.#spool).durable;
    const filed = names.has(`${id}.json`) || names.has(`${id}.eml`);
    return !recorded && (note === "filed" || !filed);
  }

  // What is so

  /** Whether a message would be found after a power cut. */
  #isDurable(id: string): boolean {
    const message = this.#messages.get(id);
    if (message === undefined) return false;
    if (message.contentInFile && !this.#disk.isDurable(this.#contentPath(id))) return false;
    return this.#disk.isDurable(this.#messagePath(id)) || this.#hasDurableRecord("queued", id);
  }

  #isNotedAsDone(id: string): boolean {
    return this.#hasDurableRecord("done", id);
  }

  #hasDurableRecord(type: Entry["type"], id: string): boolean {
    return this.#disk.durableFiles(`${this.#spool}/journal`).some((file) =>
      this.#records.get(file)?.some(({ entry, end }) =>
        entry.type === type && entry.id === id && end <= file.durable
      )
    );
  }

  /** Whether every recipient of a message has it, or its sender was told. */
  #hasEnded(id: string): boolean {
    const message = this.#messages.get(id);
    return message !== undefined &&
      message.recipients.every(({ address }) => this.#isSettled(message, address));
  }

  #isSettled({ sender }: Message, address: string): boolean {
    if (this.#taken.has(address)) return true;
    return [...this.#messages.values()].some((bounce) =>
      bounce.sender === "" && bounce.recipients[0]!.address === sender &&
      (this.#isDurable(bounce.id) || this.#taken.has(sender))
    );
  }

  #messagePath(id: string): string {
    return `${this.#spool}/${id}.json`;
  }

  #contentPath(id: string): string {
    return `${this.#spool}/${id}.eml`;
  }

  // Keeping count

  #judge(occasion: Occasion, good: boolean, rule: Rule, what: string): void {
    this.#note(occasion);
    if (!good) this.#violate(rule, what);
  }

  #note(occasion: Occasion): void {
    this.occasions.set(occasion, (this.occasions.get(occasion) ?? 0) + 1);
  }

  #violate(rule: Rule, what: string): void {
    this.violations.push({ rule, what });
  }
}

function isSegmentPath(path: string): boolean {
  return /\/journal\/\d+\.jsonl$/.test(path);
}

function nameIn(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

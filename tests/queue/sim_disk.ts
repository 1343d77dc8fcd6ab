/**
 * A disk in memory that knows what a power cut would leave: octets count as
 * durable after syncData, names after syncDirectory. It can stop the process at
 * any step, make any operation fail, and show what is found afterwards.
 */
import { concat } from "../../base/bytes.ts";
import type { Bytes } from "../../base/bytes.ts";
import { CHUNK_SIZE, type Files, type WritableFile } from "../../queue/files.ts";
import { SpoolError, type SpoolLock } from "../../queue/lock.ts";

/** A file's octets, and how many of them are durable. */
class Inode {
  data: Bytes = new Uint8Array(0);
  synced: Bytes = new Uint8Array(0);
}

/** A change of names that is not durable yet: what each stands for from then on, undefined for nothing. */
type NameChange = ReadonlyMap<string, Inode | undefined>;

function apply(change: NameChange, names: Map<string, Inode>): void {
  for (const [name, inode] of change) {
    if (inode === undefined) names.delete(name);
    else names.set(name, inode);
  }
}

class Directory {
  now = new Map<string, Inode>();
  durable = new Map<string, Inode>();
  changes: NameChange[] = [];

  change(...changes: [string, Inode | undefined][]): void {
    const change = new Map(changes);
    apply(change, this.now);
    this.changes.push(change);
  }

  sync(): void {
    this.durable = new Map(this.now);
    this.changes = [];
  }
}

/**
 * What happens: only the process ends, and what was not durable is still not; the
 * power goes and takes all that is not durable; or it takes some of it.
 */
export type Crash = "kill" | "power cut" | { random: () => number };

/** An operation that changes something. */
export interface Step {
  readonly operation: "create" | "write" | "sync" | "truncate" | "rename" | "remove" | "sync names";
  readonly path: string;
}

/** The error an operating system gives. */
export function systemError(code: string): Error {
  return Object.assign(new Error(`${code} (simulated)`), { code });
}

function split(path: string): [string, string] {
  const slash = path.lastIndexOf("/");
  return [path.slice(0, slash), path.slice(slash + 1)];
}

/** What is left of a file. */
function survivingInode({ data, synced }: Inode, crash: Crash): Inode {
  const left = new Inode();
  left.data = crash === "kill" ? data.slice() : survivingOctets(data, synced, crash);
  left.synced = crash === "kill" ? synced.slice() : left.data;
  return left;
}

/** What a power cut leaves of a file's octets. */
function survivingOctets(data: Bytes, synced: Bytes, crash: Exclude<Crash, "kill">): Bytes {
  if (crash === "power cut") return synced.slice();
  const kept = Math.min(synced.length, data.length);
  const size = kept + Math.floor(crash.random() * (data.length - kept + 1));
  const left = data.slice(0, size);
  // A file system may have made the file longer before its octets were there.
  if (crash.random() < 0.3) left.fill(0, kept + Math.floor(crash.random() * (size - kept + 1)));
  return left;
}

/** A disk, and the one process that uses it. */
export class SimDisk implements Files {
  readonly #directories = new Map<string, Directory>();
  #locked = false;
  #dead = false;
  readonly #killed = Promise.withResolvers<void>();
  /** What was done, in order. */
  readonly steps: Step[] = [];
  /** The process stops before the step with this number. */
  killAt = Infinity;
  /** Makes steps fail. */
  fault: (step: Step) => Error | undefined = () => undefined;
  /** What freeSpace says, octets; undefined makes it fail. */
  free: number | undefined = 2 ** 40;

  /** Resolves when the process was stopped. */
  get killed(): Promise<void> {
    return this.#killed.promise;
  }

  /** The disk after a crash, as the next process finds it. */
  after(crash: Crash): SimDisk {
    const copy = new SimDisk();
    const inodes = new Map<Inode, Inode>();
    const left = (inode: Inode): Inode => {
      let found = inodes.get(inode);
      if (found === undefined) inodes.set(inode, found = survivingInode(inode, crash));
      return found;
    };
    for (const [path, directory] of this.#directories) {
      copy.#directories.set(path, survivingDirectory(directory, crash, left));
    }
    return copy;
  }

  /** The paths of all files. */
  paths(): string[] {
    const paths: string[] = [];
    for (const [path, { now }] of this.#directories) {
      for (const name of now.keys()) paths.push(`${path}/${name}`);
    }
    return paths.sort();
  }

  /** Puts a file there, durably, behind the process's back. */
  put(path: string, data: Uint8Array): void {
    const [parent, name] = split(path);
    const inode = new Inode();
    inode.data = inode.synced = new Uint8Array(data);
    const directory = this.#directory(parent);
    directory.change([name, inode]);
    directory.sync();
  }

  makeDirectory(path: string): Promise<void> {
    return this.#read(() => {
      if (!this.#directories.has(path)) this.#directories.set(path, new Directory());
      const [parent] = split(path);
      if (parent !== "" && !this.#directories.has(parent)) {
        this.#directories.set(parent, new Directory());
      }
    });
  }

  list(path: string): Promise<string[]> {
    return this.#read(() => [...this.#directory(path).now.keys()]);
  }

  create(path: string): Promise<WritableFile> {
    return this.#step("create", path, () => {
      const [parent, name] = split(path);
      const directory = this.#directory(parent);
      const inode = directory.now.get(name) ?? new Inode();
      inode.data = new Uint8Array(0);
      if (!directory.now.has(name)) directory.change([name, inode]);
      return this.#writable(path, inode);
    });
  }

  read(path: string): Promise<Bytes> {
    return this.#read(() => this.#inode(path).data.slice());
  }

  readAt(path: string, at: number, size: number): Promise<Bytes> {
    return this.#read(() => this.#inode(path).data.slice(at, at + size));
  }

  async *stream(path: string): AsyncGenerator<Bytes> {
    const data = await this.read(path);
    for (let at = 0; at < data.length; at += CHUNK_SIZE) yield data.subarray(at, at + CHUNK_SIZE);
  }

  size(path: string): Promise<number> {
    return this.#read(() => this.#inode(path).data.length);
  }

  truncate(path: string, size: number): Promise<void> {
    return this.#step("truncate", path, () => {
      const inode = this.#inode(path);
      inode.data = inode.data.slice(0, size);
      inode.synced = inode.data;
    });
  }

  rename(from: string, to: string): Promise<void> {
    return this.#step("rename", to, () => {
      const inode = this.#inode(from);
      const [source, old] = split(from);
      const [target, name] = split(to);
      if (source !== target) {
        this.#directory(target).change([name, inode]);
        return this.#directory(source).change([old, undefined]);
      }
      this.#directory(source).change([old, undefined], [name, inode]);
    });
  }

  remove(path: string): Promise<void> {
    return this.#step("remove", path, () => {
      const [parent, name] = split(path);
      const directory = this.#directory(parent);
      if (directory.now.has(name)) directory.change([name, undefined]);
    });
  }

  syncDirectory(path: string): Promise<void> {
    return this.#step("sync names", path, () => this.#directories.get(path)?.sync());
  }

  freeSpace(): Promise<number> {
    return this.#read(() => {
      if (this.free === undefined) throw systemError("ENOSYS");
      return this.free;
    });
  }

  lock(directory: string): Promise<SpoolLock> {
    return this.#read(() => {
      if (this.#locked) throw new SpoolError("held", `spool ${directory} is in use`);
      this.#locked = true;
      return { release: () => void (this.#locked = false) };
    });
  }

  #writable(path: string, inode: Inode): WritableFile {
    return {
      write: (bytes) => {
        const copy = new Uint8Array(bytes);
        const append = (octets: Bytes) => {
          inode.data = concat([inode.data, octets]);
        };
        // A write that fails may have written a part.
        const half = () => append(copy.subarray(0, copy.length >> 1));
        return this.#step("write", path, () => append(copy), half);
      },
      syncData: () =>
        this.#step("sync", path, () => {
          inode.synced = inode.data;
        }),
      truncate: (size) =>
        this.#step("truncate", path, () => {
          inode.data = inode.data.slice(0, size);
        }),
      close: () => {},
    };
  }

  #directory(path: string): Directory {
    const directory = this.#directories.get(path);
    if (directory === undefined) throw new Deno.errors.NotFound(path);
    return directory;
  }

  #inode(path: string): Inode {
    const [parent, name] = split(path);
    const inode = this.#directory(parent).now.get(name);
    if (inode === undefined) throw new Deno.errors.NotFound(path);
    return inode;
  }

  /** Something that changes nothing: no step, but a dead process never hears of it. */
  #read<T>(work: () => T): Promise<T> {
    if (this.#dead) return new Promise(() => {});
    return Promise.try(work);
  }

  #step<T>(
    operation: Step["operation"],
    path: string,
    work: () => T,
    partly = () => {},
  ): Promise<T> {
    if (this.#dead || this.steps.length >= this.killAt) {
      this.#dead = true;
      this.#killed.resolve();
      return new Promise(() => {});
    }
    const step = { operation, path };
    this.steps.push(step);
    const error = this.fault(step);
    if (error === undefined) return Promise.try(work);
    partly();
    return Promise.reject(error);
  }
}

function survivingDirectory(
  directory: Directory,
  crash: Crash,
  left: (inode: Inode) => Inode,
): Directory {
  const found = new Directory();
  for (const [name, inode] of directory.durable) found.durable.set(name, left(inode));
  found.now = new Map(found.durable);
  for (const change of directory.changes) {
    if (crash === "power cut" || (crash !== "kill" && crash.random() < 0.5)) continue;
    found.change(...Array.from(change, ([name, inode]): [string, Inode | undefined] => [
      name,
      inode && left(inode),
    ]));
  }
  if (crash !== "kill") found.sync();
  return found;
}

/** Every step of this kind on paths with this ending fails. */
export function failing(
  disk: SimDisk,
  operation: Step["operation"],
  ending: string,
  code = "EIO",
): void {
  disk.fault = (step) =>
    step.operation === operation && step.path.endsWith(ending) ? systemError(code) : undefined;
}

/** Nothing fails any more. */
export function heal(disk: SimDisk): void {
  disk.fault = () => undefined;
}

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

/** A change of names that is not durable yet. */
type NameChange = (names: Map<string, Inode>) => void;

class Directory {
  now = new Map<string, Inode>();
  durable = new Map<string, Inode>();
  changes: NameChange[] = [];

  change(change: NameChange): void {
    change(this.now);
    this.changes.push(change);
  }

  sync(): void {
    this.durable = new Map(this.now);
    this.changes = [];
  }
}

/** What happens to the machine: only the process ends, the power goes and takes all that is not durable, or it takes some of it. */
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

/** What is left of a file's octets. */
function survive(inode: Inode, crash: Crash): Bytes {
  if (crash === "kill") return inode.data;
  if (crash === "power cut") return inode.synced;
  const { data, synced } = inode;
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
    for (const [path, directory] of this.#directories) {
      const found = new Directory();
      for (const [name, inode] of survivingNames(directory, crash)) {
        let left = inodes.get(inode);
        if (left === undefined) {
          left = new Inode();
          left.data = left.synced = survive(inode, crash).slice();
          inodes.set(inode, left);
        }
        found.now.set(name, left);
      }
      found.sync();
      copy.#directories.set(path, found);
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
    directory.change((names) => names.set(name, inode));
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
      if (!directory.now.has(name)) directory.change((names) => names.set(name, inode));
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
        this.#directory(target).change((names) => names.set(name, inode));
        return this.#directory(source).change((names) => void names.delete(old));
      }
      this.#directory(source).change((names) => {
        names.delete(old);
        names.set(name, inode);
      });
    });
  }

  remove(path: string): Promise<void> {
    return this.#step("remove", path, () => {
      const [parent, name] = split(path);
      const directory = this.#directory(parent);
      if (directory.now.has(name)) directory.change((names) => void names.delete(name));
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

function survivingNames(directory: Directory, crash: Crash): Map<string, Inode> {
  if (crash === "kill") return directory.now;
  const names = new Map(directory.durable);
  if (crash === "power cut") return names;
  for (const change of directory.changes) if (crash.random() < 0.5) change(names);
  return names;
}

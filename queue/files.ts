/**
 * The file operations the spool is built from, each of which either happens or
 * throws the system's error. Behind an interface so that tests can make any one
 * of them fail, or pull the plug between two of them.
 *
 * @module
 */
import { statfs } from "node:fs/promises";
import type { Bytes } from "../base/bytes.ts";
import { log } from "../base/log.ts";
import { lockSpool, type SpoolLock } from "./lock.ts";
import { messageOf } from "./storage_error.ts";

/** The most octets read from a file at once. */
export const CHUNK_SIZE = 64 * 1024;

/** A new file that is being written from its beginning. */
export interface WritableFile {
  /** Appends all of the octets. */
  write(bytes: Uint8Array): Promise<void>;
  /** Makes what was written durable (fdatasync). */
  syncData(): Promise<void>;
  /** Cuts it to `size` octets. */
  truncate(size: number): Promise<void>;
  /** Gives up the handle. Never throws. */
  close(): void;
}

/** The file operations of the spool. Sizes and positions in octets. */
export interface Files {
  /** Makes a directory and its parents, for the owner only; one that is there stays, and is closed to others if it is ours. */
  makeDirectory(path: string): Promise<void>;
  /** The names of the files in a directory. */
  list(path: string): Promise<string[]>;
  /** Opens a file for writing, for the owner only; emptied if it is there. */
  create(path: string): Promise<WritableFile>;
  /** All of a file. */
  read(path: string): Promise<Bytes>;
  /** `size` octets of a file from `at`; fewer when it ends before. */
  readAt(path: string, at: number, size: number): Promise<Bytes>;
  /** All of a file in chunks of at most {@linkcode CHUNK_SIZE}, each in a buffer of its own, or all `into` one. */
  stream(path: string, into?: Bytes): AsyncIterable<Bytes>;
  /** The size of a file. */
  size(path: string): Promise<number>;
  /** Cuts a file to `size` octets, durably. */
  truncate(path: string, size: number): Promise<void>;
  /** Gives a file another name, replacing what had it. */
  rename(from: string, to: string): Promise<void>;
  /** Removes a file; one that is not there is no error. */
  remove(path: string): Promise<void>;
  /** Makes names made, changed and removed in a directory durable (fsync). */
  syncDirectory(path: string): Promise<void>;
  /** Octets that may still be written on the file system of `path`. */
  freeSpace(path: string): Promise<number>;
  /** Takes the spool's lock. @throws {SpoolError} */
  lock(directory: string): Promise<SpoolLock>;
}

class DenoWritableFile implements WritableFile {
  readonly #file: Deno.FsFile;
  constructor(file: Deno.FsFile) {
    this.#file = file;
  }
  async write(bytes: Uint8Array): Promise<void> {
    let at = 0;
    while (at < bytes.length) at += await this.#file.write(at === 0 ? bytes : bytes.subarray(at));
  }
  syncData(): Promise<void> {
    return this.#file.syncData();
  }
  truncate(size: number): Promise<void> {
    return this.#file.truncate(size);
  }
  close(): void {
    this.#file.close();
  }
}

/** Fills `into` from where the file stands; gives what there was. */
async function fill(file: Deno.FsFile, into: Bytes): Promise<Bytes> {
  let size = 0;
  while (size < into.length) {
    const read = await file.read(into.subarray(size));
    if (read === null) break;
    size += read;
  }
  return into.subarray(0, size);
}

async function* streamFile(path: string, into?: Bytes): AsyncGenerator<Bytes> {
  using file = await Deno.open(path, { read: true });
  while (true) {
    const buffer = into ?? new Uint8Array(CHUNK_SIZE);
    const chunk = await fill(file, buffer);
    if (chunk.length > 0) yield chunk;
    if (chunk.length < buffer.length) return;
  }
}

/** What others may do with a file, in its mode. */
const RIGHTS_OF_OTHERS = 0o077;

/** Takes the rights of others off a directory that was made before us. Only its owner can; a mount may belong to somebody else. */
async function closeToOthers(path: string): Promise<void> {
  const { mode } = await Deno.stat(path);
  if (mode === null || (mode & RIGHTS_OF_OTHERS) === 0) return;
  try {
    await Deno.chmod(path, mode & 0o7777 & ~RIGHTS_OF_OTHERS);
  } catch (error) {
    const message = "Others may look into the spool: its directory cannot be closed to them";
    log("queue").warn(message, { path, mode: mode.toString(8), error: messageOf(error) });
  }
}

/** The machine's own files. */
export const denoFiles: Files = {
  async makeDirectory(path) {
    await Deno.mkdir(path, { recursive: true, mode: 0o700 });
    await closeToOthers(path);
  },
  async list(path) {
    const names: string[] = [];
    for await (const entry of Deno.readDir(path)) if (entry.isFile) names.push(entry.name);
    return names;
  },
  async create(path) {
    const options = { write: true, create: true, truncate: true, mode: 0o600 };
    return new DenoWritableFile(await Deno.open(path, options));
  },
  read: (path) => Deno.readFile(path),
  async readAt(path, at, size) {
    using file = await Deno.open(path, { read: true });
    await file.seek(at, Deno.SeekMode.Start);
    return await fill(file, new Uint8Array(size));
  },
  stream: streamFile,
  size: async (path) => (await Deno.stat(path)).size,
  async truncate(path, size) {
    using file = await Deno.open(path, { write: true });
    await file.truncate(size);
    await file.sync();
  },
  rename: (from, to) => Deno.rename(from, to),
  async remove(path) {
    try {
      await Deno.remove(path);
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  },
  async syncDirectory(path) {
    // Windows opens no directories, and NTFS journals names by itself.
    if (Deno.build.os === "windows") return;
    using directory = await Deno.open(path, { read: true });
    await directory.sync();
  },
  async freeSpace(path) {
    const { bavail, bsize } = await statfs(path);
    return bavail * bsize;
  },
  lock: lockSpool,
};

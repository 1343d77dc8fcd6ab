/**
 * The file of the users: read again when it has changed, and replaced as a whole,
 * for its owner only. A file that can no longer be used is logged, and the users
 * read before it stay.
 *
 * @module
 */
import type { Bytes } from "../base/bytes.ts";
import type { Clock } from "../base/clock.ts";
import { log } from "../base/log.ts";
import { formatUsers, parseUsers, type Users, UsersError } from "./users.ts";

/** How long a look at the file is good for, ms. */
const FRESH = 1000;

const logger = log("users");

/** What tells one version of a file from another. */
function versionOf({ mtime, size, ino }: Deno.FileInfo): string {
  return `${mtime?.getTime()} ${size} ${ino}`;
}

/** The users of a file. */
export class UserFile {
  readonly #path: string;
  readonly #clock: Clock;
  readonly #spareDecoyKey: Bytes;
  #users: Users;
  #version: string;
  #looked: number;
  /** What was complained of last: it is told once, however often it is met. */
  #complaint: string | undefined;

  private constructor(path: string, clock: Clock, decoyKey: Bytes, read: ReadUsers) {
    this.#path = path;
    this.#clock = clock;
    this.#spareDecoyKey = decoyKey;
    this.#users = read.users;
    this.#version = read.version;
    this.#looked = clock.now();
  }

  /**
   * Reads a file.
   *
   * @param decoyKey at random, for a file that brings none
   * @throws {UsersError} when it cannot be read or is no list of users
   */
  static async open(path: string, clock: Clock, decoyKey: Bytes): Promise<UserFile> {
    try {
      return new UserFile(path, clock, decoyKey, await readUsers(path, decoyKey));
    } catch (error) {
      if (error instanceof UsersError) throw error;
      throw new UsersError([`cannot be read: ${error instanceof Error ? error.message : error}`]);
    }
  }

  /** The users as last read. */
  get users(): Users {
    return this.#users;
  }

  /** The users as the file has them now, as of a second ago at most. Never rejects. */
  async current(): Promise<Users> {
    const now = this.#clock.now();
    if (Math.abs(now - this.#looked) < FRESH) return this.#users;
    this.#looked = now;
    try {
      const version = versionOf(await Deno.stat(this.#path));
      if (version !== this.#version) await this.#read(version);
    } catch (error) {
      this.#complain(error);
    }
    return this.#users;
  }

  async #read(version: string): Promise<void> {
    // Remembered whatever comes of it, so that a file that is wrong is told of once.
    this.#version = version;
    const read = await readUsers(this.#path, this.#spareDecoyKey);
    this.#users = read.users;
    this.#version = read.version;
    this.#complaint = undefined;
    logger.info("users read again", { path: this.#path, users: read.users.all.length });
  }

  #complain(error: unknown): void {
    const reason = error instanceof Error ? error.message : String(error);
    if (reason === this.#complaint) return;
    this.#complaint = reason;
    logger.error("the file of the users cannot be used, the old ones stay", {
      path: this.#path,
      error: reason,
    });
  }
}

interface ReadUsers {
  readonly users: Users;
  readonly version: string;
}

/** The version is taken first: a change during the read is seen at the next look. */
async function readUsers(path: string, decoyKey: Bytes): Promise<ReadUsers> {
  const version = versionOf(await Deno.stat(path));
  return { users: parseUsers(await Deno.readTextFile(path), decoyKey), version };
}

/**
 * Changes the file by way of a new one, so that a reader finds the old or the new;
 * it belongs to its owner as before, mode 0600. A file that is not there is made.
 *
 * @param decoyKey at random, for a new file
 * @throws {UsersError} when the file lists no users, `change`'s own error, and {Error} of the file system:
 * `AlreadyExists` while another change is under way.
 */
export async function changeUsers(
  path: string,
  decoyKey: Bytes,
  change: (users: Users) => Users | Promise<Users>,
): Promise<void> {
  const draftPath = `${path}.tmp`;
  // Also what keeps two of these from losing one another's change.
  const draft = await Deno.open(draftPath, { write: true, createNew: true, mode: 0o600 });
  try {
    const owner = await ownerOf(path);
    const old = owner === undefined ? "" : await Deno.readTextFile(path);
    const users = await change(parseUsers(old, decoyKey));
    await writeWhole(draft, formatUsers(users));
    if (owner !== undefined) await Deno.chown(draftPath, owner.uid, owner.gid);
    await Deno.rename(draftPath, path);
  } catch (error) {
    await Deno.remove(draftPath);
    throw error;
  } finally {
    draft.close();
  }
}

async function writeWhole(file: Deno.FsFile, text: string): Promise<void> {
  const octets = new TextEncoder().encode(text);
  for (let at = 0; at < octets.length;) at += await file.write(octets.subarray(at));
  await file.sync();
}

/** Who owns the file; undefined when there is none. Where files have no owners, null. */
async function ownerOf(
  path: string,
): Promise<{ uid: number | null; gid: number | null } | undefined> {
  try {
    const { uid, gid } = await Deno.stat(path);
    return { uid, gid };
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

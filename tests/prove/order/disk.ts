/**
 * A disk as the system calls of a trace leave it, and what of it is durable: the
 * octets of a file that an fdatasync began and ended after, and the names of a
 * directory likewise. Throws where a trace does something that it has no model
 * for.
 *
 * @module
 */

/** A file. Sizes in octets. */
export class File {
  /** What was written. */
  size = 0;
  /** How much of it is durable. */
  durable = 0;
}

/** A directory. */
export class Directory {
  /** Its names. */
  readonly now = new Map<string, Node>();
  /** Those that are durable. */
  durable: ReadonlyMap<string, Node> = new Map();
}

/** Something with a name. */
export type Node = File | Directory;

/** A sync that has begun; call it when it has ended. */
export type Sync = () => void;

/** A disk below one directory, which is durable. */
export class Disk {
  readonly #root: string;
  readonly #top = new Directory();

  /** An empty directory. */
  constructor(root: string) {
    this.#root = root;
  }

  /** Whether a path is on it. */
  holds(path: string): boolean {
    return path.startsWith(`${this.#root}/`) || path === this.#root;
  }

  /** What a path names. */
  find(path: string): Node | undefined {
    let node: Node | undefined = this.#top;
    for (const name of this.#names(path)) {
      node = node instanceof Directory ? node.now.get(name) : undefined;
    }
    return node;
  }

  /** The file that a path names. */
  file(path: string): File {
    const node = this.find(path);
    if (node instanceof File) return node;
    throw new Error(`the trace is about ${path}, which is not there`);
  }

  /** The directory that a path names. */
  directory(path: string): Directory {
    const node = this.find(path);
    if (node instanceof Directory) return node;
    throw new Error(`the trace is about the directory ${path}, which is not there`);
  }

  /**
   * Whether a file would be found after a power cut, with all that was written to
   * it. Where its name is about to go from one file to another, either will do.
   */
  isDurable(path: string): boolean {
    const slash = path.lastIndexOf("/");
    const parent = this.#durableDirectory(path.slice(0, slash));
    const name = path.slice(slash + 1);
    const candidates = [parent?.durable.get(name), parent?.now.get(name)];
    return candidates.every((file) => file instanceof File && file.durable === file.size);
  }

  /** A directory that would be found after a power cut: its name, and those of all above it, are durable. */
  #durableDirectory(path: string): Directory | undefined {
    let directory = this.#top;
    for (const name of this.#names(path)) {
      const now = directory.now.get(name);
      if (!(now instanceof Directory) || directory.durable.get(name) !== now) return undefined;
      directory = now;
    }
    return directory;
  }

  /** The files whose names would be found in a directory after a power cut; none where it would not be. */
  durableFiles(path: string): File[] {
    const directory = this.#durableDirectory(path);
    return [...directory?.durable ?? []].flatMap(([name, node]) =>
      node instanceof File && directory!.now.get(name) === node ? [node] : []
    );
  }

  /** A file is opened to be written from its beginning. */
  create(path: string): File {
    const [parent, name] = this.#parent(path);
    const there = parent.now.get(name);
    const file = there instanceof File ? there : new File();
    file.size = file.durable = 0;
    parent.now.set(name, file);
    return file;
  }

  /** A directory is made. */
  makeDirectory(path: string): void {
    const [parent, name] = this.#parent(path);
    parent.now.set(name, new Directory());
  }

  /** Octets are appended to a file. */
  append(path: string, size: number): void {
    this.file(path).size += size;
  }

  /** A file is cut to a size. */
  truncate(path: string, size: number): void {
    this.#resize(this.file(path), size);
  }

  /** A file gets another name in the same directory. */
  rename(from: string, to: string): void {
    const [parent, old] = this.#parent(from);
    const [target, name] = this.#parent(to);
    target.now.set(name, parent.now.get(old)!);
    parent.now.delete(old);
  }

  /** A file is removed. */
  remove(path: string): void {
    const [parent, name] = this.#parent(path);
    parent.now.delete(name);
  }

  /** A sync begins: only what is there now is durable when it has ended. */
  beginSync(path: string): Sync {
    const node = this.find(path);
    if (node instanceof Directory) {
      const names = new Map(node.now);
      return () => void (node.durable = names);
    }
    const file = this.file(path);
    const { size } = file;
    return () => void (file.durable = Math.max(file.durable, Math.min(size, file.size)));
  }

  /**
   * Takes over what a killed process left below a directory. A call that it did not
   * survive may have been carried out all the same, and the trace does not say.
   */
  takeOver(path: string): void {
    const { now } = this.directory(path);
    const there = new Map([...Deno.readDirSync(path)].map((entry) => [entry.name, entry]));
    for (const name of [...now.keys()].filter((name) => !there.has(name))) {
      const renamed = name.replace(/\.tmp$/, "");
      if (there.has(renamed)) now.set(renamed, now.get(name)!);
      now.delete(name);
    }
    for (const { name, isDirectory } of there.values()) {
      if (!now.has(name)) now.set(name, isDirectory ? new Directory() : new File());
      if (isDirectory) this.takeOver(`${path}/${name}`);
      else this.#resize(now.get(name) as File, Deno.statSync(`${path}/${name}`).size);
    }
  }

  #resize(file: File, size: number): void {
    file.size = size;
    file.durable = Math.min(file.durable, size);
  }

  #parent(path: string): [Directory, string] {
    const slash = path.lastIndexOf("/");
    return [this.directory(path.slice(0, slash)), path.slice(slash + 1)];
  }

  #names(path: string): string[] {
    if (!this.holds(path)) throw new Error(`${path} is not below ${this.#root}`);
    return path.slice(this.#root.length).split("/").filter((name) => name !== "");
  }
}

/**
 * Runs a program under strace and reads what it wrote: the system calls that
 * change files or move octets over connections, each as it begins and as it ends.
 * The order of the lines is the order of events: strace lets a thread go on only
 * after it has written what it saw. Throws on lines that it cannot read.
 *
 * @module
 */

/** A system call. */
export class Call {
  /** Its name. */
  readonly name: string;
  /** What its descriptor stands for: a path, or `TCP:[…]`; "" where it takes none. */
  readonly target: string;
  /** Its arguments as strace writes them, without the texts. */
  readonly plain: string;
  /** Whether the texts are whole; strace cuts off what is longer than it was told to show. */
  readonly whole: boolean;
  /** The texts as strace writes them. */
  readonly #quoted: readonly string[];

  /** Reads the arguments, as far as strace has written them. */
  constructor(name: string, args: string) {
    const { quoted, plain, whole } = readArguments(args);
    this.name = name;
    this.target = DESCRIPTOR.exec(plain)?.[1] ?? "";
    this.plain = plain;
    this.whole = whole;
    this.#quoted = quoted;
  }

  /** A text it was given, or gave back: a path, or octets, an octet a character; "" where there is none. */
  text(index = 0): string {
    return unescape(this.#quoted[index] ?? "");
  }

  /** All of its texts; "" where none of them has these words, in which nothing is to be escaped. */
  textsWith(words: string): string {
    const all = this.#quoted.join("");
    return all.includes(words) ? unescape(all) : "";
  }
}

/** A call begins, or has ended with a result. One that the process did not survive never ends. */
export type TraceEvent =
  | { readonly kind: "begin"; readonly thread: string; readonly call: Call }
  | { readonly kind: "end"; readonly thread: string; readonly call: Call; readonly result: number };

/** The octets of a text that are shown: more than a batch of the journal has. */
const SHOWN = 4 * 1024 * 1024;

/**
 * The calls that are followed. Those that the server does not use are among them,
 * so that a server that begins to use them is not taken to do nothing.
 */
const CALLS = [
  ...["openat", "mkdirat", "renameat", "renameat2", "unlinkat", "linkat", "symlinkat"],
  ...["open", "creat", "mkdir", "rename", "unlink", "link", "symlink", "rmdir"],
  ...["write", "pwrite64", "writev", "pwritev", "pwritev2", "sendto", "sendmsg", "recvfrom"],
  ...["fdatasync", "fsync", "sync_file_range", "ftruncate", "truncate", "fallocate"],
  ...["copy_file_range", "sendfile", "splice", "io_uring_setup"],
];

/**
 * What to run a program under, so that its calls are written to a file. With
 * `killedAt` it is killed as it makes that call for the first time, which then is
 * not made.
 */
export function straceCommand(strace: string, output: string, killedAt?: string): string[] {
  // With --seccomp-bpf strace is much faster, and kills nobody.
  const mode = killedAt === undefined
    ? ["--seccomp-bpf"]
    : ["-e", `inject=${killedAt}:signal=KILL`];
  // Not every architecture has every call: `?` lets strace pass over those.
  const calls = CALLS.map((name) => `?${name}`).join(",");
  const follow = ["-f", "-qq", "-I2", "-e", "signal=none", "-e", `trace=${calls}`];
  return [strace, ...mode, ...follow, "-yy", "-s", String(SHOWN), "-o", output];
}

const LINE = /^(\d+) +(?:(\w+)\(|<\.\.\. (\w+) resumed>)/;
const UNFINISHED = " <unfinished ...>";
/** A call of a thread that was killed at it before strace could see which: it was not made. */
const NEVER_MADE = /^\d+ +(?:\?\?\?\(|<\.\.\. \?\?\? resumed>)/;
/** What follows the last text: further arguments, and the result. */
const RESULT = /^(.*?)\) += (-?\d+|\?)/s;

/** Reads a trace, line by line. */
export class TraceReader {
  /** What each thread's unfinished call had for arguments. */
  readonly #unfinished = new Map<string, string>();

  /** The events of a line; none for one that is not about a call. */
  *read(line: string): Generator<TraceEvent> {
    const match = LINE.exec(line);
    if (match === null) {
      // `+++ exited with 0 +++` and the like.
      if (line === "" || /^\d+ +(\+\+\+|---)/.test(line) || NEVER_MADE.test(line)) return;
      throw new Error(`cannot read the trace: ${line.slice(0, 200)}`);
    }
    const [start, thread, begun, resumed] = match;
    const rest = line.slice(start.length);
    const name = (begun ?? resumed)!;
    const before = begun === undefined ? this.#unfinished.get(thread!) ?? "" : "";
    if (rest.endsWith(UNFINISHED)) {
      const args = rest.slice(0, -UNFINISHED.length);
      this.#unfinished.set(thread!, args);
      return yield { kind: "begin", thread: thread!, call: new Call(name, args) };
    }
    const all = before + rest;
    const texts = all.slice(0, all.lastIndexOf('"') + 1);
    const ended = RESULT.exec(all.slice(texts.length));
    if (ended === null) throw new Error(`cannot read the trace: ${line.slice(0, 200)}`);
    const call = new Call(name, texts + ended[1]);
    if (begun !== undefined) yield { kind: "begin", thread: thread!, call };
    yield { kind: "end", thread: thread!, call, result: Number(ended[2]) };
  }
}

const DESCRIPTOR = /^\d+<(\w+:\[[^\]]*\]|[^>]*)>/;

/** Takes arguments apart into texts and the rest. */
function readArguments(args: string): { quoted: string[]; plain: string; whole: boolean } {
  const quoted: string[] = [];
  let plain = "";
  let whole = true;
  let at = 0;
  for (let start = args.indexOf('"'); start >= 0; start = args.indexOf('"', at)) {
    const end = closingQuote(args, start + 1);
    quoted.push(args.slice(start + 1, end));
    plain += args.slice(at, start);
    at = end + 1;
    if (args.startsWith("...", at)) whole = false;
  }
  return { quoted, plain: plain + args.slice(at), whole };
}

function closingQuote(args: string, from: number): number {
  let end = args.indexOf('"', from);
  while (isEscaped(args, end)) end = args.indexOf('"', end + 1);
  return end < 0 ? args.length : end;
}

/** Whether an odd number of backslashes stands before. */
function isEscaped(args: string, at: number): boolean {
  let backslashes = 0;
  while (args[at - 1 - backslashes] === "\\") backslashes++;
  return backslashes % 2 === 1;
}

const LETTERS: ReadonlyMap<string, string> = new Map([
  ["n", "\n"],
  ["r", "\r"],
  ["t", "\t"],
  ["v", "\v"],
  ["f", "\f"],
]);

function unescape(text: string): string {
  return text.replace(
    /\\([0-7]{1,3}|.)/g,
    (_, code: string) =>
      /^[0-7]/.test(code) ? String.fromCharCode(parseInt(code, 8)) : LETTERS.get(code) ?? code,
  );
}

/** The events of a trace file, in their order. */
export async function* readTrace(path: string): AsyncGenerator<TraceEvent> {
  const reader = new TraceReader();
  const file = await Deno.open(path);
  /** The line so far; a line may be megabytes long. */
  let parts: string[] = [];
  for await (const text of file.readable.pipeThrough(new TextDecoderStream("latin1"))) {
    const [first, ...others] = text.split("\n");
    parts.push(first!);
    for (const next of others) {
      yield* reader.read(parts.join(""));
      parts = [next];
    }
  }
  yield* reader.read(parts.join(""));
}

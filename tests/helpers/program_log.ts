/** What the program says on standard error with `--log-format json`, read as it comes. */

/** One line of the log. */
export interface LogRecord {
  readonly level: string;
  readonly message: string;
  readonly fields: Record<string, unknown>;
}

/** The log of a running program. */
export interface ProgramLog {
  /** The records read so far. */
  readonly records: readonly LogRecord[];
  /** The lines read so far that are warnings, errors, or no records at all. */
  readonly complaints: readonly string[];
  /**
   * The fields of the next record with that message; records before it are passed over.
   *
   * @throws {Error} with what was said instead, when the program ends without it.
   */
  find(message: string): Promise<Record<string, unknown>>;
  /** Reads until the program closes its end, so that it never waits for us. */
  end(): Promise<void>;
}

/** Reads a program's standard error. */
export function programLog(stderr: ReadableStream<Uint8Array<ArrayBuffer>>): ProgramLog {
  const lines = linesOf(stderr);
  const records: LogRecord[] = [];
  const complaints: string[] = [];
  /** The next line, and the record in it; undefined at the end. */
  async function next(): Promise<{ line: string; record?: LogRecord } | undefined> {
    const { value: line, done } = await lines.next();
    if (done) return undefined;
    const record = parse(line);
    if (record !== undefined) records.push(record);
    if (record === undefined || /^(?:warn|error)$/.test(record.level)) complaints.push(line);
    return { line, record };
  }
  return {
    records,
    complaints,
    async find(message) {
      const said: string[] = [];
      for (let one = await next(); one !== undefined; one = await next()) {
        if (one.record?.message === message) return one.record.fields;
        said.push(one.line);
      }
      throw new Error(`the program ended without saying "${message}":\n${said.join("\n")}`);
    },
    async end() {
      while (await next() !== undefined);
    },
  };
}

/** The lines of a stream as they come, the last one with or without its end. */
export async function* linesOf(
  stream: ReadableStream<Uint8Array<ArrayBuffer>>,
): AsyncGenerator<string> {
  let rest = "";
  for await (const text of stream.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = lines.pop()!;
    yield* lines;
  }
  if (rest !== "") yield rest;
}

/** A line as a record; undefined for one that is none, such as what the runtime itself prints. */
function parse(line: string): LogRecord | undefined {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

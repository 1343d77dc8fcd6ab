/** What the program says on standard error with `--log-format json`, read as it comes. */

interface LogRecord {
  readonly message: string;
  readonly fields: Record<string, unknown>;
}

/** The log of a running program. */
export interface ProgramLog {
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
  return {
    async find(message) {
      const said: string[] = [];
      for (let next = await lines.next(); !next.done; next = await lines.next()) {
        const record = parse(next.value);
        if (record?.message === message) return record.fields;
        said.push(next.value);
      }
      throw new Error(`the program ended without saying "${message}":\n${said.join("\n")}`);
    },
    async end() {
      while (!(await lines.next()).done);
    },
  };
}

async function* linesOf(stream: ReadableStream<Uint8Array<ArrayBuffer>>): AsyncGenerator<string> {
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

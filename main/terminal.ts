/**
 * Where the command line writes: a terminal, with colours and a width, or a pipe or
 * file, without. Whoever reads a pipe and leaves ends the program quietly, with
 * {@linkcode OutputClosed}.
 *
 * @module
 */
import { bold, cyan, dim, green, red, yellow } from "@std/fmt/colors";
import { encode } from "../base/bytes.ts";
import type { Tone } from "../control/story_answer.ts";
import { fitted, wrapped } from "./text_width.ts";

/** The reader of standard output has gone. */
export class OutputClosed extends Error {}

/** The width where a terminal does not tell it. */
const USUAL_WIDTH = 80;
/** Nothing is readable in less. */
const LEAST_WIDTH = 40;
/** The longest line that is read with ease. */
const READABLE = 110;
/** Where the text behind a label begins. */
const LABEL_WIDTH = 15;
/** Characters that are written at once. */
const BUFFERED = 32 * 1024;

type Paint = (text: string) => string;

const plain: Paint = (text) => text;

const TONES: Readonly<Record<Tone, Paint>> = {
  good: green,
  bad: red,
  waiting: yellow,
  plain,
};

/** Standard output. */
export class Terminal {
  /** Columns; undefined where it is no terminal. */
  readonly width: number | undefined;
  readonly #colours: boolean;
  #buffer = "";

  constructor() {
    const isTerminal = Deno.stdout.isTerminal();
    this.width = isTerminal ? widthOfConsole() : undefined;
    this.#colours = isTerminal && !Deno.noColor;
  }

  /** How wide text is set: for a program every text is one line. */
  get room(): number {
    return this.width === undefined ? Infinity : Math.min(this.width, READABLE);
  }

  /** Whether somebody can be asked. */
  get canAsk(): boolean {
    return Deno.stdin.isTerminal() && Deno.stdout.isTerminal();
  }

  /** Something that stands out. */
  readonly strong: Paint = (text) => this.#colours ? bold(text) : text;

  /** Something that stands back. */
  readonly faint: Paint = (text) => this.#colours ? dim(text) : text;

  /** A label. */
  readonly label: Paint = (text) => this.#colours ? cyan(text) : text;

  /** Something in its tone. */
  toned(tone: Tone, text: string): string {
    return this.#colours ? TONES[tone](text) : text;
  }

  /** Writes a line, at the latest with `flush`. @throws {OutputClosed} */
  async line(text: string): Promise<void> {
    this.#buffer += `${text}\n`;
    if (this.#buffer.length >= BUFFERED) await this.flush();
  }

  /** Writes text in as many lines as it takes, painted. @throws {OutputClosed} */
  async text(text: string, paint: Paint = plain): Promise<void> {
    await this.lines(wrapped(text, this.room).map(paint));
  }

  /** Writes text in one line, cut where a terminal is too narrow. @throws {OutputClosed} */
  async cutLine(text: string): Promise<void> {
    await this.line(this.width === undefined ? text : fitted(text, this.width).trimEnd());
  }

  /** Writes a label and a text, which goes on below itself. @throws {OutputClosed} */
  async labelled(label: string, text: string): Promise<void> {
    for (const [i, part] of wrapped(text, this.room - LABEL_WIDTH).entries()) {
      await this.line(this.label((i === 0 ? label : "").padEnd(LABEL_WIDTH)) + part);
    }
  }

  /** Writes lines. @throws {OutputClosed} */
  async lines(texts: Iterable<string>): Promise<void> {
    for (const text of texts) await this.line(text);
  }

  /** Writes octets as they are. @throws {OutputClosed} */
  async octets(chunk: Uint8Array): Promise<void> {
    try {
      let rest = chunk;
      while (rest.length > 0) rest = rest.subarray(await Deno.stdout.write(rest));
    } catch (error) {
      if (error instanceof Deno.errors.BrokenPipe) throw new OutputClosed();
      throw error;
    }
  }

  /** Writes what waits. @throws {OutputClosed} */
  async flush(): Promise<void> {
    const text = this.#buffer;
    this.#buffer = "";
    if (text !== "") await this.octets(encode(text));
  }

  /** Asks; anything but a yes is none. */
  async agrees(question: string): Promise<boolean> {
    await this.flush();
    return confirm(question);
  }
}

function widthOfConsole(): number {
  try {
    return Math.max(LEAST_WIDTH, Deno.consoleSize().columns);
  } catch {
    return USUAL_WIDTH;
  }
}

/**
 * What the two ways of framing content have in common: DATA (`data_reader.ts`)
 * and BDAT (`chunk_reader.ts`) both take octets and give content, and both notice
 * line ends that are not CRLF.
 *
 * @module
 */

/** What a reader made of some input. */
export interface ContentRun {
  /** Content, as a view of the input; may be empty. */
  readonly content: Uint8Array;
  /** Octets of the input used up; framing included. */
  readonly used: number;
  /** Whether this was the last of the DATA, or of the chunk. */
  readonly ended: boolean;
}

/** Takes the framing off. */
export interface ContentReader {
  /** Whether a CR without LF, or an LF without CR, was in the content so far. */
  readonly bare: boolean;
  /**
   * Reads on. Call again with what was not used, until it is all used or the content
   * ended. A run ends where the first bare CR or LF is found, so that what else is
   * wrong with the content comes before it or behind it, however the input is cut.
   */
  read(input: Uint8Array): ContentRun;
}

/**
 * A header section taken apart into its fields (RFC 5322 §2.2), each with the
 * octets it came in. Takes any octets: what is no field belongs to none.
 *
 * @module
 */
import { decode, LF } from "../base/bytes.ts";

/** A header field. */
export interface Field {
  /** In lower case. */
  readonly name: string;
  /** All of it: the name, continuation lines, the last line end. A view. */
  readonly octets: Uint8Array;
}

const SPACE = 32;
const TAB = 9;
const COLON = 58;

/** The fields of a section that ends before its blank line, in their order. */
export function fieldsOf(section: Uint8Array): Field[] {
  const fields: Field[] = [];
  for (let start = 0; start < section.length;) {
    const end = fieldEnd(section, start);
    const octets = section.subarray(start, end);
    fields.push({ name: nameOf(octets), octets });
    start = end;
  }
  return fields;
}

/** The name at the start of a field; white space before the colon is obsolete but read (RFC 5322 §4.5). */
function nameOf(octets: Uint8Array): string {
  let end = 0;
  while (end < octets.length && octets[end]! > SPACE && octets[end] !== COLON) end++;
  return decode(octets.subarray(0, end)).toLowerCase();
}

/** Where the field ends that starts at `at`: before the first line that does not go on with it. */
function fieldEnd(section: Uint8Array, at: number): number {
  while (true) {
    const lf = section.indexOf(LF, at);
    if (lf < 0) return section.length;
    at = lf + 1;
    if (section[at] !== SPACE && section[at] !== TAB) return at;
  }
}

/** The value of a field, unfolded, without white space around it. */
export function valueOf({ octets }: Field): string {
  const text = decode(octets);
  return text.slice(text.indexOf(":") + 1).replace(/\r?\n(?=[ \t])/g, "").trim();
}

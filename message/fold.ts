/**
 * Text that others chose, brought into a form that can stand in a header field
 * or in a line of ours: printable, bounded, folded (RFC 5322 §2.2.3). Nothing
 * here fails.
 *
 * @module
 */
import { printable as oneLine } from "../base/printable.ts";

/** The length lines should have (RFC 5322 §2.1.1). */
const LINE_LENGTH = 78;

/** The longest word left whole, in UTF-16 units: as UTF-8 it stays far below the 998 octets a line may have. */
const LONGEST_WORD = 240;

/** The most of an address that is repeated, in UTF-16 units: a local part of 64, `@`, a domain of 255 (RFC 5321 §4.5.3.1). As UTF-8 it fits a line. */
export const LONGEST_ADDRESS = 320;

/** One line of at most `longest` UTF-16 units: runs of characters that are no text become a space. */
export function printable(text: string, longest: number): string {
  // Cut first: the text may be a megabyte, and a space more or less at its end is no matter.
  return oneLine(text.slice(0, longest)).toWellFormed();
}

/** The text with everything but US-ASCII replaced by `?`. */
export function asciiOnly(text: string): string {
  return text.replace(/[^\0-\x7f]/gu, "?");
}

/** A header field with its CRLF, folded at spaces; words too long for any line are cut. */
export function foldField(name: string, value: string): string {
  return wrap(`${name}: `, " ", value);
}

/** A paragraph as lines with their CRLF, each after `indent`, wrapped at spaces. */
export function foldText(indent: string, text: string): string {
  return wrap(indent, indent, text);
}

function wrap(firstIndent: string, indent: string, text: string): string {
  let lines = "";
  let line = firstIndent;
  let empty = true; // whether the line has no word yet
  for (const word of text.split(" ").filter((word) => word !== "").flatMap(cut)) {
    if (!empty && line.length + 1 + word.length > LINE_LENGTH) {
      lines += line + "\r\n";
      line = indent;
      empty = true;
    }
    line += empty ? word : " " + word;
    empty = false;
  }
  return lines + (empty ? line.trimEnd() : line) + "\r\n";
}

/** The word in pieces that fit a line; no character is split. */
export function cut(word: string): string[] {
  if (word.length <= LONGEST_WORD) return [word];
  const pieces: string[] = [];
  let piece = "";
  for (const character of word) {
    if (piece.length + character.length > LONGEST_WORD) {
      pieces.push(piece);
      piece = "";
    }
    piece += character;
  }
  pieces.push(piece);
  return pieces;
}

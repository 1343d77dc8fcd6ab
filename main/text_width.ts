/**
 * How wide text is on a terminal, and text cut to a width: letters of East Asian
 * scripts and emoji take two columns, marks that stand on others none. Nothing here
 * fails on any text.
 *
 * @module
 */

/** Marks and format characters. */
const NARROWEST = /[\p{Mn}\p{Me}\p{Cf}]/u;

/** Unicode's wide and full-width blocks (UAX #11), and emoji. */
const WIDE =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\ua960-\ua97f\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{20000}-\u{3fffd}]|\p{Emoji_Presentation}/u;

/** What stands for what was cut off. */
const CUT = "…";

function widthOfCharacter(character: string): number {
  if (character < "\u0300") return 1;
  return NARROWEST.test(character) ? 0 : WIDE.test(character) ? 2 : 1;
}

/** How many columns a text takes. */
export function widthOf(text: string): number {
  let width = 0;
  for (const character of text) width += widthOfCharacter(character);
  return width;
}

/** A text in exactly `width` columns: filled with spaces, or cut with `…` at its end. */
export function fitted(text: string, width: number): string {
  const own = widthOf(text);
  if (own <= width) return text + " ".repeat(width - own);
  return cut(text, width);
}

/** A text in at most `width` columns, and where it was cut in exactly as many. */
function cut(text: string, width: number): string {
  if (width <= 0) return "";
  let kept = "";
  let taken = 0;
  for (const character of text) {
    const own = widthOfCharacter(character);
    if (taken + own > width - 1) break;
    kept += character;
    taken += own;
  }
  return kept + CUT + " ".repeat(width - 1 - taken);
}

/** A text in lines of at most `width` columns, broken at spaces where there are any; never none. */
export function wrapped(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ").flatMap((word) => pieces(word, width))) {
    const longer = line === "" ? word : `${line} ${word}`;
    if (widthOf(longer) <= width) line = longer;
    else {
      lines.push(line);
      line = word;
    }
  }
  return [...lines, line];
}

/** A word, in pieces where it is wider than a line. */
function pieces(word: string, width: number): string[] {
  if (widthOf(word) <= width) return [word];
  const found: string[] = [];
  let piece = "";
  for (const character of word) {
    if (piece !== "" && widthOf(piece + character) > width) {
      found.push(piece);
      piece = "";
    }
    piece += character;
  }
  return [...found, piece];
}

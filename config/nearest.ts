/**
 * The known words nearest to one that is not known, for "did you mean". Nothing
 * here fails on any input.
 *
 * @module
 */

/** The longest word that is looked at; the work grows with its length. */
const LONGEST_WORD = 64;

/** How many single-letter changes turn one word into the other (Levenshtein). */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, row[j]! + 1, next[j - 1]! + 1));
    }
    row = next;
  }
  return row[b.length]!;
}

/** At most three of the known words that are near to `word`, the nearest first. */
export function nearest(word: string, known: readonly string[]): string[] {
  if (word.length > LONGEST_WORD) return [];
  const limit = Math.max(2, Math.floor(word.length / 3));
  return known
    .map((candidate) => ({ candidate, away: distance(word, candidate) }))
    .filter(({ away }) => away <= limit)
    .sort((a, b) => a.away - b.away)
    .slice(0, 3)
    .map(({ candidate }) => candidate);
}

/** ` (did you mean a or b?)`, or nothing when no known word is near. */
export function didYouMean(word: string, known: readonly string[]): string {
  const near = nearest(word, known);
  return near.length === 0 ? "" : ` (did you mean ${near.join(" or ")}?)`;
}

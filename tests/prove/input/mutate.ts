/**
 * Damages octets, at places and in ways that chance chooses.
 *
 * @module
 */
import { concat, encode } from "../../../base/bytes.ts";
import type { SeededRandom } from "../seeded_random.ts";

/** What framing is made of, what it has been mistaken for, and what commands are. */
const TOKENS: readonly Uint8Array[] = [
  ...'\r|\n|\r\n|.|\0|\xe9|\xff|\x85| |\t|<|>|@|:|"|\\'.split("|"),
  ..."\n.\n|\r.\r|\r.\n|\n.\r|\n.\r\n|\r\n.\n|\r.\r\n|\r\n.\r|\r\n.\r\r\n|\r\r\n.\r\r\n".split("|"),
  ..."\r\n.\r\n|\r\n\0.\r\n|\r\n.\0\r\n|.\r\n|\r\n..\r\n".split("|"),
  ..."DATA\r\n|BDAT 7\r\n|BDAT 3 LAST\r\n|BDAT -1\r\n|BDAT 0\r\n|BDAT 0 LAST\r\n|BDAT 99999".split(
    "|",
  ),
  ..."RSET\r\n|QUIT\r\n|NOOP\r\n|STARTTLS\r\n|EHLO x\r\n|MAIL FROM:<a@b>\r\n".split("|"),
  ..."RCPT TO:<c@d>\r\n|18446744073709551616".split("|"),
].map((text) => Uint8Array.from(text, (char) => char.charCodeAt(0))).concat(
  ["\u2028", "\u0085", "＠", "ſ"].map((text) => encode(text)),
);

/** One way to damage octets. */
type Mutation = (
  octets: Uint8Array,
  random: SeededRandom,
  other: () => Uint8Array,
) => readonly Uint8Array[];

const MUTATIONS: readonly Mutation[] = [
  function flipBit(octets, random) {
    const at = random.below(octets.length);
    return [
      octets.subarray(0, at),
      Uint8Array.of(octets[at]! ^ (1 << random.below(8))),
      octets.subarray(at + 1),
    ];
  },
  function replaceOctet(octets, random) {
    const at = random.below(octets.length);
    return [octets.subarray(0, at), Uint8Array.of(random.below(256)), octets.subarray(at + 1)];
  },
  function insertToken(octets, random) {
    const at = random.below(octets.length + 1);
    return [octets.subarray(0, at), random.pick(TOKENS), octets.subarray(at)];
  },
  function insertTokenAtLineEnd(octets, random) {
    const at = lineStart(octets, random);
    return [octets.subarray(0, at), random.pick(TOKENS), octets.subarray(at)];
  },
  function deleteRun(octets, random) {
    const { from, to } = run(octets, random);
    return [octets.subarray(0, from), octets.subarray(to)];
  },
  function repeatRun(octets, random) {
    const { from, to } = run(octets, random);
    return [octets.subarray(0, to), octets.subarray(from)];
  },
  function swapLines(octets, random) {
    const places = [0, 1, 2].map(() => lineStart(octets, random)).sort((a, b) => a - b);
    const [a, b, c] = places as [number, number, number];
    return [
      octets.subarray(0, a),
      octets.subarray(b, c),
      octets.subarray(a, b),
      octets.subarray(c),
    ];
  },
  function cutShort(octets, random) {
    return [octets.subarray(0, random.below(octets.length))];
  },
  function goOnElsewhere(octets, random, other) {
    const tail = other();
    return [octets.subarray(0, lineStart(octets, random)), tail.subarray(lineStart(tail, random))];
  },
];

/** Octets of a dialogue past which nothing is added. */
const LONGEST = 16 * 1024;

/** The octets, damaged `count` times; `other` gives some to go on with. */
export function mutated(
  octets: Uint8Array,
  count: number,
  random: SeededRandom,
  other: () => Uint8Array,
): Uint8Array {
  let result = octets;
  for (let i = 0; i < count && result.length > 0; i++) {
    result = concat(random.pick(MUTATIONS)(result, random, other)).subarray(0, LONGEST);
  }
  return result;
}

/** Where some line begins, or the end. */
function lineStart(octets: Uint8Array, random: SeededRandom): number {
  const lf = octets.indexOf(10, random.below(octets.length + 1));
  return lf < 0 ? octets.length : lf + 1;
}

/** A run of octets, short or up to a few lines long. */
function run(octets: Uint8Array, random: SeededRandom): { from: number; to: number } {
  const from = random.below(octets.length);
  const longest = random.pick([1, 4, 80, 400]);
  return { from, to: Math.min(octets.length, from + 1 + random.below(longest)) };
}

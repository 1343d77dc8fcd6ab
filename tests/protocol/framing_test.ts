/** Lines, DATA and BDAT out of octets; and DATA back into octets. */
import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import fc from "fast-check";
import { concat, decode, encode } from "../../base/bytes.ts";
import { ChunkReader, parseChunk } from "../../protocol/chunk_reader.ts";
import { DataReader } from "../../protocol/data_reader.ts";
import { DotStuffer } from "../../protocol/dot_stuff.ts";
import type { ContentReader } from "../../protocol/framing.ts";
import { Input } from "../../protocol/input.ts";
import { LineReader } from "../../protocol/line_reader.ts";
import { atRandom, cutAt, singly } from "./talk.ts";

/** What a reader made of pieces of input. */
interface Outcome {
  readonly content: string;
  readonly ended: boolean;
  readonly bare: boolean;
  /** Octets left when the content ended. */
  readonly left: string;
}

function readAll(reader: ContentReader, pieces: readonly Uint8Array[]): Outcome {
  const content: Uint8Array[] = [];
  let left: Uint8Array<ArrayBufferLike> = new Uint8Array(0);
  let ended = false;
  for (const piece of pieces) {
    left = concat([left, piece]);
    while (!ended && left.length > 0) {
      const run = reader.read(left);
      content.push(run.content);
      left = left.subarray(run.used);
      ended = run.ended;
    }
  }
  return { content: decode(concat(content)), ended, bare: reader.bare, left: decode(left) };
}

/** Text of the octets that framing turns on. */
const tricky = fc.string({
  unit: fc.constantFrom("\r\n", "\r", "\n", ".", "x", "\0"),
  maxLength: 40,
});

Deno.test("only CRLF . CRLF ends the data, wherever it is cut", () => {
  const wire = encode("a\r\n..b\r\n.c\r\n\r\n.\r\nQUIT\r\n");
  const expected = { content: "a\r\n.b\r\nc\r\n\r\n", ended: true, bare: false, left: "QUIT\r\n" };
  assertEquals(readAll(new DataReader(), [wire]), expected);
  assertEquals(readAll(new DataReader(), singly(wire)), expected);
  for (let at = 0; at <= wire.length; at++) {
    assertEquals(readAll(new DataReader(), cutAt(wire, at)), expected);
  }
});

Deno.test("data may be empty, and may begin with a stuffed dot", () => {
  assertEquals(readAll(new DataReader(), [encode(".\r\n")]).ended, true);
  assertEquals(readAll(new DataReader(), [encode(".\r\n")]).content, "");
  assertEquals(readAll(new DataReader(), [encode("..\r\n.\r\n")]).content, ".\r\n");
});

Deno.test("a bare CR or LF is noted, wherever it is cut", () => {
  for (const text of ["a\nb", "a\rb", "\n", "\r\r\n", ".\n", ".\r.", "\r\n\n", ".\rx", "a\r\r\n"]) {
    for (const pieces of [[encode(text)], singly(encode(text))]) {
      const { ended, bare } = readAll(new DataReader(), pieces);
      assertEquals({ ended, bare }, { ended: false, bare: true }, JSON.stringify(text));
    }
  }
});

Deno.test("any data reads the same in any pieces", () => {
  fc.assert(fc.property(tricky, fc.nat(), (text, seed) => {
    const wire = encode(text);
    const whole = readAll(new DataReader(), [wire]);
    assertEquals(readAll(new DataReader(), singly(wire)), whole);
    assertEquals(readAll(new DataReader(), atRandom(wire, seed, 5)), whole);
    const end = ("\r\n" + text).indexOf("\r\n.\r\n");
    assertEquals(whole.ended, end >= 0);
    if (end >= 0) assertEquals(whole.left, text.slice(end + 3));
  }));
});

Deno.test("data without anything to take out are handed on as they are", () => {
  const wire = encode("a line\r\nanother\r\n");
  assertStrictEquals(new DataReader().read(wire).content, wire);
});

Deno.test("content that is stuffed and read again is the same, but for its line ends", () => {
  fc.assert(fc.property(tricky, fc.nat(), (text, seed) => {
    const stuffer = new DotStuffer();
    const wire = [
      ...atRandom(encode(text), seed, 5).map((piece) => stuffer.encode(piece).slice()),
      stuffer.end(),
    ];
    const normal = text.replace(/\r\n|\r|\n/g, "\r\n");
    const expected = normal === "" || normal.endsWith("\r\n") ? normal : normal + "\r\n";
    const outcome = readAll(new DataReader(), [concat(wire)]);
    assertEquals(outcome, { content: expected, ended: true, bare: false, left: "" });
  }));
});

Deno.test("content that is framed whole is the same as content framed piece by piece", () => {
  const kept = new DotStuffer();
  fc.assert(fc.property(tricky, (text) => {
    const pieces = new DotStuffer();
    const wire = [pieces.encode(encode(text)).slice(), pieces.end()];
    assertEquals(kept.frame(encode(text)), concat(wire));
  }));
});

Deno.test("content that needs no stuffing is not copied", () => {
  const stuffer = new DotStuffer();
  for (const text of ["a.b\r\nc..\r", "\n.", "x\r\n"]) {
    const content = encode(text);
    if (text === "\n.") assertEquals(decode(stuffer.encode(content)), "\n..");
    else assertStrictEquals(stuffer.encode(content), content);
  }
  assertEquals(decode(stuffer.end()), ".\r\n");
});

Deno.test("content that needs stuffing is written into one buffer, piece by piece", () => {
  const stuffer = new DotStuffer();
  const { buffer } = stuffer.encode(encode(".a\r\n.b\r\n"));
  const second = stuffer.encode(encode(".c\r\n"));
  assertStrictEquals(second.buffer, buffer);
  assertEquals(decode(second), "..c\r\n");
});

Deno.test("the end of data completes the last line, whatever it ended in", () => {
  for (
    const [content, end] of [["", "."], ["a\r\n", "."], ["a", "\r\n."], ["a\r", "\n."], [
      "a\n",
      ".",
    ]]
  ) {
    const stuffer = new DotStuffer();
    stuffer.encode(encode(content!));
    assertEquals(decode(stuffer.end()), end + "\r\n");
  }
});

Deno.test("an LF that a CR at the end of a piece is owed comes with the next piece", () => {
  const stuffer = new DotStuffer();
  assertEquals(decode(stuffer.encode(encode("a\r"))), "a\r");
  assertEquals(decode(stuffer.encode(encode(".b"))), "\n..b");
  assertEquals(decode(stuffer.encode(encode("\r"))), "\r");
  assertEquals(decode(stuffer.encode(encode("\r"))), "\n\r");
  assertEquals(decode(stuffer.encode(encode("\n"))), "\n");
});

Deno.test("a chunk ends after its octets, in whatever pieces they come", () => {
  const wire = encode("ab\r\n.\r\ncdNOOP\r\n");
  for (let at = 0; at <= wire.length; at++) {
    const reader = new ChunkReader();
    reader.begin(9, true);
    assertEquals(readAll(reader, cutAt(wire, at)), {
      content: "ab\r\n.\r\ncd",
      ended: true,
      bare: false,
      left: "NOOP\r\n",
    });
  }
});

Deno.test("bare line ends are noted across chunks, and at the end of the last one only", () => {
  const bareIn = (...chunks: string[]): boolean => {
    const reader = new ChunkReader();
    for (const [i, chunk] of chunks.entries()) {
      reader.begin(chunk.length, i === chunks.length - 1);
      readAll(reader, singly(encode(chunk)));
      reader.read(encode(""));
    }
    return reader.bare;
  };
  for (const good of [["a\r", "\nb"], ["\r\n"], ["a", "b"], ["\r\n\r", "\n"], ["a\0"]]) {
    assertEquals(bareIn(...good), false, JSON.stringify(good));
  }
  for (const bad of [["a\r", "b"], ["a\r"], ["\n"], ["a", "\nb"], ["\r\r\n"], ["a\r", ""]]) {
    assertEquals(bareIn(...bad), true, JSON.stringify(bad));
  }
});

Deno.test("a chunk's bare line ends are those that DATA would note", () => {
  fc.assert(fc.property(tricky.filter((text) => !text.includes(".")), (text) => {
    const data = new DataReader();
    readAll(data, [encode(text + "\r\n.\r\n")]);
    const chunk = new ChunkReader();
    chunk.begin(text.length + 2, true);
    readAll(chunk, [encode(text + "\r\n")]);
    assertEquals(chunk.bare, data.bare);
  }));
});

Deno.test("a chunk's size is 1 to 20 digits that a number can hold", () => {
  assertEquals(parseChunk("0"), { ok: true, value: { size: 0, last: false } });
  assertEquals(parseChunk("12 LAST"), { ok: true, value: { size: 12, last: true } });
  assertEquals(parseChunk("00000000000000000012  last"), {
    ok: true,
    value: { size: 12, last: true },
  });
  const most = Number.MAX_SAFE_INTEGER;
  assertEquals(parseChunk(String(most)), { ok: true, value: { size: most, last: false } });
  for (const text of ["", " 1", "-1", "+1", "1.0", "1LAST", "1 LAST x", "LAST", String(2 ** 53)]) {
    assert(!parseChunk(text).ok, text);
  }
});

/** All lines in pieces of input, as text; an overlong one in brackets. */
function linesOf(pieces: readonly Uint8Array[], bound: number): { lines: string[]; left: number } {
  const input = new Input();
  const reader = new LineReader(bound);
  const lines: string[] = [];
  for (const piece of pieces) {
    input.append(piece.slice());
    for (let line = reader.next(input); line !== undefined; line = reader.next(input)) {
      const text = decode(line.octets);
      lines.push(line.overlong ? `[${text}]` : text);
    }
    input.keep();
    assert(input.length <= bound);
  }
  return { lines, left: input.length };
}

Deno.test("a line ends in CRLF and nothing else", () => {
  const { lines, left } = linesOf([encode("a\r\n\r\nb\nc\rd\r\r\ne\n\r\nrest")], 100);
  assertEquals(lines, ["a", "", "b\nc\rd\r", "e\n"]);
  assertEquals(left, 4);
});

Deno.test("a line of as many octets as are allowed is one, a longer one is reported by its beginning", () => {
  assertEquals(linesOf([encode("123456\r\n1234567\r\nab\r\n")], 8).lines, [
    "123456",
    "[1234567\r]",
    "ab",
  ]);
});

Deno.test("any lines read the same in any pieces, and no more than the bound is kept", () => {
  const text = fc.string({ unit: fc.constantFrom("\r\n", "\r", "\n", "xy", "z"), maxLength: 60 });
  fc.assert(fc.property(text, fc.nat(), (text, seed) => {
    const octets = encode(text);
    const whole = linesOf([octets], 10).lines;
    assertEquals(linesOf(singly(octets), 10).lines, whole);
    assertEquals(linesOf(atRandom(octets, seed, 7), 10).lines, whole);
    const expected = text.split("\r\n").slice(0, -1);
    assertEquals(whole.length, expected.length);
    for (const [i, line] of expected.entries()) {
      if (line.length <= 8) assertEquals(whole[i], line);
      else assert(whole[i]!.startsWith("["));
    }
  }));
});

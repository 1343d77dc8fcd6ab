import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { concat, decode, encode } from "../../base/bytes.ts";
import {
  type HeaderFacts,
  HeaderScanner,
  headerSection,
  LONGEST_VALUE,
} from "../../message/headers.ts";

function scan(...chunks: Uint8Array[]): HeaderFacts {
  const scanner = new HeaderScanner();
  for (const chunk of chunks) scanner.write(chunk);
  scanner.end();
  return scanner.facts;
}

const MESSAGE = "Received: from a\r\n\tby b\r\nRECEIVED : from c\r\nX-Received: d\r\n" +
  "Subject: =?utf-8?q?x?=\r\n  and  more\r\n\tof it \r\nDate: now\r\nFrom: a@b\r\n" +
  "Message-Id:\r\n <1@b>\r\n\r\nReceived: in the body\r\nSubject: body\r\n";

Deno.test("the fields a server wants to know are found, unfolded, in any case", () => {
  assertEquals(scan(encode(MESSAGE)), {
    octets: MESSAGE.indexOf("\r\n\r\n") + 2,
    complete: true,
    received: 2,
    hasDate: true,
    hasFrom: true,
    subject: "=?utf-8?q?x?=  and  more\tof it",
    messageId: "<1@b>",
  });
});

Deno.test("chunks may end anywhere", () => {
  const content = encode(MESSAGE);
  const whole = scan(content);
  for (let at = 0; at <= content.length; at++) {
    assertEquals(scan(content.subarray(0, at), content.subarray(at)), whole, `split at ${at}`);
  }
  assertEquals(scan(...Array.from(content, (octet) => new Uint8Array([octet]))), whole);
});

Deno.test("octets count as they arrive, so that a limit holds before a line ends", () => {
  const scanner = new HeaderScanner();
  scanner.write(encode("X: " + "y".repeat(5000)));
  assertEquals(scanner.facts.octets, 5003);
  scanner.write(encode("\r\n"));
  assertEquals(scanner.facts.octets, 5005);
  assert(!scanner.facts.complete);
});

Deno.test("a line that is no field ends the header section and does not belong to it", () => {
  for (const body of ["hello\r\n", ": x\r\n", " x\r\n", "a b: c\r\n", "é: x\r\n", "\0: x\r\n"]) {
    const { octets, complete } = scan(encode(body), encode("Received: x\r\n"));
    assertEquals([octets, complete], [0, true], body);
  }
  assertEquals(scan(encode("From: a\r\nno field\r\nDate: x\r\n\r\n")).octets, 9);
});

Deno.test("a message may end within its header section", () => {
  assertEquals(scan(encode("Subject: x")).subject, "x");
  assertEquals(scan(encode("Subject: x")).octets, 10);
  assertEquals(scan().octets, 0);
  assertEquals(scan(encode("From: a\r\n")).hasFrom, true);
});

Deno.test("the first Subject and Message-ID count, cut to a bounded length", () => {
  const { subject, messageId } = scan(
    encode("Subject: " + "é".repeat(3000) + "\r\n" + " more\r\n".repeat(300)),
    encode("Subject: second\r\nMessage-ID: <1@a>\r\nMessage-ID: <2@a>\r\n more\r\n\r\n"),
  );
  assertEquals(subject?.length, LONGEST_VALUE);
  assertEquals(messageId, "<1@a>");
});

Deno.test("case 19: 8 MiB in one line is scanned in bounded memory and little time", () => {
  const scanner = new HeaderScanner();
  const chunk = encode("a".repeat(65536));
  const began = performance.now();
  for (let i = 0; i < 128; i++) scanner.write(chunk);
  assertEquals(scanner.facts.octets, 128 * 65536);
  assert(performance.now() - began < 1000);
});

Deno.test("the header section of any octets is its longest run of whole field lines", () => {
  const text = (octets: Uint8Array): string => decode(headerSection(octets));
  assertEquals(text(encode("A: b\r\n c\r\n\r\nbody")), "A: b\r\n c\r\n");
  assertEquals(text(encode("A: b\r\nB: cut off in the mid")), "A: b\r\n");
  assertEquals(text(encode("body\r\n")), "");
  assertEquals(text(encode("A: b\nB: c\n\nbody")), "A: b\nB: c\n");
});

Deno.test("any octets in any chunks give the same facts as in one piece", () => {
  const piece = fc.constantFrom(
    "Received:",
    "Subject: x",
    "\r\n",
    "\r",
    "\n",
    " ",
    "\t",
    ":",
    "é",
    "z",
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 30 }), fc.array(fc.nat(60)), (pieces, cuts) => {
      const content = concat(pieces.map((text) => encode(text)));
      const at = [0, ...cuts.filter((cut) => cut <= content.length).sort((a, b) => a - b)];
      const chunks = at.map((start, i) => content.subarray(start, at[i + 1] ?? content.length));
      assertEquals(scan(...chunks), scan(content));
      assert(scan(content).octets <= content.length);
    }),
  );
});

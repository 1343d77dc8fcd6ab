import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { encode } from "../../../base/bytes.ts";
import {
  oauthBearer,
  parseOAuthBearer,
  parseXOAuth2,
  xOAuth2,
} from "../../../protocol/sasl/bearer.ts";
import type { Mechanism, SaslResult } from "../../../protocol/sasl/exchange.ts";
import { login, plain } from "../../../protocol/sasl/plain.ts";
import { saslPrep } from "../../../protocol/sasl/prep.ts";
import { decodeXtext } from "../../../message/xtext.ts";
import { PASSWORD, TestAuthenticator, TOKEN, USER } from "../test_authenticator.ts";

const context = { credentials: new TestAuthenticator(), plusOffered: false, nonce: () => "x" };

/** What comes of responses, the first of them an initial one. */
async function resultOf(mechanism: Mechanism, ...responses: Uint8Array[]): Promise<SaslResult> {
  const exchange = mechanism(responses.shift(), context);
  let turn = await exchange.next(encode(""));
  while (!turn.done) turn = await exchange.next(responses.shift() ?? encode(""));
  return turn.value;
}

Deno.test("PLAIN without a password, a user or UTF-8 is malformed, whoever asks", async () => {
  for (const message of ["", "user", "\0user", "\0user\0", "\0\0pencil", "a\0b\0c\0d"]) {
    assertEquals(await resultOf(plain, encode(message)), {
      kind: "failed",
      why: "malformed",
      user: undefined,
    });
  }
});

Deno.test("no response lets anybody in but the right one", async () => {
  const right = `\0${USER}\0${PASSWORD}`;
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(plain, login, oauthBearer, xOAuth2),
      fc.array(fc.uint8Array({ maxLength: 60 }), { minLength: 1, maxLength: 3 }),
      async (mechanism, responses) => {
        assertEquals((await resultOf(mechanism, ...responses)).kind, "failed");
      },
    ),
  );
  assertEquals(await resultOf(plain, encode(right)), { kind: "authenticated", user: USER });
});

Deno.test("OAUTHBEARER is read as RFC 7628 §4.1 writes it", () => {
  const example =
    `n,a=user@example.com,\x01host=server.example.com\x01port=143\x01auth=Bearer ${TOKEN}\x01\x01`;
  assertEquals(parseOAuthBearer(example), { user: "user@example.com", token: TOKEN });
  assertEquals(parseOAuthBearer(`n,,\x01auth=bearer ${TOKEN}\x01\x01`), { user: "", token: TOKEN });
  for (
    const bad of [
      "",
      "n,,",
      `n,,\x01auth=Bearer ${TOKEN}`,
      `n,,\x01auth=Bearer ${TOKEN}\x01`,
      `n,,x\x01auth=Bearer ${TOKEN}\x01\x01`,
      `p=tls-exporter,,\x01auth=Bearer ${TOKEN}\x01\x01`,
      `n,,\x01auth=Bearer ${TOKEN}\x01auth=Bearer ${TOKEN}\x01\x01`,
      `n,,\x01auth=Bearer a b\x01\x01`,
      `n,,\x01=x\x01auth=Bearer ${TOKEN}\x01\x01`,
    ]
  ) assertEquals(parseOAuthBearer(bad), undefined, bad);
});

Deno.test("XOAUTH2 is read as Google writes it", () => {
  const example = `user=someuser@example.com\x01auth=Bearer ${TOKEN}\x01\x01`;
  assertEquals(parseXOAuth2(example), { user: "someuser@example.com", token: TOKEN });
  assertEquals(parseXOAuth2(example.replace("user=", "name=")), undefined);
});

// RFC 4013 §3, but for its example of bidirectional text.
const PREPARED: readonly [string, string | undefined][] = [
  ["I\u00adX", "IX"],
  ["user", "user"],
  ["USER", "USER"],
  ["\u00aa", "a"],
  ["\u2168", "IX"],
  ["\u0007", undefined],
  ["", undefined],
  ["\u00ad", undefined],
  ["pass\u00a0word", "pass word"],
  ["a\u202eb", undefined],
  ["\ue000", undefined],
  ["\ud800", undefined],
  ["e\u0301", "\u00e9"],
];
Deno.test("SASLprep gives the forms of RFC 4013", () => {
  for (const [raw, prepared] of PREPARED) {
    assertEquals(saslPrep(raw), prepared, JSON.stringify(raw));
  }
});

Deno.test("what SASLprep gives it gives again", () => {
  fc.assert(fc.property(fc.string({ unit: "grapheme" }), (raw) => {
    const once = saslPrep(raw);
    assert(once === undefined || saslPrep(once) === once);
  }));
});

Deno.test("xtext stands for any text, and nothing else is xtext", () => {
  fc.assert(fc.property(fc.string({ unit: "grapheme" }), (text) => {
    const xtext = Array.from(encode(text), (octet) => `+${hex(octet)}`).join("");
    assertEquals(decodeXtext(xtext), text);
  }));
  assertEquals(decodeXtext("a+2Bb@c"), "a+b@c");
  for (const bad of ["a=b", "a+2bb", "a+2", "+", "a b", "ä", "+FF", "a\n"]) {
    assertEquals(decodeXtext(bad), undefined, bad);
  }
});

function hex(octet: number): string {
  return octet.toString(16).toUpperCase().padStart(2, "0");
}

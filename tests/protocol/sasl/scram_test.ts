import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import fc from "fast-check";
import { decode, encode } from "../../../base/bytes.ts";
import type { SaslContext, SaslExchange, SaslResult } from "../../../protocol/sasl/exchange.ts";
import {
  END_POINT,
  escapeName,
  fromBase64,
  hmac,
  parseClientFinal,
  parseClientFirst,
  parseGs2Header,
  parseServerFirst,
  saltedPassword,
  scramKeys,
  serverKeyOf,
} from "../../../protocol/sasl/scram.ts";
import { ScramClient, ScramError } from "../../../protocol/sasl/scram_client.ts";
import { scram, scramPlus } from "../../../protocol/sasl/scram_server.ts";
import { PASSWORD, SERVER_NONCE, TestAuthenticator, USER } from "../test_authenticator.ts";

// RFC 7677 §3.
const NONCE = "rOprNGfwEbeRWgbNEkqO";
const CLIENT_FIRST = `n,,n=user,r=${NONCE}`;
const SERVER_FIRST = `r=${NONCE}${SERVER_NONCE},s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096`;
const CLIENT_FINAL =
  `c=biws,r=${NONCE}${SERVER_NONCE},p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=`;
const SERVER_FINAL = "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=";

const END_POINT_HASH = new Uint8Array(32).fill(7);

function context(changes: Partial<SaslContext> = {}): SaslContext {
  const credentials = new TestAuthenticator();
  return { credentials, plusOffered: false, nonce: () => SERVER_NONCE, ...changes };
}

/** The challenges that some messages get, and what came of it. */
async function converse(
  exchange: SaslExchange,
  messages: readonly string[],
): Promise<{ challenges: string[]; result: SaslResult | undefined }> {
  const challenges: string[] = [];
  let turn = await exchange.next(encode(""));
  for (const message of messages) {
    if (turn.done) break;
    challenges.push(decode(turn.value));
    turn = await exchange.next(encode(message));
  }
  return { challenges, result: turn.done ? turn.value : undefined };
}

Deno.test("the client says what RFC 7677's says, and takes its server for the right one", async () => {
  const client = new ScramClient(USER, PASSWORD, NONCE);
  assertEquals(client.first(), CLIENT_FIRST);
  assertEquals(await client.final(SERVER_FIRST), CLIENT_FINAL);
  client.verify(SERVER_FINAL);
});

Deno.test("the server says what RFC 7677's says, and lets the user in", async () => {
  const { challenges, result } = await converse(scram(encode(CLIENT_FIRST), context()), [
    CLIENT_FINAL,
    "",
  ]);
  assertEquals(challenges, [SERVER_FIRST, SERVER_FINAL]);
  assertEquals(result, { kind: "authenticated", user: USER });
});

const REFUSED_SERVERS: Record<string, string> = {
  "that keeps our nonce as it is": SERVER_FIRST.replace(SERVER_NONCE, ""),
  "with another nonce": SERVER_FIRST.replace(NONCE, "other"),
  "with fewer iterations than RFC 7677 has": SERVER_FIRST.replace("4096", "4095"),
  "with iterations that would take minutes": SERVER_FIRST.replace("4096", "999999999"),
  "without iterations": SERVER_FIRST.replace(",i=4096", ""),
  "whose salt is no base64": SERVER_FIRST.replace("==", ""),
  "that reports an error": "e=unknown-user",
};
for (const [name, challenge] of Object.entries(REFUSED_SERVERS)) {
  Deno.test(`the client answers no server ${name}`, async () => {
    const client = new ScramClient(USER, PASSWORD, NONCE);
    await assertRejects(() => client.final(challenge), ScramError);
  });
}

Deno.test("the client believes no server that does not prove itself", async () => {
  for (const last of ["", "e=other-error", "v=", SERVER_FINAL.replace("6rri", "7rri")]) {
    const client = new ScramClient(USER, PASSWORD, NONCE);
    await client.final(SERVER_FIRST);
    assertThrows(() => client.verify(last), ScramError);
  }
  assertThrows(() => new ScramClient(USER, PASSWORD, NONCE).verify(SERVER_FINAL), ScramError);
});

/** An exchange of SCRAM-SHA-256-PLUS by one who knows the password. */
async function plusExchange(header: string, hash: Uint8Array, changes: Partial<SaslContext> = {}) {
  const bare = `n=user,r=${NONCE}`;
  const binding = encode(header + String.fromCharCode(...hash));
  const withoutProof = `c=${binding.toBase64()},r=${NONCE}${SERVER_NONCE}`;
  const client = new ScramClient(USER, PASSWORD, NONCE);
  const proof = await proofOf(client, withoutProof);
  const start = scramPlus(
    encode(header + bare),
    context({
      endPoint: END_POINT_HASH,
      plusOffered: true,
      ...changes,
    }),
  );
  return await converse(start, [`${withoutProof},p=${proof}`, ""]);
}

/** The proof for other words than our client's own, which knows no channel binding. */
async function proofOf(_client: ScramClient, withoutProof: string): Promise<string> {
  const salt = fromBase64("W22ZaJ0SNY7soEsUEjb6gQ==")!;
  const salted = await saltedPassword(PASSWORD, salt, 4096);
  const said = `n=user,r=${NONCE},${SERVER_FIRST},${withoutProof}`;
  const clientKey = hmac(salted, "Client Key");
  const { storedKey } = await scramKeys(PASSWORD, salt, 4096);
  const signature = hmac(storedKey, said);
  return Uint8Array.from(clientKey, (octet, i) => octet ^ signature[i]!).toBase64();
}

Deno.test("SCRAM-SHA-256-PLUS lets in who is bound to our certificate", async () => {
  const { result } = await plusExchange(`p=${END_POINT},,`, END_POINT_HASH);
  assertEquals(result, { kind: "authenticated", user: USER });
});

Deno.test("SCRAM-SHA-256-PLUS refuses who is bound to another certificate, as in an attack from between", async () => {
  const { result } = await plusExchange(`p=${END_POINT},,`, END_POINT_HASH.map(() => 8));
  assertEquals(result, { kind: "failed", why: "refused", user: USER });
});

Deno.test("SCRAM-SHA-256-PLUS knows no other binding, and none where there is no TLS", async () => {
  const other = await plusExchange("p=tls-exporter,,", END_POINT_HASH);
  assertEquals(other.result, { kind: "failed", why: "binding", user: USER });
  const without = await plusExchange(`p=${END_POINT},,`, END_POINT_HASH, { endPoint: undefined });
  assertEquals(without.result, { kind: "failed", why: "binding", user: USER });
  for (const header of ["n,,", "y,,"]) {
    const { result } = await plusExchange(header, END_POINT_HASH);
    assertEquals(result, { kind: "failed", why: "malformed", user: USER });
  }
});

Deno.test("a client that believes that PLUS was not offered is refused when it was", async () => {
  const first = encode(CLIENT_FIRST.replace("n,,", "y,,"));
  const offered = await converse(scram(first, context({ plusOffered: true })), []);
  assertEquals(offered.result, { kind: "failed", why: "refused", user: USER });
  const not = await converse(scram(first, context()), [CLIENT_FINAL.replace("biws", "eSws")]);
  assertEquals(not.result, { kind: "failed", why: "refused", user: USER }, "the proof is for n,,");
});

const text = fc.string({ unit: "binary", maxLength: 60 });

Deno.test("the parsers of messages throw at no text", () => {
  fc.assert(fc.property(text, (said) => {
    for (const parse of [parseGs2Header, parseClientFirst, parseClientFinal, parseServerFirst]) {
      parse(said);
    }
  }));
});

Deno.test("any name survives its escaping in a first message", () => {
  const name = fc.string({ unit: "grapheme", minLength: 1 }).filter((one) => !one.includes("\0"));
  fc.assert(fc.property(name, (user) => {
    assertEquals(parseClientFirst(`n,,n=${escapeName(user)},r=x`)?.user, user);
  }));
});

Deno.test("no message makes the server throw or lets anybody in", async () => {
  const part = fc.oneof(
    text,
    fc.constantFrom(CLIENT_FIRST, CLIENT_FINAL.replace("p=d", "p=e"), "n,,n=user,r=x", "c=biws"),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(part, { maxLength: 4 }), async (messages) => {
      const { result } = await converse(scram(undefined, context()), messages);
      assert(result === undefined || result.kind === "failed");
    }),
    { numRuns: 200 },
  );
});

Deno.test("client and server agree for any user and password", async () => {
  const word = fc.string({ unit: "grapheme", minLength: 1, maxLength: 20 })
    .filter((one) => !one.includes("\0"));
  await fc.assert(
    fc.asyncProperty(word, word, async (user, password) => {
      const keys = await scramKeys(password, new Uint8Array(16), 4096);
      const credentials = Object.assign(new TestAuthenticator(), { scramKeys: () => keys });
      const client = new ScramClient(user, password, NONCE);
      const server = scram(encode(client.first()), context({ credentials }));
      const first = await server.next(encode(""));
      assert(!first.done);
      const second = await server.next(encode(await client.final(decode(first.value))));
      assert(!second.done);
      client.verify(decode(second.value));
      const end = await server.next(encode(""));
      assertEquals(end, { done: true, value: { kind: "authenticated", user } });
    }),
    { numRuns: 20 },
  );
});

Deno.test("keys are those of the RFC: HMAC of the salted password", async () => {
  const salt = fromBase64("W22ZaJ0SNY7soEsUEjb6gQ==")!;
  const { serverKey } = await scramKeys(PASSWORD, salt, 4096);
  assertEquals(serverKey, serverKeyOf(await saltedPassword(PASSWORD, salt, 4096)));
});

Deno.test("base64 is read with its padding and nothing around it", () => {
  assertEquals(fromBase64("AAE="), Uint8Array.of(0, 1));
  assertEquals(fromBase64(""), new Uint8Array(0));
  for (const bad of ["AAE", "AAE==", " AAE=", "AA E=", "AAE=\n", "AAF=", "_-8=", "ÄÄE="]) {
    assertEquals(fromBase64(bad), undefined, bad);
  }
  fc.assert(fc.property(fc.uint8Array(), (octets) => {
    assertEquals(fromBase64(octets.toBase64()), new Uint8Array(octets));
  }));
});

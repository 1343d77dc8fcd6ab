import { assertEquals, assertMatch } from "@std/assert";
import fc from "fast-check";
import { decode } from "../../base/bytes.ts";
import { parseXclient } from "../../protocol/xclient.ts";
import { RecordingHandler } from "./recording_handler.ts";
import { feed, newSession, say, TLS } from "./talk.ts";
import { encode } from "../../base/bytes.ts";

/** Attributes, and what they claim. */
const CLAIMS: readonly (readonly [string, unknown])[] = [
  ["ADDR=192.0.2.7", { address: "192.0.2.7" }],
  ["addr=IPv6:2001:DB8::7", { address: "2001:db8::7" }],
  ["ADDR=IPV6:::ffff:192.0.2.7", { address: "192.0.2.7" }],
  ["ADDR=[UNAVAILABLE]", { address: "0.0.0.0" }],
  ["ADDR=+5BTEMPUNAVAIL+5D PORT=[UNAVAILABLE]", { address: "0.0.0.0", port: 0 }],
  ["PORT=4711 PROTO=smtp", { port: 4711, protocol: "SMTP" }],
  ["HELO=[192.0.2.7]", { helo: "[192.0.2.7]" }],
  ["HELO=[UNAVAILABLE]", { helo: "" }],
  ["LOGIN=j+C3+B6rg+20x", { login: "jörg x" }],
  ["LOGIN=[UNAVAILABLE]", { login: null }],
  ["NAME=host.example REVERSE_NAME=[TEMPUNAVAIL] DESTADDR=IPV6:::1 DESTPORT=25", {}],
  ["  NAME=a   PORT=1 ", { port: 1 }],
];
for (const [argument, expected] of CLAIMS) {
  Deno.test(`XCLIENT ${argument} is understood`, () => {
    assertEquals<unknown>(parseXclient(argument), { ok: true, value: expected });
  });
}

Deno.test("no argument of XCLIENT makes reading it fail, or claims what is not printable", () => {
  const word = fc.tuple(fc.constantFrom("ADDR", "HELO", "LOGIN", "PORT", "X"), fc.string()).map(
    ([name, value]) => `${name}=${value}`,
  );
  fc.assert(fc.property(fc.array(fc.oneof(word, fc.string())), (words) => {
    const read = parseXclient(words.join(" "));
    if (!read.ok) assertMatch(String(read.reply.code), /^501$/);
    else assertEquals(/\p{Cc}/u.test(JSON.stringify(read.value)), false);
  }));
});

/** A session over which XCLIENT may be said, and has been. */
async function claimed(argument: string, tls = true) {
  const handler = new RecordingHandler(false, undefined, undefined, true);
  const channel = tls ? { ...TLS, fingerprint: "ab".repeat(32) } : undefined;
  const session = newSession(handler, {}, { startTls: true }, channel);
  await say(session, "EHLO proxy.example\r\n");
  const { output, next } = await feed(session, [encode(`XCLIENT ${argument}\r\n`)]);
  assertEquals([output, next], ["", "restart"]);
  const other = new RecordingHandler();
  session.restart(other);
  return { session, handler, other };
}

Deno.test("after XCLIENT the session starts over, and somebody else may answer", async () => {
  const { session, handler, other } = await claimed("ADDR=192.0.2.7 PORT=9 LOGIN=jo");
  assertMatch(decode(session.greeting()), /^220 mx\.example /);
  assertMatch(await say(session, "MAIL FROM:<a@b.test>\r\n"), /^503 5\.5\.1 Send EHLO/);
  assertMatch(await say(session, "EHLO client.example\r\n"), /^250 XCLIENT NAME/m);
  await say(session, "MAIL FROM:<a@b.test>\r\n");
  assertEquals(handler.clients, []);
  const { address, port, helo, user } = other.clients[0]!;
  assertEquals([address, port, helo, user], ["192.0.2.7", 9, "client.example", "jo"]);
});

Deno.test("the certificate of who speaks for a client is not the client's, whether TLS came before or after", async () => {
  const before = await claimed("ADDR=192.0.2.7");
  const after = await claimed("ADDR=192.0.2.7", false);
  await say(after.session, "EHLO client.example\r\nSTARTTLS\r\n");
  after.session.secured({ ...TLS, fingerprint: "ab".repeat(32) });
  for (const { session, other } of [before, after]) {
    await say(session, "EHLO client.example\r\nMAIL FROM:<a@b.test>\r\n");
    assertEquals(other.clients[0]!.tls?.version, "TLSv1.3");
    assertEquals(other.clients[0]!.tls?.fingerprint, undefined);
  }
});

Deno.test("a login that XCLIENT claimed is forgotten with STARTTLS", async () => {
  const { session, other } = await claimed("LOGIN=jo", false);
  await say(session, "EHLO client.example\r\nSTARTTLS\r\n");
  session.secured(TLS);
  await say(session, "EHLO client.example\r\nMAIL FROM:<a@b.test>\r\n");
  assertEquals(other.clients[0]!.user, undefined);
});

/** What is no request, or one that two readers may read differently, sent to the real listener by hand. */
import { assert, assertEquals } from "@std/assert";
import { encode } from "../../base/bytes.ts";
import { capturedLog } from "../helpers/captured_log.ts";
import { until } from "../helpers/waiting.ts";
import { put } from "../queue/fixtures.ts";
import { answersIn, BEARER, problemIn, talk, withRawApi } from "./raw_api.ts";

const HOST = "Host: localhost\r\n";
const GET = `GET /v1/status HTTP/1.1\r\n${HOST}${BEARER}`;
const HOLD_ALL = JSON.stringify({ action: "hold", filter: {} });
const POST =
  `POST /v1/queue/actions HTTP/1.1\r\n${HOST}${BEARER}Content-Type: application/json\r\n`;
const CHUNKED = "Transfer-Encoding: chunked\r\n";
/** A request that must never be seen as one of its own: it would hold what is in the queue. */
const SMUGGLED = `${POST}Content-Length: ${HOLD_ALL.length}\r\n\r\n${HOLD_ALL}`;

for (
  const [what, sent] of [
    ["both lengths", `${POST}Content-Length: 3\r\n${CHUNKED}\r\n0\r\n\r\n${SMUGGLED}`],
    [
      "both lengths the other way",
      `${POST}${CHUNKED}Content-Length: 3\r\n\r\n0\r\n\r\n${SMUGGLED}`,
    ],
    ["two lengths", `${POST}Content-Length: 3\r\nContent-Length: 0\r\n\r\n${SMUGGLED}`],
    ["the same length twice", `${POST}Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc`],
    ["a list of lengths", `${POST}Content-Length: 3, 3\r\n\r\nabc`],
    ["a length with a sign", `${POST}Content-Length: +0\r\n\r\n${SMUGGLED}`],
    ["a length below zero", `${POST}Content-Length: -1\r\n\r\n${SMUGGLED}`],
    ["a length in hexadecimal", `${POST}Content-Length: 0x3\r\n\r\nabc`],
    ["a length of 23 digits", `${POST}Content-Length: ${"9".repeat(23)}\r\n\r\nabc`],
    ["no length at all", `${POST}Content-Length:\r\n\r\n${SMUGGLED}`],
    ["a coding nobody knows", `${POST}Transfer-Encoding: xchunked\r\n\r\n${SMUGGLED}`],
    [
      "chunked that is not the last",
      `${POST}Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n`,
    ],
    ["two codings", `${POST}${CHUNKED}Transfer-Encoding: identity\r\n\r\n0\r\n\r\n${SMUGGLED}`],
    ["a vertical tab", `${POST}Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n${SMUGGLED}`],
    ["a chunk's size with 0x", `${POST}${CHUNKED}\r\n0x3\r\nabc\r\n0\r\n\r\n`],
    ["a chunk's size past 64 bits", `${POST}${CHUNKED}\r\n${"f".repeat(17)}\r\nabc`],
    ["chunks with bare LF", `${POST}${CHUNKED}\r\n3\nabc\n0\n\n${SMUGGLED}`],
    ["a chunk that goes on", `${POST}${CHUNKED}\r\n3\r\nabcX0\r\n\r\n${SMUGGLED}`],
    ["bare LF", `GET /v1/status HTTP/1.1\n${HOST}\n`],
    ["bare LF after a field", `${GET}X: y\n${HOST}\r\n`],
    ["bare CR in a field", `${GET}X: a\rb\r\n\r\n`],
    ["NUL in a field", `${GET}X: a\0b\r\n\r\n`],
    ["a folded field (RFC 9112 §5.2)", `${GET}X: a\r\n b\r\n\r\n`],
    ["a space before the colon", `${GET}X : a\r\n\r\n`],
    ["a space before the first field", `GET /v1/status HTTP/1.1\r\n ${HOST}\r\n`],
    ["a method in lower case", `get /v1/status HTTP/1.1\r\n${HOST}\r\n`],
    ["a method of 5000 letters", `${"A".repeat(5000)} / HTTP/1.1\r\n${HOST}\r\n`],
    ["a path without a slash", `GET v1/status HTTP/1.1\r\n${HOST}\r\n`],
    ["a path that is no ASCII", `GET /\xe9 HTTP/1.1\r\n${HOST}\r\n`],
    ["HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"],
    ["TLS", "\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03"],
    ["SMTP", "EHLO x\r\nMAIL FROM:<a@example.org>\r\n"],
    ["no Host field", `GET /v1/status HTTP/1.1\r\n${BEARER}\r\n`],
  ] as const
) {
  Deno.test(`${what}: 400, the connection is closed, and nothing behind it is read as a request`, () =>
    withRawApi(async ({ port, rig: { queue } }) => {
      const { id } = await put(queue, "x");
      const answers = answersIn(await talk(port, sent));
      assertEquals(answers.map(({ status }) => status), [400]);
      assertEquals(problemIn(answers[0]!).code, "bad_request");
      assertEquals(queue.overview(id)!.state, "incoming");
    }));
}

for (
  const [what, sent] of [
    ["a field", `${GET}X: ${"a".repeat(20_000)}\r\n\r\n`],
    ["a path", `GET /${"a".repeat(20_000)} HTTP/1.1\r\n${HOST}\r\n`],
    ["many fields", `${GET}${`X: ${"a".repeat(20)}\r\n`.repeat(1000)}\r\n`],
    ["the trailer", `${POST}${CHUNKED}\r\n0\r\nX: ${"a".repeat(20_000)}\r\n\r\n`],
  ] as const
) {
  Deno.test(`${what} past 16 KiB: 431, and the connection is closed`, () =>
    withRawApi(async ({ port }) => {
      const [answer] = answersIn(await talk(port, sent));
      assertEquals(answer!.status, 431);
      assertEquals(problemIn(answer!).code, "header_too_large");
    }));
}

for (
  const [what, target, fields] of [
    ["a Host of another's", "/v1/status", "Host: evil.example\r\n"],
    ["two Host fields", "/v1/status", `${HOST}Host: evil.example\r\n`],
    ["two Host fields the other way", "/v1/status", `Host: evil.example\r\n${HOST}`],
    ["another's Host and port", "/v1/status", "Host: evil.example:8026\r\n"],
    ["a URL of another's (RFC 9112 §3.2.2)", "http://evil.example/v1/status", HOST],
    ["a URL of ours for another's Host", "http://localhost/v1/status", "Host: evil.example\r\n"],
  ] as const
) {
  Deno.test(`${what} gets no answer, even with the token`, () =>
    withRawApi(async ({ port }) => {
      const sent = `GET ${target} HTTP/1.1\r\n${fields}${BEARER}Connection: close\r\n\r\n`;
      const [answer] = answersIn(await talk(port, sent));
      assert([400, 421].includes(answer!.status), answer!.head);
      assert(["bad_request", "wrong_host"].includes(problemIn(answer!).code), answer!.body);
    }));
}

for (
  const [what, fields, status] of [
    ["no Authorization", "", 401],
    ["the token", BEARER, 200],
    ["the scheme in other letters", BEARER.replace("Bearer", "bEARER"), 200],
    ["the field's name in other letters", BEARER.replace("Auth", "aUTH"), 200],
    ["another scheme", BEARER.replace("Bearer", "Basic"), 401],
    ["a letter of the token in the other case", BEARER.replace("abcdef", "abcdeF"), 401],
    ["the token cut short", BEARER.replace("f\r", "\r"), 401],
    ["the token and more", BEARER.replace("f\r", "ff\r"), 401],
    ["the token twice", BEARER + BEARER, 401],
    ["a wrong token before the right one", `Authorization: Bearer x\r\n${BEARER}`, 401],
    ["a wrong token behind the right one", `${BEARER}Authorization: Bearer x\r\n`, 401],
    ["the token for the proxy", BEARER.replace("Auth", "Proxy-Auth"), 401],
    ["the token in a cookie", BEARER.replace("Authorization: Bearer ", "Cookie: token="), 401],
    ["the token behind 3000 fields", "A:\r\n".repeat(3000) + BEARER, 401],
  ] as const
) {
  Deno.test(`${what}: ${status}`, () =>
    withRawApi(async ({ port }) => {
      const sent = `GET /v1/status HTTP/1.1\r\n${HOST}${fields}Connection: close\r\n\r\n`;
      const [answer] = answersIn(await talk(port, sent));
      assertEquals(answer!.status, status, answer!.head);
      if (status !== 200) assertEquals(problemIn(answer!).code, "unauthorized");
    }));
}

for (const method of ["OPTIONS", "TRACE", "PROPFIND", "PATCH", "M-SEARCH"]) {
  Deno.test(`${method} is answered with what is for the path, and repeats nothing`, () =>
    withRawApi(async ({ port }) => {
      const sent = `${method} /v1/queue HTTP/1.1\r\n${HOST}${BEARER}Connection: close\r\n\r\n`;
      const [answer] = answersIn(await talk(port, sent));
      assertEquals([answer!.status, problemIn(answer!).code], [405, "method_not_allowed"]);
      assert(/^allow: GET, HEAD$/im.test(answer!.head), answer!.head);
      assert(!answer!.body.includes("Bearer"), answer!.body);
    }));
}

Deno.test("CONNECT and what wants another protocol get no tunnel", () =>
  withRawApi(async ({ port }) => {
    assertEquals(await talk(port, `CONNECT localhost:25 HTTP/1.1\r\n${HOST}${BEARER}\r\n`), "");
    for (const upgrade of ["websocket", "h2c"]) {
      const fields = `Upgrade: ${upgrade}\r\nConnection: upgrade, close\r\n`;
      const [answer] = answersIn(await talk(port, `${GET}${fields}\r\n`));
      assertEquals(answer!.status, 200);
    }
  }));

Deno.test("requests that come one behind the other are answered in order, and junk behind them ends it", () =>
  withRawApi(async ({ port }) => {
    const both = `${GET}\r\nGET /v1/none HTTP/1.1\r\n${HOST}${BEARER}Connection: close\r\n\r\n`;
    const answers = answersIn(await talk(port, both));
    assertEquals(answers.map(({ status }) => status), [200, 404]);
    const withJunk = answersIn(
      await talk(port, `${GET}Content-Length: 3\r\n\r\nabc\0\xff\r\n\r\n`),
    );
    assert(withJunk.every(({ status }) => status === 200 || status === 400), String(withJunk));
  }));

Deno.test("who sends requests without end ahead of their answers is cut off, and costs a few requests", () =>
  withRawApi(async ({ port, rig }) => {
    const notReady = rig.target.notReady;
    let asked = 0;
    Object.assign(rig.target, { notReady: () => (asked++, notReady()) });
    await talk(port, `${GET}\r\n`.repeat(20_000));
    // A piece that is read at once holds more than are answered.
    assert(asked < 2000, `${asked} requests were answered`);
    const [answer] = answersIn(await talk(port, `${GET}Connection: close\r\n\r\n`));
    assertEquals(answer!.status, 200);
  }));

Deno.test("a body that is cut off, or is no chunks, is the client's matter: nothing is logged", () =>
  withRawApi(async ({ port, rig }) => {
    const importing = POST.replace("actions", "import").replace(
      "application/json",
      "message/rfc822",
    );
    const records = await capturedLog("warning", async () => {
      for (const head of [POST, importing]) {
        const junk = answersIn(await talk(port, `${head}${CHUNKED}\r\n2\r\n{}zz\r\n`));
        assertEquals(junk.map(({ status }) => status), [400]);
        using connection = await Deno.connect({ port });
        await connection.write(encode(`${head}Content-Length: 100\r\n\r\nFrom: a@example.org`));
        const waits = Promise.withResolvers<void>();
        setImmediate(waits.resolve);
        await waits.promise;
      }
      await talk(port, `${GET}Connection: close\r\n\r\n`);
    });
    assertEquals(records.map(({ properties }) => String(properties.error)), []);
    assertEquals(rig.brought, []);
  }));

Deno.test("an endless body that is not wanted is not read to its end", () =>
  withRawApi(async ({ port }) => {
    const head = `POST /v1/queue/actions HTTP/1.1\r\n${HOST}Content-Length: 10000000000\r\n\r\n`;
    using connection = await Deno.connect({ port });
    await connection.write(encode(head));
    let closed = false;
    const answer = new Response(connection.readable).text().finally(() => closed = true);
    await until(() => closed);
    assertEquals(answersIn(await answer)[0]!.status, 401);
  }));

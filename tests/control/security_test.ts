/** What the API refuses, and that what it answers cannot be misused. */
import { assertEquals, assertMatch, assertNotMatch } from "@std/assert";
import { capturedLog } from "../helpers/captured_log.ts";
import { put } from "../queue/fixtures.ts";
import { rigOf } from "./rig.ts";

const TOKEN = "0123456789abcdef";
const ADMISSION = { by: "api", token: TOKEN, hostname: "mx.example.org" };
const BEARER = { authorization: `Bearer ${TOKEN}` };
const JSON_TYPE = { "content-type": "application/json" };
const HOLD_ALL = JSON.stringify({ action: "hold", filter: {} });

for (
  const host of ["localhost", "localhost:8026", "127.0.0.1:8026", "[::1]:8026", "MX.example.org"]
) {
  Deno.test(`the host ${host} is one of ours`, async () => {
    const { ask } = rigOf({ admission: ADMISSION });
    assertEquals((await ask("/v1/status", { headers: { ...BEARER, host } })).status, 200);
  });
}

for (
  const host of [
    "evil.example",
    "localhost.evil.example",
    "127.0.0.1.evil.example",
    "",
    "[::1",
    "a@localhost",
    "localhost:x",
  ]
) {
  Deno.test(`the host "${host}" is none of ours, as it may be a name that means our address`, async () => {
    const { ask } = rigOf({ admission: ADMISSION });
    const response = await ask("/v1/status", { headers: { ...BEARER, host } });
    assertEquals(response.status, 421);
  });
}

for (
  const headers of [
    { origin: "http://evil.example" },
    { origin: "null" },
    { origin: "https://localhost.evil.example" },
    { "sec-fetch-site": "cross-site" },
    { "sec-fetch-site": "same-site" },
    { origin: "http://localhost", "sec-fetch-site": "cross-site" },
  ] as Record<string, string>[]
) {
  Deno.test(`a write with ${JSON.stringify(headers)} is refused, and changes nothing`, async () => {
    const { ask, queue } = rigOf();
    const { id } = await put(queue, "x");
    const init = { method: "POST", body: HOLD_ALL, headers: { ...JSON_TYPE, ...headers } };
    assertEquals((await ask("/v1/queue/actions", init)).status, 403);
    assertEquals(queue.overview(id)!.state, "incoming");
  });
}

Deno.test("a write of our own page is let through", async () => {
  const { ask } = rigOf();
  const headers = { ...JSON_TYPE, origin: "http://localhost", "sec-fetch-site": "same-origin" };
  const response = await ask("/v1/queue/actions", { method: "POST", body: HOLD_ALL, headers });
  assertEquals(response.status, 200);
});

for (
  const authorization of [
    undefined,
    "",
    "Bearer",
    "Bearer x",
    `Basic ${btoa(TOKEN)}`,
    TOKEN,
    `Bearer ${TOKEN}0`,
    `Bearer ${TOKEN} x`,
  ]
) {
  Deno.test(`Authorization "${authorization}" is not enough`, async () => {
    const { ask } = rigOf({ admission: ADMISSION });
    const headers: HeadersInit = authorization === undefined ? {} : { authorization };
    const response = await ask("/v1/queue", { headers });
    assertEquals(response.status, 401);
    assertEquals(response.headers.get("www-authenticate"), "Bearer");
    assertNotMatch(await response.text(), new RegExp(TOKEN));
  });
}

for (const key of ["token", "access_token", "authorization"]) {
  Deno.test(`the token in the query as ${key} is refused: queries are logged`, async () => {
    const { ask } = rigOf({ admission: ADMISSION });
    assertEquals((await ask(`/v1/queue?${key}=${TOKEN}`)).status, 401);
    assertEquals((await ask(`/v1/queue?${key}=${TOKEN}`, { headers: BEARER })).status, 400);
  });
}

Deno.test("without the token only health and readiness are told", async () => {
  const { ask } = rigOf({ admission: ADMISSION });
  for (const path of ["/healthz", "/readyz"]) assertEquals((await ask(path)).status, 200, path);
  for (const path of ["/v1/openapi.json", "/v1/events", "/v1/none", "/", "/healthz/x"]) {
    assertEquals((await ask(path)).status, 401, path);
  }
});

for (
  const [path, status] of [
    ["/v1/queue/..%2f..%2fetc%2fpasswd", 400],
    ["/v1/queue/%00", 400],
    ["/v1/queue/0000000000000000000000000a", 400],
    ["/v1/queue/00000000000000000000000000/content", 404],
    ["/v1/queue/%0d%0aX:%20y/content", 400],
    ["/v1/domains/..%2f../hold", 405],
    ["/v2/queue", 404],
  ] as const
) {
  Deno.test(`the path ${path} gets ${status}, as a problem in JSON`, async () => {
    const response = await rigOf().ask(path);
    assertEquals(response.status, status);
    assertEquals(typeof (await response.json()).error.message, "string");
  });
}

for (const method of ["PUT", "DELETE", "PATCH", "OPTIONS", "PROPFIND"]) {
  Deno.test(`${method} is not for the list, and the answer says what is`, async () => {
    const response = await rigOf().ask("/v1/queue", { method });
    assertEquals([response.status, response.headers.get("allow")], [405, "GET, HEAD"]);
  });
}

Deno.test("HEAD of the list is answered without a body, and that of the events not at all", async () => {
  const { ask, clock } = rigOf();
  const list = await ask("/v1/queue", { method: "HEAD" });
  assertEquals([list.status, await list.text()], [200, ""]);
  assertEquals((await ask("/v1/events", { method: "HEAD" })).status, 405);
  assertEquals(clock.timers, 0, "somebody listens");
});

for (const type of ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""]) {
  Deno.test(`JSON that comes as "${type}" is refused: a foreign page's form could send it`, async () => {
    const body = new TextEncoder().encode(HOLD_ALL);
    const init = { method: "POST", body, headers: { "content-type": type } };
    assertEquals((await rigOf().ask("/v1/queue/actions", init)).status, 415);
  });
}

for (
  const [what, body, status] of [
    ["no JSON", "{", 400],
    ["no UTF-8", new Uint8Array([34, 255, 34]), 400],
    ["nothing", "", 400],
    ["a list", "[]", 400],
    ["half a million brackets", "[".repeat(500_000) + "]".repeat(500_000), 400],
    ["more than 1 MiB", " ".repeat(1024 * 1024 + 1), 413],
  ] as const
) {
  Deno.test(`a body of ${what} gets ${status}`, async () => {
    const init = { method: "POST", body, headers: JSON_TYPE };
    assertEquals((await rigOf().ask("/v1/queue/actions", init)).status, status);
  });
}

Deno.test("every answer says that it is data, for nobody to keep, frame or run", async () => {
  const { ask } = rigOf();
  for (const path of ["/v1/queue", "/v1/none", "/healthz", "/v1/openapi.json"]) {
    const { headers } = await ask(path);
    assertEquals(headers.get("x-content-type-options"), "nosniff", path);
    assertEquals(headers.get("cache-control"), "no-store", path);
    assertMatch(headers.get("content-security-policy")!, /^default-src 'none'/);
  }
});

Deno.test("a handler that fails gets 500, its stack is in the log and not in the answer", async () => {
  const notReady = () => {
    throw new Error("a secret reason");
  };
  const { ask } = rigOf({ notReady });
  const records = await capturedLog("error", async () => {
    const response = await ask("/v1/status");
    assertEquals(response.status, 500);
    assertNotMatch(await response.text(), /secret|\.ts/);
  });
  const [{ properties }] = records as [typeof records[0]];
  assertMatch(String((properties.error as Error).stack), /a secret reason[^]*security_test\.ts/);
  assertEquals((await ask("/v1/queue")).status, 200);
});

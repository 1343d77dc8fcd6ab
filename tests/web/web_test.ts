/** Who may see the page and use it, without a browser. */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { type Server, start, type StartOptions } from "../../mod.ts";
import { freePort } from "../helpers/free_port.ts";
import { withTempDir } from "../helpers/temp_dir.ts";
import { CERTIFICATE, until } from "../transport/running.ts";

const TOKEN = "a-token-that-nobody-guesses";

function withPage(
  options: StartOptions,
  check: (url: string, server: Server) => Promise<void>,
): Promise<void> {
  return withTempDir(async (spool) => {
    const server = await start({
      ...{ listen: "127.0.0.1:0", certificate: CERTIFICATE, stopGrace: 1000, spool },
      ...{ web: ":0", ...options },
    });
    try {
      await check(server.control.web!, server);
    } finally {
      await server.stop();
    }
  });
}

/** The status and the text of an answer. */
async function asked(
  url: string,
  init: RequestInit = {},
): Promise<{ status: number; text: string; headers: Headers }> {
  const answer = await fetch(url, { redirect: "manual", ...init });
  return { status: answer.status, text: await answer.text(), headers: answer.headers };
}

const form = (token: string): RequestInit => ({
  method: "POST",
  body: new URLSearchParams({ token }),
});

Deno.test("the page has a strict policy, and its files keep for good", () =>
  withPage({}, async (url) => {
    const page = await asked(`${url}/`);
    assertEquals(page.status, 200);
    assertMatch(
      page.headers.get("content-security-policy")!,
      /^default-src 'none'; script-src 'self';/,
    );
    assertEquals(/ style=|<style|onclick|<script>/.test(page.text), false);
    for (const [, path] of page.text.matchAll(/(?:src|href)="(\/assets\/[^"]+)"/g)) {
      const asset = await asked(url + path);
      assertEquals(asset.status, 200);
      assertStringIncludes(asset.headers.get("cache-control")!, "immutable");
      const again = await asked(url + path, {
        headers: { "if-none-match": asset.headers.get("etag")! },
      });
      assertEquals(again.status, 304);
    }
  }));

Deno.test("a page elsewhere can change nothing, and no other name leads here", () =>
  withPage({}, async (url) => {
    const body = JSON.stringify({ action: "retry", filter: {} });
    const headers = { "content-type": "application/json", origin: "http://evil.test" };
    const foreign = await asked(`${url}/v1/queue/actions`, { method: "POST", headers, body });
    assertEquals(foreign.status, 403);
    const connection = await Deno.connect({
      hostname: "127.0.0.1",
      port: Number(new URL(url).port),
    });
    const request = "GET / HTTP/1.1\r\nHost: evil.test\r\nConnection: close\r\n\r\n";
    await connection.write(new TextEncoder().encode(request));
    assertStringIncludes(await new Response(connection.readable).text(), "HTTP/1.1 421");
  }));

Deno.test("where a token is set nothing is shown before it was", () =>
  withPage({ apiToken: TOKEN }, async (url) => {
    for (const path of ["/", "/queue", "/inbox", "/message/X", "/nowhere"]) {
      const answer = await asked(url + path);
      assertEquals([answer.status, answer.headers.get("location")], [303, "/login"]);
    }
    assertEquals((await asked(`${url}/v1/queue`)).status, 401);
    assertEquals((await asked(`${url}/login`)).status, 200);
    const authorization = `Bearer ${TOKEN}`;
    assertEquals((await asked(`${url}/v1/queue`, { headers: { authorization } })).status, 200);
  }));

Deno.test("the token becomes a cookie that no script and no other site has, until the log-out", () =>
  withPage({ apiToken: TOKEN }, async (url) => {
    const wrong = await asked(`${url}/login`, form("not-the-token"));
    assertEquals(wrong.headers.get("set-cookie"), null);
    assertStringIncludes(wrong.text, "not the token");
    const right = await asked(`${url}/login`, form(TOKEN));
    const setCookie = right.headers.get("set-cookie")!;
    assertMatch(setCookie, /; HttpOnly; SameSite=Strict; Max-Age=43200$/);
    assertEquals(setCookie.includes(TOKEN), false);
    const headers = { cookie: setCookie.split(";")[0]! };
    assertEquals((await asked(`${url}/`, { headers })).status, 200);
    assertEquals((await asked(`${url}/v1/queue`, { headers })).status, 200);
    await asked(`${url}/logout`, { method: "POST", headers });
    assertEquals((await asked(`${url}/`, { headers })).status, 303);
    assertEquals((await asked(`${url}/v1/queue`, { headers })).status, 401);
  }));

Deno.test("a form that is too large is no log-in", () =>
  withPage({ apiToken: TOKEN }, async (url) => {
    const answer = await asked(`${url}/login`, form("x".repeat(10_000)));
    assertEquals(answer.headers.get("set-cookie"), null);
  }));

Deno.test("a page for others than this machine needs a token", async () => {
  await withTempDir(async (spool) => {
    const error = await start({ web: "0.0.0.0:0", spool }).then(() => undefined, (error) => error);
    assert(error instanceof TypeError);
    assertStringIncludes(error.message, "web: needs apiToken as well");
  });
});

Deno.test("a next hop that mail was redirected to has no button that holds a domain", () =>
  withPage({ hold: true }, async (url, server) => {
    const { id } = await server.send({ from: "a@our.test", to: "b@one.test", content: "x" });
    await server.send({ from: "a@our.test", to: "c@two.test", content: "x" });
    const headers = { "content-type": "application/json" };
    const body = JSON.stringify({ action: "redirect", ids: [id], nextHop: "mx.test:2525" });
    const done = await asked(`${url}/v1/queue/actions`, { method: "POST", headers, body });
    assertEquals(done.status, 200);
    const { text } = await asked(`${url}/`);
    assertStringIncludes(text, "mx.test:2525");
    assertStringIncludes(text, "/v1/domains/two.test/hold");
    assertEquals(text.includes("/v1/domains/mx.test"), false);
  }));

Deno.test("a domain is shown resting while the smarthost rests", () => {
  const smarthost = `smtp://127.0.0.1:${freePort("127.0.0.1")}`;
  return withPage({ smarthost, allowPrivate: true }, async (url, server) => {
    await server.send({ from: "a@our.test", to: "b@one.test", content: "x" });
    await until(() => server.counts().deferred === 1);
    const { text } = await asked(`${url}/`);
    assertMatch(text, /one\.test[^]*<span class="badge waiting">resting/);
  });
});

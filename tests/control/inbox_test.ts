/** The inbox as the tests of an application use it: nodemailer sends, fetch looks. */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import nodemailer from "nodemailer";
import { start, type StartOptions } from "../../mod.ts";
import { MailHost } from "../helpers/mail_host.ts";
import { withTempDir } from "../helpers/temp_dir.ts";
import { CERTIFICATE, until } from "../transport/running.ts";

const TOKEN = "a-token-that-nobody-guesses";

/** A server that captures, and what a test does with it. */
interface Site {
  /** Sends a message by SMTP. */
  send(mail: Record<string, unknown>): Promise<void>;
  /** Asks the API for JSON. */
  ask<T>(path: string, init?: RequestInit): Promise<T>;
  /** Asks the API. */
  get(path: string, init?: RequestInit): Promise<Response>;
}

/** Entries as far as the tests look at them. */
interface Entries {
  readonly messages: {
    readonly id: string;
    readonly subject: string;
    readonly to: string[];
    readonly attachments: number;
    readonly released: { readonly id: string }[];
  }[];
}

function withInbox(
  options: StartOptions,
  check: (site: Site) => Promise<void>,
): Promise<void> {
  return withTempDir(async (spool) => {
    const server = await start({
      ...{ listen: "127.0.0.1:0", certificate: CERTIFICATE, stopGrace: 1000, spool },
      ...{ capture: true, api: "127.0.0.1:0", apiToken: TOKEN, ...options },
    });
    const { port } = server.addresses[0]!;
    const mailer = nodemailer.createTransport({ host: "127.0.0.1", port, ignoreTLS: true });
    const get = (path: string, init: RequestInit = {}) =>
      fetch(`${server.control.api}${path}`, {
        ...init,
        headers: { ...init.headers, authorization: `Bearer ${TOKEN}` },
      });
    try {
      await check({
        send: async (mail) => {
          await mailer.sendMail({ from: "shop@our.test", to: "ann@them.test", ...mail });
        },
        get,
        ask: async (path, init) => await (await get(path, init)).json(),
      });
    } finally {
      mailer.close();
      await server.stop();
    }
  });
}

const post = (json: unknown): RequestInit => ({
  method: "POST",
  headers: { "content-type": "application/json" },
  body: JSON.stringify(json),
});

Deno.test("a test that waits for a message gets it when it comes, and at once when it is there", () =>
  withInbox({}, async ({ send, ask }) => {
    const waiting = ask<Entries>("/v1/messages?to=ann@them.test&wait=30s");
    await send({ subject: "Welcome", text: "Confirm: https://our.test/confirm?t=1." });
    const { messages: [first] } = await waiting;
    assertEquals(first!.subject, "Welcome");
    assertEquals((await ask<Entries>("/v1/messages?wait=30s&subject=welc")).messages.length, 1);
    const opened = await ask<{ text: string; links: string[] }>(`/v1/messages/${first!.id}`);
    assertStringIncludes(opened.text, "Confirm");
    assertEquals(opened.links, ["https://our.test/confirm?t=1"]);
  }));

Deno.test("when no message comes the answer after the wait is an empty list", () =>
  withInbox({}, async ({ send, ask }) => {
    await send({ subject: "other", to: "bob@them.test" });
    assertEquals((await ask<Entries>("/v1/messages?to=ann@them.test&wait=50ms")).messages, []);
  }));

Deno.test("messages are found by recipient, sender, subject and text, the newest first", () =>
  withInbox({}, async ({ send, ask }) => {
    await send({ subject: "One", text: "about apples" });
    await send({ subject: "Two", to: ["bob@them.test", "eve@else.test"], text: "about pears" });
    const subjects = async (query: string) =>
      (await ask<Entries>(`/v1/messages?${query}`)).messages.map(({ subject }) => subject);
    assertEquals(await subjects(""), ["Two", "One"]);
    assertEquals(await subjects("to=*@else.test"), ["Two"]);
    assertEquals(await subjects("q=APPLES"), ["One"]);
    assertEquals(await subjects("from=shop@our.test&limit=1"), ["Two"]);
    assertEquals(await subjects("q=nothing"), []);
  }));

Deno.test("an attachment comes back octet for octet, to be saved and never shown", () =>
  withInbox({}, async ({ send, ask, get }) => {
    const content = new Uint8Array([0, 255, 13, 10, 60, 62]);
    const filename = 'evil"\u202e name.html';
    await send({ attachments: [{ filename, content, contentType: "text/html" }] });
    const { messages: [entry] } = await ask<Entries>("/v1/messages");
    assertEquals(entry!.attachments, 1);
    const part = await get(`/v1/messages/${entry!.id}/parts/0`);
    assertEquals(new Uint8Array(await part.arrayBuffer()), content);
    assertMatch(part.headers.get("content-disposition")!, /^attachment; filename="[\w. -]+";/);
    assertEquals(part.headers.get("x-content-type-options"), "nosniff");
    const missing = await get(`/v1/messages/${entry!.id}/parts/9`);
    assertEquals(missing.status, 404);
    await missing.body?.cancel();
  }));

Deno.test("HTML is made harmless: nothing in it runs, asks or leads anywhere", () =>
  withInbox({}, async ({ send, ask, get }) => {
    const html = `<p style="color:red;background:url(http://x.test/a)">Hi<script>1</script>
      <img src="http://x.test/b.png" onerror="1"><a href="javascript:1">go</a><svg><script>1</svg>
      <form action="http://x.test"><input name=a></form><base href="http://x.test">
      <meta http-equiv="refresh" content="0;url=http://x.test"><iframe src="http://x.test"></iframe>
      <style>p{background:url(http://x.test)}</style><img src="cid:logo">`;
    const logo = { filename: "l.png", cid: "logo", content: new Uint8Array([137, 80]) };
    await send({ html, attachments: [{ ...logo, contentType: "image/png" }] });
    const { messages: [entry] } = await ask<Entries>("/v1/messages");
    const answer = await get(`/v1/messages/${entry!.id}/html`);
    const shown = await answer.text();
    assertStringIncludes(shown, '<p style="color:red">Hi');
    assertStringIncludes(shown, 'src="data:image/png;base64,');
    const body = shown.slice(shown.indexOf("<body>"));
    for (const word of ["http://x", "onerror", "<script", "<form", "<meta", "<iframe", "href"]) {
      assertEquals(body.includes(word), false, word);
    }
    assertMatch(answer.headers.get("content-security-policy")!, /default-src 'none'.*sandbox$/);
  }));

Deno.test("a released message is delivered for real, to others where said, and stays", async () => {
  await using host = new MailHost();
  const smarthost = `smtp://127.0.0.1:${host.host.port}`;
  await withInbox({ smarthost, allowPrivate: true }, async ({ send, ask }) => {
    await send({ subject: "For real", text: "x" });
    await send({ subject: "Never", text: "x" });
    const { messages: [, entry] } = await ask<Entries>("/v1/messages");
    const to = ["carl@else.test"];
    const copy = await ask<{ id: string }>(`/v1/messages/${entry!.id}/release`, post({ to }));
    await until(() => host.messages.length === 1);
    assertEquals(host.messages[0]!.recipients, to);
    assertStringIncludes(host.messages[0]!.content, "Subject: For real");
    const { messages } = await ask<Entries>("/v1/messages?subject=real");
    assertEquals(messages[0]!.released.map(({ id }) => id), [copy.id]);
  });
  assertEquals(host.messages.length, 1);
});

Deno.test("captured messages are deleted one by one, by a filter, and all at once", () =>
  withInbox({}, async ({ send, ask, get }) => {
    for (const subject of ["a", "b", "c"]) await send({ subject });
    const { messages } = await ask<Entries>("/v1/messages");
    const remove = (path: string) => ask<{ removed: number }>(path, { method: "DELETE" });
    assertEquals(await remove(`/v1/messages/${messages[0]!.id}`), { removed: 1 });
    assertEquals(await remove("/v1/messages?subject=a"), { removed: 1 });
    assertEquals(await remove("/v1/messages"), { removed: 1 });
    const again = await get(`/v1/messages/${messages[0]!.id}`, { method: "DELETE" });
    assertEquals(again.status, 404);
    await again.body?.cancel();
  }));

Deno.test("the original comes back octet for octet", () =>
  withInbox({}, async ({ send, ask, get }) => {
    await send({ subject: "raw", text: "..dots" });
    const { messages: [entry] } = await ask<Entries>("/v1/messages");
    const raw = await (await get(`/v1/messages/${entry!.id}/raw`)).text();
    assertMatch(raw, /^Received: /);
    assert(raw.endsWith("..dots\r\n"));
  }));

Deno.test("HTML is made harmless by a program that has no rights at all", () =>
  withTempDir(async (directory) => {
    const root = new URL("../../", import.meta.url);
    const file = `${directory}/clean.ts`;
    await Deno.writeTextFile(
      file,
      `import { safeDocument } from "${root}control/inbox/safe_html.ts";
       console.log(await safeDocument({ html: "<b>x</b><script>1</script>", parts: [] }));`,
    );
    const { stdout } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "--no-prompt", "--no-check", "--config", `${root.pathname}deno.json`, file],
    }).output();
    assertStringIncludes(new TextDecoder().decode(stdout), "<body><b>x</b></body>");
  }));

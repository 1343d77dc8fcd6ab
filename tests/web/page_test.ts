/** The page in a real browser: it keeps itself up to date, steers by mouse and keyboard, and fits. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import axe from "axe-core";
import type { Page } from "playwright-core";
import { MailHost } from "../helpers/mail_host.ts";
import { until } from "../transport/running.ts";
import { CHROMIUM, type Look, type Watched, withBrowser } from "./browser.ts";

const CONTENT = "Subject: A parcel\nFrom: a@our.test\n\nHi\n";

function browserTest(
  name: string,
  options: Parameters<typeof withBrowser>[0],
  check: (watched: Watched) => Promise<void>,
): void {
  const ignore = CHROMIUM === undefined;
  Deno.test({ name, ignore, fn: () => withBrowser(options, check) });
}

/** A message for each of these; the first one's id. */
async function queue({ server }: Watched, ...to: string[]): Promise<string> {
  const ids = [];
  for (const one of to) {
    ids.push((await server.send({ from: "a@our.test", to: one, content: CONTENT })).id);
  }
  return ids[0]!;
}

function assertQuiet({ strayed, complaints }: Watched): void {
  assertEquals(complaints, []);
  assertEquals(strayed, []);
}

/** Confirms what is asked. */
async function confirm(page: Page): Promise<void> {
  await page.click("#ask-confirm");
  await page.waitForSelector("#ask:not([open])", { state: "attached" });
}

browserTest(
  "the queue shows mail that comes, without being asked again",
  { hold: true },
  async (watched) => {
    const page = await watched.open("/");
    await page.waitForSelector(".live.on");
    await page.getByText("Nothing waits").waitFor();
    await queue(watched, "b@one.test", "c@two.test");
    await page.getByRole("link", { name: "two.test" }).waitFor();
    assertEquals(await page.locator("tbody tr").count(), 2);
    assertQuiet(watched);
  },
);

Deno.test({
  name: "the queue shows mail that goes, and what has the focus keeps it",
  ignore: CHROMIUM === undefined,
  fn: async () => {
    let answer = "451 4.7.1 not yet";
    await using host = new MailHost((moment) => moment === "RCPT" ? answer : undefined);
    const smarthost = `smtp://127.0.0.1:${host.host.port}`;
    await withBrowser({ smarthost, allowPrivate: true }, async (watched) => {
      const id = await queue(watched, "b@one.test");
      await until(() => watched.server.counts().deferred === 1);
      const page = await watched.open("/");
      await page.getByText("451 4.7.1 not yet").waitFor();
      const link = page.getByRole("navigation").getByRole("link", { name: "Inbox" });
      await link.focus();
      answer = "250 2.1.5 ok";
      const { url } = watched;
      const body = JSON.stringify({ action: "retry", ids: [id] });
      const headers = { "content-type": "application/json" };
      await (await fetch(`${url}/v1/queue/actions`, { method: "POST", headers, body })).text();
      await page.getByText("Nothing waits").waitFor();
      assert(await link.evaluate((element) => element.matches(":focus")));
      await page.goto(`${url}/message/${id}`);
      await page.getByText("Delivered", { exact: false }).first().waitFor();
      assertQuiet(watched);
    });
  },
});

browserTest("a message is held and released by mouse", { hold: true }, async (watched) => {
  const id = await queue(watched, "b@one.test");
  const page = await watched.open(`/message/${id}`);
  await page.getByRole("button", { name: "Hold" }).click();
  await confirm(page);
  await page.getByRole("button", { name: "Release" }).click();
  assertEquals(watched.server.counts().held, 1);
  await confirm(page);
  await page.getByRole("button", { name: "Hold" }).waitFor();
  assertEquals(watched.server.counts().held, 0);
  assertQuiet(watched);
});

browserTest(
  "all mail for a domain is stopped and let go again",
  { hold: true },
  async (watched) => {
    await queue(watched, "b@one.test", "c@two.test");
    const page = await watched.open("/");
    await page.getByRole("button", { name: "Hold: one.test" }).click();
    await confirm(page);
    await page.locator("#to-one\\.test .badge", { hasText: "held" }).waitFor();
    await page.getByRole("button", { name: "Release: one.test" }).click();
    await confirm(page);
    await page.getByRole("button", { name: "Hold: one.test" }).waitFor();
    assertQuiet(watched);
  },
);

/** Presses Tab until an element with this text has the focus. */
async function tabTo(page: Page, text: string): Promise<void> {
  for (let i = 0; i < 40; i++) {
    await page.keyboard.press("Tab");
    const focused = await page.evaluate("document.activeElement?.textContent?.trim()");
    if (focused === text) return;
  }
  throw new Error(`"${text}" is not reached by Tab`);
}

browserTest(
  "a message is held, released and removed by keyboard alone",
  { hold: true },
  async (watched) => {
    const id = await queue(watched, "b@one.test");
    const page = await watched.open("/queue");
    await tabTo(page, "a@our.test");
    await page.keyboard.press("Enter");
    await page.waitForURL(`**/message/${id}`);
    await tabTo(page, "Hold");
    await page.keyboard.press("Enter");
    await page.keyboard.press("Enter");
    await page.getByRole("button", { name: "Release" }).waitFor();
    await tabTo(page, "Release");
    await page.keyboard.press("Enter");
    await page.keyboard.press("Escape");
    assertEquals(watched.server.counts().held, 1);
    await page.keyboard.press("Enter");
    await page.keyboard.press("Enter");
    await page.getByRole("button", { name: "Hold" }).waitFor();
    await tabTo(page, "Remove");
    await page.keyboard.press("Enter");
    await page.keyboard.press("Enter");
    await until(() => watched.server.counts().messages === 0);
    assertQuiet(watched);
  },
);

browserTest(
  "what an action is refused for is said in the dialog",
  { hold: true },
  async (watched) => {
    const id = await queue(watched, "b@one.test");
    const page = await watched.open(`/message/${id}`);
    await page.getByRole("button", { name: "Redirect" }).click();
    await page.fill("#ask-nextHop", "not a host");
    await page.click("#ask-confirm");
    await page.getByRole("alert").filter({ hasText: /nextHop/ }).waitFor();
    await page.fill("#ask-nextHop", "relay.test:2525");
    await confirm(page);
    await page.getByText("relay.test:2525").first().waitFor();
    assertEquals(watched.strayed, []);
  },
);

browserTest(
  "one recipient of several is replaced, and what is no mailbox is refused",
  { hold: true },
  async (watched) => {
    const to = ["b@one.test", "c@two.test"];
    const { id } = await watched.server.send({ from: "a@our.test", to, content: CONTENT });
    const page = await watched.open(`/message/${id}`);
    await page.getByRole("button", { name: "Change recipient" }).click();
    await page.getByLabel("Instead of").selectOption("c@two.test");
    await page.getByLabel("New recipient").fill("nobody");
    await page.keyboard.press("Enter");
    await page.getByRole("alert").filter({ hasText: /recipients/ }).waitFor();
    await page.getByLabel("New recipient").fill(" d@three.test ");
    await confirm(page);
    await page.locator(".recipients", { hasText: "d@three.test" }).waitFor();
    const shown = await page.locator(".recipients .mailbox").allInnerTexts();
    assertEquals(shown, ["b@one.test", "d@three.test"]);
    assertEquals(watched.strayed, []);
  },
);

browserTest(
  "the list is filtered, and a filter that is none is explained",
  { hold: true },
  async (watched) => {
    await queue(watched, "b@one.test", "c@two.test");
    const page = await watched.open("/queue");
    await page.getByLabel("Recipient").fill("*@two.test");
    await page.keyboard.press("Enter");
    await page.getByText("1 message matches").waitFor();
    await page.getByLabel("Older than").fill("long");
    await page.keyboard.press("Enter");
    assertStringIncludes(await page.getByRole("alert").first().innerText(), "olderThan");
  },
);

browserTest(
  "without scripts the page shows everything, and no button",
  { hold: true },
  async (watched) => {
    const id = await queue(watched, "b@one.test");
    const page = await watched.open("/", { javaScript: false });
    await page.getByRole("link", { name: "one.test" }).click();
    await page.getByRole("link", { name: "a@our.test" }).click();
    assertStringIncludes(page.url(), id);
    await page.getByText("Accepted from").waitFor();
    assertEquals(await page.locator("button:visible").count(), 0);
    assertQuiet(watched);
  },
);

const VIEWS: readonly Look[] = [{}, { dark: true }, { width: 320, height: 640 }];

for (const look of VIEWS) {
  browserTest(
    `every view fits and is accessible: ${JSON.stringify(look)}`,
    { hold: true },
    async (watched) => {
      const id = await queue(watched, "b@one.test", `${"long".repeat(15)}@${"x".repeat(60)}.test`);
      for (const path of ["/", "/queue", `/message/${id}`, "/inbox", "/nowhere"]) {
        const page = await watched.open(path, look);
        const overflow = await page.evaluate(
          "document.documentElement.scrollWidth - document.documentElement.clientWidth",
        );
        assertEquals(overflow, 0, path);
        await page.evaluate(axe.source);
        const faults = await page.evaluate(
          "axe.run().then(({violations}) => violations.map(({id, nodes}) => id + ' ' + nodes[0].html))",
        );
        assertEquals(faults, [], path);
        await page.context().close();
      }
      assertEquals(watched.strayed, []);
    },
  );
}

/** Mail and headers that mean harm, on the page in a real browser: nothing happens. */
import { assertEquals } from "@std/assert";
import { Peer } from "../transport/peer.ts";
import { CHROMIUM, type Watched, withBrowser } from "./browser.ts";

const OUT = "http://192.0.2.1";

/** Each of these asks, runs or leads somewhere where it is believed. */
const HTML = [
  `<script>fetch("${OUT}/script");alert(1)</script>`,
  `<img src="${OUT}/img.png" onerror="alert(1)"><img src=x onerror=alert(1)>`,
  `<style>@import "${OUT}/css";body{background:url(${OUT}/bg)}input[value^=a]{background:url(${OUT}/a)}</style>`,
  `<p style="background:url('${OUT}/style');behavior:url(${OUT})">styled</p>`,
  `</iframe><script>parent.alert(1)</script><iframe src="${OUT}/frame">`,
  `<a href="javascript:alert(1)" target=_top>click</a>`,
  `<svg onload=alert(1)><image href="${OUT}/svg"/><script>alert(1)</script></svg>`,
  `<meta http-equiv=refresh content="0;url=${OUT}/refresh"><base href="${OUT}/">`,
  `<form action="${OUT}/form"><button>go</button></form><input autofocus onfocus=alert(1)>`,
  `<object data="${OUT}/object"></object><embed src="${OUT}/embed"><video poster="${OUT}/poster">`,
  `<link rel=stylesheet href="${OUT}/link"><math><mtext><style><img src=x onerror=alert(1)>`,
  `<table background="${OUT}/table"><tr><td>cell</table><body onload=alert(1) background="${OUT}/b">`,
].join("\r\n");

const INLINE = `"><script>alert(1)</script><img src=x onerror=alert(1)>`;

/** Sends a message as it is, also what no library would. */
async function deliver({ server }: Watched, header: string, body: string): Promise<void> {
  const peer = await Peer.connect({ hostname: "127.0.0.1", port: server.addresses[0]!.port });
  try {
    await peer.hello();
    const content = `${header}\r\n\r\n${body}`;
    await peer.send(content, `"<script>alert(1)</script>"@our.test`, "ann@them.test");
  } finally {
    peer.close();
  }
}

Deno.test({
  name:
    "hostile HTML and headers do nothing: no request leaves, no dialog comes, nothing breaks out",
  ignore: CHROMIUM === undefined,
  fn: () =>
    withBrowser({ capture: true }, async (watched) => {
      const header = [
        `From: ${INLINE} <x@our.test>`,
        `Subject: ${INLINE} \u202egnp.exe`,
        `To: </title><script>alert(1)</script> <ann@them.test>`,
        `X-${"A".repeat(40)}: ${INLINE}`,
        "Content-Type: text/html; charset=utf-8",
      ].join("\r\n");
      await deliver(watched, header, HTML);
      const list = await watched.open("/inbox");
      const path = (await list.getAttribute(".mails a", "href"))!;
      const story = path.replace("/inbox/", "/message/");
      const query = `?q=${encodeURIComponent(INLINE)}`;
      const paths = ["", "?show=text", "?show=headers", "?show=raw"].map((tab) => path + tab);
      for (const one of [...paths, story, `/inbox${query}`, `/queue?sender=${query}`]) {
        const page = await watched.open(one);
        await page.waitForSelector(".live.on");
        for (const frame of page.frames().slice(1)) await frame.waitForSelector("body");
        assertEquals(await page.locator("main script, main img, main svg").count(), 0, one);
        await page.context().close();
      }
      assertEquals(watched.strayed, []);
      assertEquals(watched.complaints, []);
    }),
});

Deno.test({
  name: "a link in a message leads nowhere when it is clicked",
  ignore: CHROMIUM === undefined,
  fn: () =>
    withBrowser({ capture: true }, async (watched) => {
      const header = "Subject: link\r\nContent-Type: text/html";
      await deliver(watched, header, `<a href="${OUT}/out">out</a>`);
      const list = await watched.open("/inbox");
      const page = await watched.open((await list.getAttribute(".mails a", "href"))!);
      const before = page.url();
      await page.frameLocator("iframe").getByText("out").click();
      assertEquals(page.url(), before);
      assertEquals(watched.strayed, []);
    }),
});

Deno.test({
  name: "a subject of 200 KB is cut, and the page goes on",
  ignore: CHROMIUM === undefined,
  fn: () =>
    withBrowser({ capture: true }, async (watched) => {
      const folded = `${"x".repeat(900)}\r\n `.repeat(220);
      await deliver(watched, `Subject: ${folded}`, "hi");
      const list = await watched.open("/inbox");
      const page = await watched.open((await list.getAttribute(".mails a", "href"))!);
      assertEquals((await page.innerText("h1")).length <= 201, true);
      assertEquals(watched.complaints, []);
    }),
});

/**
 * Makes the pictures of the page in `docs/img/`: `deno task screenshots`. A server
 * with mail that waits for hosts which answer in different ways, and one that captures.
 */
import nodemailer from "nodemailer";
import { MailHost } from "../helpers/mail_host.ts";
import { until } from "../transport/running.ts";
import { type Look, type Watched, withBrowser } from "./browser.ts";

const IMAGES = new URL("../../docs/img/", import.meta.url).pathname;

const DARK: Look = { dark: true };
const PHONE: Look = { width: 390, height: 844 };

async function shoot({ open }: Watched, path: string, name: string, look?: Look): Promise<void> {
  const page = await open(path, look);
  await page.waitForSelector(".live.on");
  await page.screenshot({ path: `${IMAGES}${name}.png` });
  await page.context().close();
}

const DOMAINS = ["example.net", "post.example", "mail.test", "shop.example", "uni.example"];

async function queueScenes(): Promise<void> {
  await using host = new MailHost((moment, line) =>
    moment !== "RCPT"
      ? undefined
      : line.includes("@example.net")
      ? "451 4.7.1 Greylisted, please try again later"
      : line.includes("@post.example")
      ? "452 4.2.2 Mailbox full"
      : line.includes("@uni.example")
      ? "421 4.3.2 Service shutting down"
      : "450 4.2.0 Try again later"
  );
  const smarthost = `smtp://127.0.0.1:${host.host.port}`;
  await withBrowser({ smarthost, allowPrivate: true }, async (watched) => {
    const { server } = watched;
    const ids: string[] = [];
    for (let i = 0; i < 40; i++) {
      const domain = DOMAINS[Math.floor(Math.sqrt(i % 25))]!;
      const content = `Subject: Your order ${
        1000 + i
      } has been shipped\nFrom: shop@our.example\n\nHi\n`;
      const { id } = await server.send({
        from: "shop@our.example",
        to: `customer${i}@${domain}`,
        content,
      });
      ids.push(id);
    }
    await until(() => server.counts().deferred >= 20);
    await shoot(watched, "/", "queue-light");
    await shoot(watched, "/", "queue-dark", DARK);
    await shoot(watched, "/", "queue-phone", PHONE);
    await shoot(watched, `/message/${ids[0]}`, "message-light");
    await shoot(watched, `/message/${ids[0]}`, "message-dark", DARK);
    await shoot(watched, "/queue", "messages-light");
  });
}

const WELCOME = `<div style="background:#f3f6fb;padding:24px"><table align="center" width="480"
  style="background:#fff;border-radius:12px"><tr><td style="padding:28px">
  <h1 style="font-size:22px">Welcome, Ann</h1><p>Thanks for joining. Please confirm your address.</p>
  <p><a href="https://shop.example/confirm?token=8f1c" style="background-color:#2f6fed;color:#fff;
  padding:10px 18px;border-radius:8px;text-decoration:none">Confirm address</a></p>
  <p style="color:#667">If that was not you, ignore this message.</p></td></tr></table></div>`;

async function inboxScenes(): Promise<void> {
  await withBrowser({ capture: true }, async (watched) => {
    const { port } = watched.server.addresses[0]!;
    const mailer = nodemailer.createTransport({ host: "127.0.0.1", port, ignoreTLS: true });
    const send = (subject: string, text: string, more = {}) =>
      mailer.sendMail({
        from: "Shop <shop@our.example>",
        to: "ann@example.net",
        subject,
        text,
        ...more,
      });
    await send("Invoice 2026-1107", "Please find the invoice attached.", {
      attachments: [{ filename: "invoice-2026-1107.pdf", content: "%PDF-1.7" }],
    });
    await send("Reset your password", "Open https://shop.example/reset?token=1 within an hour.");
    await send("Your weekly report", "42 orders, 3 returns.", { to: "team@our.example" });
    await send("Welcome to the shop", "Welcome, Ann. Please confirm.", { html: WELCOME });
    mailer.close();
    await shoot(watched, "/inbox", "inbox-light");
    await shoot(watched, "/inbox", "inbox-phone", { ...PHONE, dark: true });
    const page = await watched.open("/inbox");
    const first = await page.getAttribute(".mails a", "href");
    await shoot(watched, first!, "mail-light");
    await shoot(watched, first!, "mail-dark", DARK);
  });
}

if (import.meta.main) {
  await Deno.mkdir(IMAGES, { recursive: true });
  await queueScenes();
  await inboxScenes();
}

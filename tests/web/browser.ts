/** A real browser, and a server with its page for it to look at. */
import { type Browser, chromium, type Page } from "playwright-core";
import { type Server, start, type StartOptions } from "../../mod.ts";
import { withTempDir } from "../helpers/temp_dir.ts";
import { tool } from "../helpers/tools.ts";
import { CERTIFICATE } from "../transport/running.ts";

/** Where the browser is; without one its tests are skipped. */
export const CHROMIUM: string | undefined = tool("chromium");

/** Nothing of a desktop, nothing by itself over the network. */
const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** How a page is looked at. */
export interface Look {
  readonly width?: number;
  readonly height?: number;
  readonly dark?: boolean;
  readonly javaScript?: boolean;
}

/** What a test has. */
export interface Watched {
  readonly server: Server;
  readonly url: string;
  /** Opens a page of its own. */
  open(path: string, look?: Look): Promise<Page>;
  /** What browsers asked for besides this server: nothing, when all is well. */
  readonly strayed: string[];
  /** What scripts and policies complained of, and dialogs. */
  readonly complaints: string[];
}

/** Runs a server and a browser for one test. */
export function withBrowser(
  options: StartOptions,
  check: (watched: Watched) => Promise<void>,
): Promise<void> {
  return withTempDir(async (spool) => {
    const server = await start({
      ...{ listen: "127.0.0.1:0", certificate: CERTIFICATE, stopGrace: 1000, spool },
      ...{ web: "127.0.0.1:0", hostname: "mx.example.org", ...options },
    });
    const browser = await chromium.launch({ executablePath: CHROMIUM!, args: FLAGS });
    try {
      await check(watch(browser, server));
    } finally {
      await browser.close();
      await server.stop();
    }
  });
}

function watch(browser: Browser, server: Server): Watched {
  const url = server.control.web!;
  const strayed: string[] = [];
  const complaints: string[] = [];
  const open = async (path: string, look: Look = {}) => {
    const { width = 1200, height = 800, dark = false, javaScript = true } = look;
    const context = await browser.newContext({
      viewport: { width, height },
      colorScheme: dark ? "dark" : "light",
      javaScriptEnabled: javaScript,
    });
    const page = await context.newPage();
    page.on("request", (request) => {
      const asked = request.url();
      if (!asked.startsWith(`${url}/`) && !asked.startsWith("data:image/")) strayed.push(asked);
    });
    page.on("console", (message) => {
      if (message.type() === "error") complaints.push(message.text());
    });
    page.on("pageerror", (error) => complaints.push(String(error)));
    page.on("dialog", async (dialog) => {
      complaints.push(`dialog: ${dialog.message()}`);
      await dialog.dismiss();
    });
    await page.goto(`${url}${path}`);
    return page;
  };
  return { server, url, open, strayed, complaints };
}

/**
 * The frame of every view: navigation, the region that is brought up to date, the
 * dialog in which actions are confirmed, and where is told what came of them.
 *
 * @module
 */
import { html } from "hono/html";
import type { Child, FC } from "hono/jsx";
import { ASSETS } from "./assets.ts";

/** One view. */
export interface LayoutProps {
  readonly title: string;
  /** Which part of the navigation it belongs to. */
  readonly part: "queue" | "inbox" | "login";
  readonly hostname: string;
  /** Captured messages. */
  readonly captured: number;
  /** Whether there is somebody to log out. */
  readonly loggedIn: boolean;
  readonly children: Child;
}

/** The whole document. */
export function documentOf(props: LayoutProps): ReturnType<typeof html> {
  return html`<!doctype html>${<Layout {...props} />}`;
}

const Layout: FC<LayoutProps> = ({ title, part, hostname, captured, loggedIn, children }) => (
  <html lang="en">
    <head>
      <meta charset="utf-8" />
      <meta name="viewport" content="width=device-width, initial-scale=1" />
      <meta name="color-scheme" content="light dark" />
      <title>{`${title} · ${hostname}`}</title>
      <link rel="icon" href={ASSETS.icon.path} type="image/svg+xml" />
      <link rel="stylesheet" href={ASSETS.style.path} />
      <script type="module" src={ASSETS.script.path}></script>
    </head>
    <body>
      <a class="skip" href="#main">Skip to content</a>
      <header class="top">
        <a class="brand" href="/">
          <span class="mark" aria-hidden="true"></span>
          <bdi>{hostname}</bdi>
        </a>
        {part === "login" ? null : (
          <nav aria-label="Parts">
            <a href="/" aria-current={part === "queue" ? "page" : undefined}>Queue</a>
            <a href="/inbox" aria-current={part === "inbox" ? "page" : undefined}>
              Inbox <span class="count" id="inbox-count">{captured}</span>
            </a>
          </nav>
        )}
        <span class="live needs-script" id="live" data-keep>
          <span class="dot" aria-hidden="true"></span>
          <span id="live-text">connecting</span>
        </span>
        {loggedIn
          ? (
            <form method="post" action="/logout">
              <button type="submit" class="quiet">Log out</button>
            </form>
          )
          : null}
      </header>
      <noscript>
        <p class="notice">
          Without scripts this page shows, but neither changes nor renews itself.
        </p>
      </noscript>
      <main id="main" tabindex={-1}>{children}</main>
      <p class="said" id="said" role="status" aria-live="polite" data-keep></p>
      <dialog id="ask" aria-labelledby="ask-question" data-keep>
        <form method="dialog">
          <h2 id="ask-question"></h2>
          <div id="ask-fields"></div>
          <p class="problem" id="ask-problem" role="alert"></p>
          <div class="buttons">
            <button type="button" id="ask-cancel">Cancel</button>
            <button type="submit" id="ask-confirm" class="primary">Confirm</button>
          </div>
        </form>
      </dialog>
    </body>
  </html>
);

/**
 * The page's style, script and icon: part of the program, each at an address that
 * changes with its content, so that a browser may keep it for good.
 *
 * @module
 */
import { createHash } from "node:crypto";
import style from "./page.css" with { type: "text" };
import script from "./page.js" with { type: "text" };

/** A file of the page. */
export interface Asset {
  readonly path: string;
  readonly type: string;
  readonly text: string;
}

const ICON = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32">` +
  `<rect width="32" height="32" rx="8" fill="#2f6fed"/>` +
  `<path d="M7 11h18v11H7z M7 11l9 7 9-7" fill="none" stroke="#fff" stroke-width="2.4" ` +
  `stroke-linejoin="round"/></svg>`;

function asset(name: string, extension: string, type: string, text: string): Asset {
  const hash = createHash("sha256").update(text).digest("hex").slice(0, 12);
  return { path: `/assets/${name}-${hash}.${extension}`, type, text };
}

/** All of them. */
export const ASSETS = {
  style: asset("page", "css", "text/css; charset=utf-8", style),
  script: asset("page", "js", "text/javascript; charset=utf-8", script),
  icon: asset("icon", "svg", "image/svg+xml", ICON),
} as const satisfies Record<string, Asset>;

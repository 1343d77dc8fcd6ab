/**
 * Makes of a message's HTML a document that does nothing but show itself: no scripts,
 * no forms, no links that lead anywhere, nothing fetched. Images that the message
 * itself holds are in it. It is sent with a policy that forbids the same again, and
 * shown in a frame with neither an origin nor scripts.
 *
 * @module
 */
import process from "node:process";
import type { ParsedMessage, Part } from "./parse.ts";

/** The policy of that document: the browser's part, should ours fail. */
export const FRAME_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; " +
  "form-action 'none'; base-uri 'none'; frame-ancestors 'self'; sandbox";

/** The largest image that is put into the document, octets, and all of them together. */
const LARGEST_IMAGE = 2 * 1024 * 1024;
const MOST_IMAGES = 16 * 1024 * 1024;
/** The longest HTML that is shown, characters. */
const LONGEST_HTML = 4 * 1024 * 1024;
/** As deep as elements may stand in each other. */
const DEEPEST = 100;

const IMAGE_TYPES: ReadonlySet<string> = new Set([
  "image/png",
  "image/jpeg",
  "image/gif",
  "image/webp",
]);

const TAGS = [
  ..."a abbr b big blockquote br caption center cite code col colgroup dd del div dl dt em font"
    .split(" "),
  ..."h1 h2 h3 h4 h5 h6 hr i img ins kbd li ol p pre q s small span strike strong sub sup".split(
    " ",
  ),
  ..."table tbody td tfoot th thead tr tt u ul".split(" "),
];

const LENGTH = /^(?:auto|0|-?\d{1,4}(?:\.\d{1,3})?(?:px|pt|em|rem|%|ex)?)$/;
const LENGTHS = /^(?:(?:auto|0|-?\d{1,4}(?:\.\d{1,3})?(?:px|pt|em|rem|%)?)(?: |$)){1,4}$/;
const WORDS = /^[\w ,"'-]{1,200}$/;
const COLOR = /^(?:#[\da-f]{3,8}|[a-z]{3,30}|(?:rgb|hsl)a?\([\d\s.,%/]{1,60}\))$/i;
const BORDER = /^[\w #.%-]{1,80}$/;

/** Properties that show something and fetch nothing: no value has `url(`. */
const STYLES: Record<string, RegExp[]> = {
  ...properties(COLOR, "color", "background-color", "background", "border-color"),
  ...properties(LENGTH, "width", "height", "max-width", "min-width", "font-size", "line-height"),
  ...properties(LENGTH, "letter-spacing", "text-indent", "border-radius", "border-spacing"),
  ...properties(LENGTHS, "margin", "padding"),
  ...properties(LENGTH, ...sides("margin"), ...sides("padding")),
  ...properties(WORDS, "font-family", "font-weight", "font-style", "text-align", "display"),
  ...properties(WORDS, "text-decoration", "text-transform", "vertical-align", "white-space"),
  ...properties(WORDS, "border-collapse", "list-style-type"),
  ...properties(BORDER, "border", ...sides("border")),
};

function properties(value: RegExp, ...names: readonly string[]): Record<string, RegExp[]> {
  return Object.fromEntries(names.map((name) => [name, [value]]));
}

function sides(property: string): string[] {
  return ["top", "right", "bottom", "left"].map((side) => `${property}-${side}`);
}

/** The document that shows a message: its HTML, or else its text. */
export async function safeDocument(message: ParsedMessage): Promise<string> {
  const body = message.html === undefined
    ? `<pre>${escaped(message.text)}</pre>`
    : await cleaned(message.html.slice(0, LONGEST_HTML), message.parts);
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Message</title>` +
    `<style>html{background:#fff;color:#111}body{margin:1rem;font:15px/1.5 system-ui,sans-serif;` +
    `overflow-wrap:anywhere}img{max-width:100%;height:auto}pre{white-space:pre-wrap}` +
    `a{color:#0b57d0;text-decoration:underline}</style></head><body>${body}</body></html>`;
}

/** The sanitiser. It comes with a printer of colours, which asks for a variable that we may not read unless the command line says that there are none. */
async function loadSanitizer(): Promise<typeof import("sanitize-html")["default"]> {
  process.argv.push("--no-color");
  try {
    return (await import("sanitize-html")).default;
  } finally {
    process.argv.pop();
  }
}

async function cleaned(html: string, parts: readonly Part[]): Promise<string> {
  const sanitizeHtml = await loadSanitizer();
  const images = new Images(parts);
  return sanitizeHtml(html, {
    allowedTags: TAGS,
    allowedAttributes: {
      "*": ["style", "dir", "lang", "title", "align", "valign", "bgcolor", "width", "height"],
      font: ["color", "face", "size"],
      img: ["src", "alt"],
      ol: ["start", "type"],
      table: ["border", "cellpadding", "cellspacing"],
      td: ["colspan", "rowspan"],
      th: ["colspan", "rowspan"],
    },
    allowedStyles: { "*": STYLES },
    allowedSchemes: [],
    allowedSchemesByTag: { img: ["data"] },
    allowProtocolRelative: false,
    nestingLimit: DEEPEST,
    parseStyleAttributes: true,
    transformTags: {
      // Where a link leads is told beside the message: here it leads nowhere.
      a: (tagName, { href = "", ...attribs }) => ({
        tagName,
        attribs: { ...attribs, title: href },
      }),
      img: (tagName, attribs) => ({ tagName, attribs: images.shown(attribs) }),
    },
  });
}

/** The images that the message holds. */
class Images {
  readonly #parts: ReadonlyMap<string, Part>;
  #left = MOST_IMAGES;

  constructor(parts: readonly Part[]) {
    this.#parts = new Map(parts.flatMap((part) => part.contentId ? [[part.contentId, part]] : []));
  }

  /** The attributes of an image with its data instead of its address, or without either. */
  shown({ src = "", ...rest }: Record<string, string>): Record<string, string> {
    const data = this.#dataOf(src);
    return data === undefined ? rest : { ...rest, src: data };
  }

  #dataOf(src: string): string | undefined {
    if (/^data:image\/(?:png|jpeg|gif|webp);base64,[\w+/=]+$/.test(src)) {
      return src.length <= LARGEST_IMAGE ? src : undefined;
    }
    if (!/^cid:/i.test(src)) return undefined;
    const part = this.#parts.get(src.slice("cid:".length));
    if (part === undefined || !IMAGE_TYPES.has(part.type)) return undefined;
    if (part.size > LARGEST_IMAGE || part.size > this.#left) return undefined;
    this.#left -= part.size;
    return `data:${part.type};base64,${part.octets.toBase64()}`;
  }
}

const ESCAPES: ReadonlyMap<string, string> = new Map([["&", "&amp;"], ["<", "&lt;"], [
  ">",
  "&gt;",
]]);

function escaped(text: string): string {
  return text.replace(/[&<>]/g, (character) => ESCAPES.get(character)!);
}

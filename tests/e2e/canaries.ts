/** Texts that are planted to be looked for: in whatever form they come, wherever they come. */
import { encode } from "../../base/bytes.ts";

/** Where what was said or written is kept, by its place. */
export type Places = ReadonlyMap<string, string>;

/** Octets as characters of the same number, so that no octet hides a text behind it. */
export function latin1(octets: Uint8Array): string {
  let text = "";
  for (const octet of octets) text += String.fromCharCode(octet);
  return text;
}

/** A text in Base64 wherever it stands in what was encoded: the characters that depend on nothing else, one form for each of the three offsets. */
function inBase64(text: string): string[] {
  return [0, 1, 2].map((offset) => {
    const whole = encode("\0".repeat(offset) + text).toBase64({ omitPadding: true });
    const first = Math.ceil(offset * 8 / 6);
    return whole.slice(first, Math.floor((offset + text.length) * 8 / 6));
  });
}

/** Whether a text stands in another: as it is in either case, in Base64, or in hexadecimal. */
export function isIn(text: string, where: string): boolean {
  const lower = where.toLowerCase();
  return lower.includes(text.toLowerCase()) || lower.includes(encode(text).toHex()) ||
    inBase64(text).some((form) => where.includes(form));
}

/** The places where a text stands. */
export function placesOf(text: string, places: Places): string[] {
  return [...places].filter(([, where]) => isIn(text, where)).map(([place]) => place);
}

/** All files below a directory that can be read, by their paths in it. */
export async function filesBelow(directory: string, prefix = ""): Promise<Map<string, string>> {
  const files = new Map<string, string>();
  for await (const { name, isDirectory, isFile } of Deno.readDir(directory)) {
    const [path, place] = [`${directory}/${name}`, `${prefix}${name}`];
    if (isFile) files.set(place, await textOf(path));
    if (!isDirectory) continue;
    for (const [below, text] of await filesBelow(path, `${place}/`)) files.set(below, text);
  }
  return files;
}

/** What a file holds; nothing when it went meanwhile, as files of a running server do. */
async function textOf(path: string): Promise<string> {
  try {
    return latin1(await Deno.readFile(path));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return "";
    throw error;
  }
}

/**
 * The configuration file: TOML, with the line of each key for the messages. A
 * file that cannot be read or parsed is a {@linkcode ConfigError}.
 *
 * @module
 */
import { parse, TomlError } from "smol-toml";
import { ConfigError, type Source } from "./source.ts";

/**
 * Reads a file of settings, whose system error is told in a line.
 *
 * @param where what names the file, for the message: `--config`, `mail.toml:3: tls_cert`.
 * @throws {ConfigError} when it cannot be read.
 */
export async function readSettingFile(path: string, where: string): Promise<string> {
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    throw new ConfigError([`${where} "${path}": cannot be read: ${reason(error)}`]);
  }
}

/** Why the system refused, without the call that Deno puts behind it. */
function reason(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).replace(/: \w+ '.*'$/s, "");
}

/**
 * Reads TOML text.
 *
 * @param path how messages name the file.
 * @throws {ConfigError} when it is not TOML.
 */
export function fileSource(path: string, text: string): Source {
  try {
    const values = parse(text);
    const lines = keyLines(text);
    return {
      values,
      where(keys) {
        const name = keys.filter((key) => typeof key === "string").join(".");
        const line = lines.get(name);
        return line === undefined ? `${path}: ${name}` : `${path}:${line}: ${name}`;
      },
    };
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    const [, what = ""] = /^Invalid TOML document: (.*)/.exec(error.message) ?? [];
    throw new ConfigError([`${path}:${error.line}:${error.column}: not valid TOML: ${what}`]);
  }
}

/**
 * The line of each `key = …`, by its dotted name. It knows bare keys and
 * `[table]` headers, which is how such files are written; a key written in
 * another way is named without its line.
 */
function keyLines(text: string): Map<string, number> {
  const lines = new Map<string, number>();
  let table = "";
  for (const [index, line] of text.split("\n").entries()) {
    const header = /^\s*\[([\w.-]+)\]/.exec(line)?.[1];
    const key = /^\s*([\w.-]+)\s*=/.exec(line)?.[1];
    if (header !== undefined) table = header + ".";
    if (header !== undefined) lines.set(header, index + 1);
    if (key !== undefined) lines.set(table + key, index + 1);
  }
  return lines;
}

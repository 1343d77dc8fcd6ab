import { assert, assertEquals } from "@std/assert";
import {
  type Config,
  DEFAULT_CONFIG,
  DEFAULT_DELIVERY,
  DEFAULT_LIMITS,
} from "../../config/config.ts";
import { readCommandLine } from "../../config/flags.ts";
import { loadConfig } from "../../config/load.ts";
import { CONFIG_FLAG, keyOf, OPTIONS, variableOf } from "../../config/options.ts";
import { knownKeys } from "../../config/schema.ts";
import { withTempDir } from "../helpers/temp_dir.ts";

const PAGE = new URL("../../docs/configuration.md", import.meta.url);

/** The page, with the padding of its tables' columns taken out. */
const TEXT = (await Deno.readTextFile(PAGE)).replace(/ {2,}/g, " ");
const TABLES = ["limits", "delivery", "retry", "history"];

/** The part of the page under a heading. */
function section(heading: string): string {
  return TEXT.split(/^##+ /m).find((part) => part.startsWith(heading)) ?? "";
}

/** Loads TOML text as the program does. */
async function load(toml: string): Promise<Config> {
  let config: Config | undefined;
  await withTempDir(async (directory) => {
    await Deno.writeTextFile(`${directory}/mail.toml`, toml);
    const line = readCommandLine(["--config", `${directory}/mail.toml`]);
    if (line.command !== "serve") throw new Error("not serve");
    const inputs = { ...line, variable: () => undefined, machineName: "localhost" };
    config = (await loadConfig(inputs)).config;
  });
  return config!;
}

Deno.test("docs/configuration.md has a row for every flag, with its variable and its key", () => {
  const rows = section("Settings with a flag");
  for (const option of OPTIONS) {
    const key = option.flag === CONFIG_FLAG ? "" : `\`${keyOf(option)}\` `;
    const row = new RegExp(
      `^\\| \`--${option.flag}[ \`].*\\| \`${variableOf(option)}\` \\| ${key}\\|`,
      "m",
    );
    assert(row.test(rows), `no row for --${option.flag}`);
  }
});

Deno.test("docs/configuration.md has a row for every key of the file, and for no other", () => {
  const documented = (heading: string) =>
    [...section(heading).matchAll(/^\| `(\w+)` \|/gm)].map(([, key]) => key!).sort();
  for (const table of TABLES) {
    assertEquals(documented(`\`[${table}]\``), knownKeys([table]).sort());
  }
  const flagged = new Set(OPTIONS.map(keyOf));
  const fileOnly = knownKeys([]).filter((key) => !flagged.has(key) && !TABLES.includes(key));
  assertEquals(documented("Settings of the file only"), fileOnly.sort());
});

Deno.test("the defaults that docs/configuration.md names are the ones that hold", async () => {
  const tables = TABLES.map((table) => {
    const rows = [...section(`\`[${table}]\``).matchAll(/^\| `(\w+)` \| `([^`]+)` \|/gm)];
    return [`[${table}]`, ...rows.map(([, key, value]) => `${key} = ${value}`)].join("\n");
  });
  const values = ["stop_grace", "tls_min_version"].map((key) => {
    const [, value] = new RegExp(`\`${key}\` \\| \`([^\`]+)\``).exec(TEXT)!;
    return `${key} = ${value}`;
  });
  const { limits, delivery, history, stopGrace, tlsMinVersion } = await load(
    [...values, ...tables].join("\n"),
  );
  assertEquals(limits, DEFAULT_LIMITS);
  assertEquals(delivery, { ...DEFAULT_DELIVERY, smarthost: undefined, dns: undefined });
  assertEquals(history, DEFAULT_CONFIG.history);
  assertEquals(stopGrace, DEFAULT_CONFIG.stopGrace);
  assertEquals(tlsMinVersion, DEFAULT_CONFIG.tlsMinVersion);
});

Deno.test("the example in docs/configuration.md can be loaded but for its certificate", async () => {
  const [, example] = /```toml\n([^]*?)```/.exec(TEXT)!;
  const config = await load(example!.replace(/^tls_.*$/gm, ""));
  assertEquals(config.hostname, "mail.example.org");
  assertEquals(config.delivery.retry.lifetime, 3 * 86_400_000);
});

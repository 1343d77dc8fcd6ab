import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { readCommandLine } from "../../config/flags.ts";
import { helpText, OPTIONS } from "../../config/options.ts";
import { ConfigError } from "../../config/source.ts";

/** What a `serve` command line sets. */
function values(...args: string[]): Record<string, unknown> {
  const line = readCommandLine(args);
  if (line.command !== "serve") throw new Error(`"${line.command}" is not serve`);
  return line.flags.values;
}

/** The problems of a command line. */
function problems(...args: string[]): readonly string[] {
  return assertThrows(() => readCommandLine(args), ConfigError).problems;
}

Deno.test("serve is the command when none is named", () => {
  assertEquals(readCommandLine([]).command, "serve");
  assertEquals(readCommandLine(["serve"]).command, "serve");
  assertEquals(values("serve", "--hold"), { hold: true });
});

Deno.test("flags take their value after a space or an equals sign, lists take several", () => {
  assertEquals(
    values("--listen", ":25", "--listen=smtps://:465", "--spool=a=b", "--delivery-port", "2525"),
    { listen: [":25", "smtps://:465"], spool: "a=b", delivery_port: "2525" },
  );
});

Deno.test("a switch can be set to false, to win over the environment", () => {
  assertEquals(values("--hold=false", "--allow-private=true"), {
    hold: false,
    allow_private: true,
  });
});

Deno.test("--config is kept apart from what the file could set", () => {
  const line = readCommandLine(["--config", "mail.toml"]);
  assertEquals(line.command === "serve" && line.configFile, "mail.toml");
  assertEquals(values("--config", "mail.toml"), {});
});

Deno.test("--help and --version win over everything else on the line", () => {
  assertEquals(readCommandLine(["--help", "--foo"]), { command: "help" });
  assertEquals(readCommandLine(["-h"]), { command: "help" });
  assertEquals(readCommandLine(["serve", "--version"]), { command: "version" });
});

Deno.test("an unknown flag is an error that names the near ones", () => {
  assertEquals(problems("--lisen", ":25"), ["unknown flag --lisen (did you mean --listen?)"]);
  assertEquals(problems("--zzzzzzzz=1"), ["unknown flag --zzzzzzzz"]);
  assertEquals(problems("-p", "25"), ["unknown flag -p"]);
  assertEquals(problems("--no-hold"), ["unknown flag --no-hold (did you mean --hold?)"]);
  assertEquals(problems("--__proto__=1"), ["unknown flag --__proto__"]);
});

Deno.test("an unknown command and words that belong to nothing are errors", () => {
  assertEquals(problems("serv"), ['unknown command "serv" (did you mean serve or user?)']);
  assertEquals(problems("serve", "25", "x"), ['unexpected "25"', 'unexpected "x"']);
  assertEquals(problems("--hold", "--", "--listen"), ['unknown command "--listen"']);
});

Deno.test("a flag without its value is an error", () => {
  assertEquals(problems("--spool"), ["--spool: needs a value: --spool DIR"]);
  assertEquals(problems("--spool="), ["--spool: needs a value: --spool DIR"]);
  assertEquals(problems("--spool", "--hold"), ["--spool: needs a value: --spool DIR"]);
  assertEquals(problems("--listen", ":25", "--listen"), [
    "--listen: needs a value: --listen HOST:PORT",
  ]);
});

Deno.test("a flag that takes one value and is given twice is an error", () => {
  assertEquals(problems("--spool", "a", "--spool", "b"), ["--spool: given 2 times"]);
  assertEquals(problems("--hold", "--hold=false"), ["--hold: given 2 times"]);
});

Deno.test("a switch set to anything but true and false is an error", () => {
  assertEquals(problems("--hold=no"), ['--hold "no": expected true or false']);
});

Deno.test("everything wrong with a command line is reported at once", () => {
  assertEquals(problems("sreve", "--foo", "--spool", "--dns", "a", "--dns", "b").length, 4);
});

Deno.test("--help lists every flag with its value", () => {
  const help = helpText();
  for (const { flag, value } of OPTIONS) {
    assertStringIncludes(help, value === undefined ? `--${flag} ` : `--${flag} ${value} `);
  }
});

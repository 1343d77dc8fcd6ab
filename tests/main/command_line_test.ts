import { assertEquals, assertStringIncludes } from "@std/assert";
import { OPTIONS } from "../../config/options.ts";
import manifest from "../../deno.json" with { type: "json" };
import { run } from "../helpers/program.ts";
import { withTempDir } from "../helpers/temp_dir.ts";

/** Command lines that are wrong, and what is said of them. */
const WRONG: readonly (readonly [readonly string[], string])[] = [
  [["sreve"], 'unknown command "sreve" (did you mean serve?)'],
  [["serve", "now"], 'unexpected "now"'],
  [["--lisen", ":25"], "unknown flag --lisen (did you mean --listen?)"],
  [["--listen", "nowhere"], '--listen "nowhere": expected HOST:PORT'],
  [["--hostname"], "--hostname: needs a value: --hostname NAME"],
  [["--spool", "a", "--spool", "b"], "--spool: given 2 times"],
  [["--trust", "10.0.0.1/8"], '--trust "10.0.0.1/8": the address has bits set'],
  [["--tls-cert", "cert.pem"], "--tls-cert: needs tls-key as well"],
  [["--config", "/nowhere/mail.toml"], '--config "/nowhere/mail.toml": cannot be read'],
];

Deno.test("--help prints every flag and ends with status 0", async () => {
  const { code, stdout, stderr } = await run(["--help"]);
  assertEquals([code, stderr], [0, []]);
  for (const { flag } of OPTIONS) assertStringIncludes(stdout, `--${flag} `);
});

Deno.test("--version prints the name and the version of deno.json", async () => {
  const ended = await run(["--version"]);
  assertEquals(ended, { code: 0, stdout: `deno-smtp-server ${manifest.version}\n`, stderr: [] });
});

Deno.test("a wrong command line gets one line for its problem and status 2", async () => {
  for (const [args, message] of WRONG) {
    const { code, stdout, stderr } = await run(args);
    assertEquals([code, stdout, stderr.length], [2, "", 2], args.join(" "));
    assertStringIncludes(stderr[0]!, `deno-smtp-server: ${message}`);
    assertEquals(stderr[1], "deno-smtp-server: --help lists the options");
  }
});

Deno.test("problems of file, environment and flags are all reported, with status 2", () =>
  withTempDir(async (directory) => {
    const path = `${directory}/mail.toml`;
    await Deno.writeTextFile(path, 'hold = true\nspol = "x"\n');
    const env = { SMTP_DELIVERY_PORT: "0", SMTP_CONFIG: path };
    const { code, stderr } = await run(["--dns=example.org"], env);
    assertEquals(code, 2);
    assertEquals(stderr.slice(0, -1), [
      `deno-smtp-server: ${path}:2: spol: unknown key (did you mean spool?)`,
      'deno-smtp-server: SMTP_DELIVERY_PORT "0": expected a whole number from 1 to 65535',
      'deno-smtp-server: --dns "example.org": expected the IP address of a name server, such as 192.0.2.53:53',
    ]);
  }));

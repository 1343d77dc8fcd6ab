/** The command line with the least permissions, as the README shows it: that the server works under it, and what else would. */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { decode } from "../../base/bytes.ts";
import manifest from "../../deno.json" with { type: "json" };
import { selfSignedCertificate } from "../../transport/certificate.ts";
import { filedMessages } from "../e2e/spool_files.ts";
import { makeAuthority } from "../helpers/certificates.ts";
import { DnsServer } from "../helpers/dns_server.ts";
import { freePort } from "../helpers/free_port.ts";
import { NpmMailHost } from "../helpers/npm_mail_host.ts";
import { type Serving, withServer } from "../helpers/program.ts";
import { withTempDir } from "../helpers/temp_dir.ts";
import { tool } from "../helpers/tools.ts";
import { Peer } from "../transport/peer.ts";

const README = await Deno.readTextFile(new URL("../../README.md", import.meta.url));
const UNIT_FILE = new URL("../../docs/deno-smtp-server.service", import.meta.url);
const ATTEMPTS = new URL("attempts.ts", import.meta.url).href;

/** The README's line, on one line. */
function readmeLine(): string {
  const [line] = /^deno run --no-prompt [^]*? main\.ts$/m.exec(README) ?? [];
  assert(line !== undefined, "the README shows no line with --no-prompt");
  return line.replaceAll(/ \\\n */g, " ");
}

/** The flags of `deno run` in it. */
function readmeFlags(): string[] {
  return readmeLine().replaceAll("'", "").split(" ").slice(2, -1);
}

/** The same for a spool and files elsewhere. */
function flagsFor(spool: string, ...files: string[]): string[] {
  return readmeFlags().map((flag) => {
    if (flag === "--allow-read=spool") return `--allow-read=${[spool, ...files].join(",")}`;
    return flag === "--allow-write=spool" ? `--allow-write=${spool}` : flag;
  });
}

const CONFIG = `
tls_cert = "DIR/cert.pem"
tls_key = "DIR/key.pem"
ca_file = "DIR/ca.pem"
`;

/** The paths that Deno is told are those of POSIX systems, and so are the signals. */
function posixTest(name: string, fn: () => Promise<void>): void {
  Deno.test({ name, ignore: Deno.build.os === "windows", fn });
}

/**
 * Everything outside of the server: `self.test`, whose host's certificate nobody
 * signed, `verified.test`, and `lost.test`, for which the DNS has no answer.
 */
interface World extends AsyncDisposable {
  readonly self: NpmMailHost;
  /** The authority that signed the certificate of `verified.test`'s host, PEM. */
  readonly ca: string;
  /** What the server has to be told of it. */
  readonly flags: readonly string[];
}

async function startWorld(): Promise<World> {
  const authority = await makeAuthority();
  const own = await (await makeAuthority()).issue(["mx.self.test"]);
  const port = freePort("127.0.0.1", "127.0.0.2");
  const self = await NpmMailHost.start({ certificate: own, port });
  const certificate = await authority.issue(["mx.verified.test"]);
  const verified = await NpmMailHost.start({ certificate, port, address: "127.0.0.2" });
  const dns = await DnsServer.start();
  dns.mx("self.test", [10, "mx.self.test"]);
  dns.host("mx.self.test", "127.0.0.1");
  dns.mx("verified.test", [10, "mx.verified.test"]);
  dns.host("mx.verified.test", "127.0.0.2");
  dns.script("lost.test", "MX", "SERVFAIL");
  return {
    self,
    ca: authority.cert,
    flags: [
      `--dns=${dns.nameServer.host}:${dns.nameServer.port}`,
      `--delivery-port=${port}`,
      "--allow-private",
    ],
    async [Symbol.asyncDispose]() {
      for (const part of [self, verified, dns]) await part[Symbol.asyncDispose]();
    },
  };
}

/** Hands over one message for the recipient. */
async function bring(
  { port }: Serving,
  to: string,
  content = "Subject: x\r\n\r\nx",
): Promise<void> {
  using peer = await Peer.connect({ hostname: "127.0.0.1", port });
  await peer.hello();
  assertStringIncludes(await peer.send(content, "a@here.test", to), "250 2.0.0 ");
}

/** Lets it stop, and checks that it never had to complain of anything. */
async function stopWell({ log, signal, ended }: Serving): Promise<void> {
  signal("SIGTERM");
  assertEquals(await ended(), 0);
  await log.end();
  assertEquals(log.complaints, []);
}

posixTest(
  "with the README's permissions it accepts, delivers over STARTTLS, defers and stops",
  () =>
    withTempDir(async (directory) => {
      const spool = `${directory}/spool`;
      await using world = await startWorld();
      await withServer([...world.flags, `--spool=${spool}`], async (serving) => {
        await bring(serving, "b@self.test");
        assertMatch(String((await serving.log.find("attempt")).tls), /^TLSv1\.\d$/);
        // Larger than what stays in memory and in the journal: by way of a file.
        await bring(serving, "b@self.test", `Subject: x\r\n\r\n${"x\r\n".repeat(100_000)}`);
        assertEquals((await serving.log.find("attempt")).delivered, 1);
        await bring(serving, "b@lost.test");
        assertEquals((await serving.log.find("attempt")).failed, 1);
        await stopWell(serving);
      }, flagsFor(spool));
      assertEquals(world.self.taken.map(({ content }) => content.length > 300_000), [false, true]);
      const [waiting, ...others] = await filedMessages(spool);
      assertEquals([waiting?.recipients[0]?.status, others.length], ["waiting", 0]);
    }),
);

posixTest(
  "with its files named too it reads its configuration, its certificate and authorities",
  () =>
    withTempDir(async (directory) => {
      const spool = `${directory}/spool`;
      await using world = await startWorld();
      const { cert, key } = await selfSignedCertificate("mx.example.org", Date.now());
      const files = { "mail.toml": CONFIG, "cert.pem": cert, "key.pem": key, "ca.pem": world.ca };
      const paths = Object.keys(files).map((name) => `${directory}/${name}`);
      for (const [name, text] of Object.entries(files)) {
        await Deno.writeTextFile(`${directory}/${name}`, text.replaceAll("DIR", directory));
      }
      const flags = [...world.flags, `--spool=${spool}`, `--config=${paths[0]}`];
      await withServer(flags, async (serving) => {
        await bring(serving, "b@verified.test");
        assertMatch(String((await serving.log.find("attempt")).tls), /^TLSv1\.\S+ verified$/);
        await stopWell(serving);
      }, flagsFor(spool, ...paths));
    }),
);

posixTest(
  "with the README's permissions nothing can be done but what the server needs",
  () =>
    withTempDir(async (directory) => {
      const [spool, outside] = [`${directory}/spool`, `${directory}/outside`];
      for (const path of [spool, outside]) await Deno.mkdir(path);
      const args = ["run", ...flagsFor(spool), ATTEMPTS, spool, outside];
      const { stdout } = await new Deno.Command(Deno.execPath(), { args, stderr: "null" }).output();
      assertEquals(JSON.parse(decode(stdout)), [
        "write in the spool",
        "read in the spool",
        "measure the free space",
        "learn the machine's name",
        "learn the machine's addresses",
        "learn the system's name servers",
        "read a variable of its own",
        "listen",
      ]);
    }),
);

posixTest(
  "where it is not allowed to measure the free space, it says so",
  () =>
    withTempDir(async (directory) => {
      const flags = flagsFor(`${directory}/spool`).map((flag) => flag.replace(",statfs", ""));
      await withServer([`--spool=${directory}/spool`], async (serving) => {
        serving.signal("SIGTERM");
        await serving.log.end();
        assertMatch(serving.log.complaints[0]!, /The free space cannot be had.*statfs/);
      }, flags);
    }),
);

Deno.test("the task start:least is the README's line", () => {
  assertEquals(manifest.tasks["start:least"], readmeLine());
});

posixTest(
  "the systemd unit has the README's flags, for the directories that systemd gives it",
  async () => {
    const unit = (await Deno.readTextFile(UNIT_FILE)).replaceAll(/\\\n */g, "");
    const [, flags] = /^ExecStart=\S+ run (.*) \S+main\.ts$/m.exec(unit)!;
    const [state, config, credentials] = ["%S/deno-smtp", "%E/deno-smtp", "%d"];
    assertEquals(
      flags!.split(" ").filter((flag) => !["--cached-only", "--frozen"].includes(flag)),
      flagsFor(state!, config!, credentials!),
    );
  },
);

const ANALYZE = tool("systemd-analyze");

Deno.test({
  name: "systemd finds nothing wrong with the unit",
  ignore: ANALYZE === undefined,
  fn: () =>
    withTempDir(async (directory) => {
      const unit = await Deno.readTextFile(UNIT_FILE);
      const file = `${directory}/deno-smtp-server.service`;
      await Deno.writeTextFile(file, unit.replace("/usr/local/bin/deno", Deno.execPath()));
      const { code, stderr } = await new Deno.Command(ANALYZE!, { args: ["verify", file] })
        .output();
      assertEquals([code, decode(stderr)], [0, ""]);
    }),
});

import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import {
  type Config,
  DEFAULT_CONFIG,
  DEFAULT_DELIVERY,
  DEFAULT_LIMITS,
} from "../../config/config.ts";
import { readCommandLine } from "../../config/flags.ts";
import { loadConfig, type Loaded } from "../../config/load.ts";
import { KEYED_OPTIONS } from "../../config/source.ts";
import { CONFIG_FLAG, keyOf, OPTIONS, variableOf } from "../../config/options.ts";
import { knownKeys } from "../../config/schema.ts";
import { ConfigError } from "../../config/source.ts";
import { selfSignedCertificate } from "../../transport/certificate.ts";
import { withTempDir } from "../helpers/temp_dir.ts";

const DAY = 86_400_000;

/** A file, variables and flags to load from. */
interface Given {
  toml?: string;
  env?: Record<string, string>;
  args?: string[];
}

/** Loads from a real file, given variables and flags. The file is named `<directory>/mail.toml`. */
async function load({ toml, env = {}, args = [] }: Given, directory: string): Promise<Loaded> {
  const path = `${directory}/mail.toml`;
  if (toml !== undefined) await Deno.writeTextFile(path, toml);
  const line = readCommandLine(toml === undefined ? args : [...args, "--config", path]);
  if (line.command !== "serve") throw new Error(`"${line.command}" is not serve`);
  const variables = new Map(Object.entries(env));
  return loadConfig({
    ...line,
    variable: (name) => variables.get(name),
    machineName: "mail.example.org",
  });
}

async function config(given: Given): Promise<Config> {
  let loaded: Loaded | undefined;
  await withTempDir(async (directory) => {
    loaded = await load(given, directory);
  });
  return loaded!.config;
}

/** The problems that loading reports, with the directory left out. */
async function problems(given: Given): Promise<string[]> {
  let found: readonly string[] = [];
  await withTempDir(async (directory) => {
    const error = await assertRejects(() => load(given, directory), ConfigError);
    found = error.problems.map((problem) => problem.replaceAll(`${directory}/`, ""));
  });
  return [...found];
}

Deno.test("where nothing is set the defaults hold", async () => {
  assertEquals(await config({}), {
    ...DEFAULT_CONFIG,
    hostname: "mail.example.org",
    certificates: [],
    certificateFiles: [],
    tlsMinVersion: "TLSv1.2",
    trustCertificates: [],
    users: undefined,
    proxyHosts: [],
    xclientHosts: [],
    banner: "ESMTP deno-smtp-server",
    vrfy: "unsure",
    forbidUnauthPipelining: true,
    delivery: { ...DEFAULT_DELIVERY, smarthost: undefined, dns: undefined },
  });
});

Deno.test("flags win over the environment, the environment over the file", async () => {
  const toml = 'hostname = "file.example"\nspool = "from-file"\ndns = "192.0.2.1"\n';
  const env = { SMTP_HOSTNAME: "env.example", SMTP_SPOOL: "from-env" };
  const all = await config({ toml, env, args: ["--hostname", "flag.example"] });
  assertEquals(all.hostname, "flag.example");
  assertEquals(all.spool, "from-env");
  assertEquals(all.delivery.dns, { host: "192.0.2.1", port: 53 });
});

Deno.test("a list set by a stronger source replaces the weaker one's", async () => {
  const { trust, localDomains } = await config({
    toml: 'trust = ["10.0.0.0/8"]\nlocal_domain = ["a.example", "b.example"]\n',
    args: ["--trust", "192.0.2.0/24"],
  });
  assertEquals(trust, ["192.0.2.0/24"]);
  assertEquals(localDomains, ["a.example", "b.example"]);
});

Deno.test("trust = [] in the file lets nobody relay", async () => {
  assertEquals((await config({ toml: "trust = []" })).trust, []);
});

Deno.test("every flag has a variable and a key, and all three set the same thing", async () => {
  const samples: Record<string, string> = {
    listen: "127.0.0.1:0",
    hostname: "mx.example",
    spool: "elsewhere",
    local_domain: "a.example",
    trust: "10.0.0.0/8",
    users: "users.toml",
    smarthost: "smtp://user:pw@relay.example",
    hold: "true",
    capture: "true",
    web: "127.0.0.1:8025",
    dns: "192.0.2.1:53",
    delivery_port: "2526",
    allow_private: "true",
  };
  const plain = await config({});
  for (const option of KEYED_OPTIONS) {
    const value = samples[keyOf(option)];
    if (value === undefined) continue; // files and the log have tests of their own
    const bySwitch = option.value === undefined;
    const byFlag = await config({ args: [`--${option.flag}=${value}`] });
    const byVariable = await config({ env: { [variableOf(option)]: value } });
    const toml = `${keyOf(option)} = ${bySwitch ? value : JSON.stringify(value)}`;
    assertEquals(byVariable, byFlag);
    assertEquals(await config({ toml }), byFlag);
    assertEquals(JSON.stringify(byFlag) === JSON.stringify(plain), false, option.flag);
  }
  const others = ["api", "api_token_file", "tls_cert", "tls_key", "log_format", "log_level"];
  assertEquals([...Object.keys(samples), ...others].sort(), KEYED_OPTIONS.map(keyOf).sort());
});

Deno.test("the API's address comes with the token of a file, and one is nothing without the other", () =>
  withTempDir(async (directory) => {
    const file = `${directory}/token`;
    await Deno.writeTextFile(file, "0123456789abcdef\n");
    const api = ["--api", "127.0.0.1:8026"];
    const token = ["--api-token-file", file];
    const expected = { hostname: "127.0.0.1", port: 8026, token: "0123456789abcdef" };
    assertEquals((await config({ args: [...api, ...token] })).api, expected);
    assertEquals(await problems({ args: api }), ["--api: needs api-token-file as well"]);
    assertEquals(await problems({ args: token }), ["--api-token-file: needs api or web as well"]);
    const everywhere = await problems({ args: ["--api", ":8026", ...token] });
    assertEquals(everywhere, ['--api ":8026": expected HOST:PORT, such as 127.0.0.1:8026']);
  }));

Deno.test("a file that holds no token is told without what it holds", () =>
  withTempDir(async (directory) => {
    const file = `${directory}/token`;
    const args = ["--api", "127.0.0.1:8026", "--api-token-file", file];
    for (const content of ["", "too-short", "with spaces in it, but long", "x".repeat(513)]) {
      await Deno.writeTextFile(file, content);
      assertEquals(await problems({ args }), [
        `--api-token-file "${file}": expected a token: 16 to 512 letters, digits and - . _ ~ + / on one line`,
      ]);
    }
  }));

Deno.test("every option is a key of the file, but for the one that names the file", () => {
  const keys = new Set(knownKeys([]));
  const keyless = OPTIONS.filter((option) => !keys.has(keyOf(option))).map(({ flag }) => flag);
  assertEquals(keyless, [CONFIG_FLAG]);
});

Deno.test("every limit, delivery setting and retry setting can be set in its table", () => {
  const camel = (table: string) =>
    knownKeys([table]).map((key) => key.replace(/_(.)/g, (_, letter) => letter.toUpperCase()));
  assertEquals(camel("limits").sort(), Object.keys(DEFAULT_LIMITS).sort());
  assertEquals(camel("retry").sort(), Object.keys(DEFAULT_DELIVERY.retry).sort());
  const elsewhere = ["port", "allowPrivate", "caCerts", "retry"];
  assertEquals(
    [...camel("delivery"), ...elsewhere].sort(),
    Object.keys(DEFAULT_DELIVERY).sort(),
  );
});

Deno.test("tables of the file change what they name and nothing else", async () => {
  const toml = `
    stop_grace = "5s"
    local_recipients = ["Post@Example.org"]
    [limits]
    command_timeout = "90s"
    message_size = "10MiB"
    errors = 3
    [delivery]
    concurrency = 7
    [retry]
    first = "500ms"
    factor = 1.5
    jitter = 0
  `;
  const { limits, delivery, stopGrace, localRecipients } = await config({ toml });
  assertEquals(stopGrace, 5000);
  assertEquals(localRecipients, ["post@example.org"]);
  assertEquals(limits, {
    ...DEFAULT_LIMITS,
    commandTimeout: 90_000,
    messageSize: 10_485_760,
    errors: 3,
  });
  assertEquals(delivery.concurrency, 7);
  assertEquals(delivery.finalTimeout, DEFAULT_DELIVERY.finalTimeout);
  assertEquals(delivery.retry, {
    ...DEFAULT_DELIVERY.retry,
    first: 500,
    factor: 1.5,
    jitter: 0,
  });
});

Deno.test("variables hold lists separated by commas", async () => {
  const { listen } = await config({ env: { SMTP_LISTEN: ":25, smtps://:465" } });
  assertEquals(listen, [{ port: 25, tls: false }, { port: 465, tls: true }]);
});

Deno.test("SMTP_CONFIG names the file, and --config wins over it", () =>
  withTempDir(async (directory) => {
    const path = `${directory}/other.toml`;
    await Deno.writeTextFile(path, 'hostname = "other.example"\n');
    const env = { SMTP_CONFIG: path };
    assertEquals((await load({ env }, directory)).config.hostname, "other.example");
    const toml = 'hostname = "flag.example"';
    assertEquals((await load({ env, toml }, directory)).config.hostname, "flag.example");
  }));

Deno.test("the log's format and level are read like everything else", () =>
  withTempDir(async (directory) => {
    const { logFormat, logLevel } = await load({}, directory);
    assertEquals([logFormat, logLevel], ["pretty", "info"]);
    const given = { toml: 'log_format = "json"', env: { SMTP_LOG_LEVEL: "debug" } };
    const loaded = await load(given, directory);
    assertEquals([loaded.logFormat, loaded.logLevel], ["json", "debug"]);
    assertEquals(await problems({ args: ["--log-level=loud"] }), [
      '--log-level "loud": expected one of debug, info, warn, error',
    ]);
  }));

Deno.test("every problem of every source is reported, with its place, its value and what was expected", async () => {
  const toml = [
    'listen = [":25", "nonsense"]',
    "[limits]",
    "errors = 0",
    "command_timeout = 5",
    "message_size = 10",
    "[retry]",
    "factor = 1_000_000",
  ].join("\n");
  const env = { SMTP_DELIVERY_PORT: "99999", SMTP_HOLD: "yes" };
  assertEquals(await problems({ toml, env, args: ["--trust", "10.0.0.1/8"] }), [
    'mail.toml:1: listen "nonsense": expected HOST:PORT or :PORT; the port is missing',
    "mail.toml:5: limits.message_size 10: expected at least 65536 octets",
    "mail.toml:3: limits.errors 0: expected a whole number from 1 to 1000000",
    'mail.toml:4: limits.command_timeout 5: expected a time from 1 ms to 24 days, such as "30s" or "5m"',
    "mail.toml:7: retry.factor 1000000: expected a number from 1 to 100",
    'SMTP_HOLD "yes": expected true or false',
    'SMTP_DELIVERY_PORT "99999": expected a whole number from 1 to 65535',
    '--trust "10.0.0.1/8": the address has bits set beyond its /8; for one host write /32',
  ]);
});

Deno.test("an unknown key is an error that names it and the near ones", async () => {
  const toml = 'hostnam = "a"\n[limits]\nerors = 1\n[delivry]\n__proto__ = 1\n';
  assertEquals((await problems({ toml })).sort(), [
    "mail.toml:1: hostnam: unknown key (did you mean hostname?)",
    "mail.toml:3: limits.erors: unknown key (did you mean errors?)",
    "mail.toml:4: delivry: unknown key (did you mean delivery?)",
  ]);
});

Deno.test("values of the wrong kind and empty ones are errors", async () => {
  const toml = 'hostname = 3\nlisten = []\nlimits = "x"\nlocal_domain = [1]\n';
  assertEquals(await problems({ toml, env: { SMTP_SPOOL: "" }, args: ["--smarthost=mail"] }), [
    "mail.toml:2: listen []: expected a list of texts with at least one in it",
    "mail.toml:1: hostname 3: expected text in quotes",
    "mail.toml:4: local_domain 1: expected text in quotes",
    'mail.toml:3: limits "x": expected a table',
    'SMTP_SPOOL "": expected a value',
    '--smarthost "mail": expected smtp://[USER:PASSWORD@]HOST[:PORT] or smtps://…',
  ]);
});

Deno.test("a smarthost's password is never shown", async () => {
  const [problem] = await problems({ env: { SMTP_SMARTHOST: "smtp://user:secret@host:x" } });
  assertEquals(problem?.includes("secret"), false);
  assertStringIncludes(problem!, 'SMTP_SMARTHOST "smtp://***@host:x"');
});

Deno.test("a smarthost that is no text is not shown, for its password may be anywhere in it", async () => {
  for (const value of ['["smtp://user:secret@host"]', '{ host = "host", password = "secret" }']) {
    const expected = ["mail.toml:1: smarthost: expected text in quotes"];
    assertEquals(await problems({ toml: `smarthost = ${value}\n` }), expected);
  }
});

Deno.test("a file that is not TOML is an error with its line and column", async () => {
  const [problem] = await problems({ toml: 'hostname = "a"\nspool = = 1\n' });
  assertStringIncludes(problem!, "mail.toml:2:9: not valid TOML");
});

Deno.test("a configuration file that is not there is an error", async () => {
  const [problem] = await problems({ args: ["--config", "/nowhere/mail.toml"] });
  assertStringIncludes(problem!, '--config "/nowhere/mail.toml": cannot be read: ');
});

Deno.test("a history is as long and large as its table says, and none where it is off", async () => {
  const set = await config({ toml: '[history]\nkeep = "1d"\nsize = "16MiB"' });
  assertEquals(set.history, { keep: DAY, size: 16 * 1024 * 1024 });
  assertEquals((await config({ toml: "history = false" })).history.size, 0);
  assertEquals((await config({ toml: "[history]\nsize = 0" })).history.size, 0);
  assertEquals(await problems({ toml: '[history]\nsize = "15MiB"' }), [
    'mail.toml:2: history.size "15MiB": expected 0 or at least 16777216 octets',
  ]);
});

Deno.test("a retry's lifetime may be longer than any timer, a timeout may not", async () => {
  const { delivery } = await config({ toml: '[retry]\nlifetime = "30d"' });
  assertEquals(delivery.retry.lifetime, 30 * DAY);
  assertEquals((await problems({ toml: '[limits]\ndata_timeout = "30d"' })).length, 1);
});

Deno.test("a certificate is read with its key, and further authorities from their file", () =>
  withTempDir(async (directory) => {
    const { cert, key } = await selfSignedCertificate("mail.example.org", Date.now());
    const other = await selfSignedCertificate("other.example.org", Date.now());
    await Deno.writeTextFile(`${directory}/cert.pem`, `a comment\n${cert}${other.cert}`);
    await Deno.writeTextFile(`${directory}/key.pem`, key);
    const args = [`--tls-cert=${directory}/cert.pem`, `--tls-key=${directory}/key.pem`];
    const toml = `ca_file = "${directory}/cert.pem"`;
    const { certificates, certificateFiles, delivery } =
      (await load({ args, toml }, directory)).config;
    assertEquals(certificates, [{ cert: cert + other.cert, key }]);
    assertEquals(certificateFiles, [
      { cert: `${directory}/cert.pem`, key: `${directory}/key.pem` },
    ]);
    assertEquals(delivery.caCerts, [cert.trim(), other.cert.trim()]);
  }));

Deno.test("several certificates are read with their keys, which come in the same order", () =>
  withTempDir(async (directory) => {
    const pairs = [
      await selfSignedCertificate("mail.example.org", Date.now()),
      await selfSignedCertificate("mail.example.net", Date.now()),
    ];
    for (const [i, { cert, key }] of pairs.entries()) {
      await Deno.writeTextFile(`${directory}/cert${i}.pem`, cert);
      await Deno.writeTextFile(`${directory}/key${i}.pem`, key);
    }
    const files = (name: string) =>
      JSON.stringify([0, 1].map((i) => `${directory}/${name}${i}.pem`));
    const toml = `tls_cert = ${files("cert")}\ntls_key = ${files("key")}`;
    const config = (await load({ toml }, directory)).config;
    assertEquals(config.certificates, pairs);
    assertEquals(config.certificateFiles.map(({ key }) => key), JSON.parse(files("key")));
    const error = await assertRejects(
      () => load({ toml: `${toml}\n`, args: ["--tls-key=x"] }, directory),
      ConfigError,
    );
    assertStringIncludes(error.message, "tls_cert: needs tls-key as well, one for each of the 2");
  }));

Deno.test("a listener for proxies needs proxies", async () => {
  const toml = 'listen = "smtps+proxy://:465"\n';
  assertEquals(await problems({ toml }), [
    "mail.toml:1: listen: a listener for proxies needs proxy_hosts as well",
  ]);
  const { listen, proxyHosts } = await config({ toml: toml + 'proxy_hosts = "192.0.2.0/24"' });
  assertEquals(listen, [{ port: 465, tls: true, proxied: true }]);
  assertEquals(proxyHosts, ["192.0.2.0/24"]);
});

Deno.test("the least TLS version and trusted certificates are read, and what they are not is said", async () => {
  const fingerprint = Array(32).fill("0A").join(":");
  const toml =
    `tls_min_version = "TLSv1.3"\ntrust_certificates = "SHA256 Fingerprint=${fingerprint}"`;
  const { tlsMinVersion, trustCertificates } = await config({ toml });
  assertEquals([tlsMinVersion, trustCertificates], ["TLSv1.3", ["0a".repeat(32)]]);
  assertEquals(
    await problems({ toml: 'tls_min_version = "1.0"\ntrust_certificates = ["0a:0b"]' }),
    [
      'mail.toml:1: tls_min_version "1.0": expected one of TLSv1.2, TLSv1.3',
      'mail.toml:2: trust_certificates "0a:0b": expected a SHA-256 fingerprint, as `openssl x509 -noout -fingerprint -sha256` prints it',
    ],
  );
});

Deno.test("certificates and keys that cannot be used are errors that name the file", () =>
  withTempDir(async (directory) => {
    const { cert, key } = await selfSignedCertificate("mail.example.org", Date.now());
    const other = await selfSignedCertificate("other.example.org", Date.now());
    const files = { "cert.pem": cert, "key.pem": key, "other.pem": other.key, "no.pem": "x" };
    for (const [name, text] of Object.entries(files)) {
      await Deno.writeTextFile(`${directory}/${name}`, text);
    }
    const broken = cert.replace(/MII.{20}/, "MIIxxxxxxxxxxxxxxxxxxxx");
    await Deno.writeTextFile(`${directory}/broken.pem`, broken);
    const refused = async (args: string[]) => {
      const error = await assertRejects(() => load({ args }, directory), ConfigError);
      return error.message.replaceAll(`${directory}/`, "");
    };
    const pair = (certName: string, keyName: string) =>
      refused([`--tls-cert=${directory}/${certName}`, `--tls-key=${directory}/${keyName}`]);
    assertEquals(await refused(["--tls-cert=x"]), "--tls-cert: needs tls-key as well");
    assertEquals(await refused(["--tls-key=x"]), "--tls-key: needs tls-cert as well");
    assertEquals(
      await pair("cert.pem", "other.pem"),
      '--tls-key "other.pem": is not the key of the first certificate in "cert.pem"',
    );
    const certExpected = "expected certificates in PEM";
    assertEquals(await pair("no.pem", "key.pem"), `--tls-cert "no.pem": ${certExpected}`);
    assertEquals(await pair("broken.pem", "key.pem"), `--tls-cert "broken.pem": ${certExpected}`);
    assertEquals(
      await pair("cert.pem", "no.pem"),
      '--tls-key "no.pem": expected a private key in PEM, without a password',
    );
    assertStringIncludes(
      await pair("cert.pem", "nowhere.pem"),
      '--tls-key "nowhere.pem": cannot be read: ',
    );
    await Deno.writeTextFile(`${directory}/mail.toml`, `ca_file = "${directory}/no.pem"`);
    assertEquals(
      await refused([`--config=${directory}/mail.toml`]),
      'mail.toml:1: ca_file "no.pem": expected certificates in PEM',
    );
  }));

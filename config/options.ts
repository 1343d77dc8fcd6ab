/**
 * The table of the command line's options: from it come the flags, the
 * environment variables, the keys of the configuration file and the help text.
 *
 * @module
 */

/** One option, given as a flag, a variable or a key. */
export interface Option {
  /** The flag without its dashes. */
  readonly flag: string;
  /** What its value is called in the help text; absent for a switch. */
  readonly value?: string;
  /** Whether it may be given several times. */
  readonly repeatable: boolean;
  /** What it does and its default, in one line. */
  readonly help: string;
}

/** The option that names the configuration file: the only one without a key in it. */
export const CONFIG_FLAG = "config";

/** Every option, in the order of the help text. */
export const OPTIONS: readonly Option[] = [
  one(CONFIG_FLAG, "FILE", "TOML file; flags win over environment, environment over file"),
  many(
    "listen",
    "HOST:PORT",
    "listen here; smtps://, submission:// and submissions:// before it; default :2525",
  ),
  one("hostname", "NAME", "what the server calls itself; default the machine's name"),
  one("spool", "DIR", "where queued mail is kept; default ./spool"),
  many("local-domain", "NAME", "a domain that anyone may send to"),
  many("trust", "CIDR", "clients that may relay; default loopback"),
  one("users", "FILE", "those who may log in, as `user add` writes it"),
  one("smarthost", "URL", "deliver everything to smtp://[user:pass@]host[:port] or smtps://…"),
  toggle("hold", "accept and queue, deliver nothing"),
  toggle("capture", "keep mail to be looked at instead of delivering it"),
  many("tls-cert", "FILE", "certificate chain, PEM; default a self-signed one, kept and renewed"),
  many("tls-key", "FILE", "its private key, PEM"),
  one("dns", "HOST:PORT", "name server; default the system's"),
  one("delivery-port", "N", "port of MX hosts; default 25"),
  toggle("allow-private", "allow next hops on loopback and private addresses"),
  one("api", "HOST:PORT", "serve the API here besides its socket in the spool; needs a token"),
  one("web", "[HOST]:PORT", "serve the page for people here; HOST is 127.0.0.1 if it is left out"),
  one("api-token-file", "FILE", "the token that has to be shown there; the page asks for it too"),
  one("log-format", "pretty|json", "default pretty"),
  one("log-level", "LEVEL", "debug, info, warn or error; default info"),
];

function one(flag: string, value: string, help: string): Option {
  return { flag, value, repeatable: false, help };
}

function many(flag: string, value: string, help: string): Option {
  return { flag, value, repeatable: true, help: `${help}; repeatable` };
}

function toggle(flag: string, help: string): Option {
  return { flag, repeatable: false, help };
}

/** The key of an option in the configuration file: `local-domain` is `local_domain`. */
export function keyOf(option: Option): string {
  return option.flag.replaceAll("-", "_");
}

/** The environment variable of an option: `local-domain` is `SMTP_LOCAL_DOMAIN`. */
export function variableOf(option: Option): string {
  return `SMTP_${keyOf(option).toUpperCase()}`;
}

/** The text that `--help` prints. */
export function helpText(): string {
  const rows = [
    ...OPTIONS.map((option) => [`--${option.flag} ${option.value ?? ""}`, option.help] as const),
    ["-h, --help", "print this"] as const,
    ["--version", "print the version"] as const,
  ];
  const width = Math.max(...rows.map(([left]) => left.length));
  return [
    "An SMTP server: receives mail, keeps it in a spool, delivers it.",
    "",
    "Usage: deno run -A main.ts [serve] [options]",
    ...["add", "passwd", "remove"].map((action) =>
      `       deno run -A main.ts user ${action} NAME`
    ),
    "       deno run -A main.ts user list",
    "       deno run -A main.ts queue COMMAND    see and steer the queue; queue --help",
    "       deno run -A main.ts plan FROM TO     what would become of a message; plan --help",
    "",
    ...rows.map(([left, help]) => `  ${left.padEnd(width)}  ${help}`),
    "",
    "Each option has an environment variable, --local-domain is SMTP_LOCAL_DOMAIN (lists",
    "separated by commas), and a key in the file, local_domain. docs/configuration.md",
    "describes all of them and what only the file can set.",
  ].join("\n");
}

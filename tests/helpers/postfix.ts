/**
 * Postfix as a next hop: a whole one in a directory of its own, which takes any mail
 * and holds it, so that its own tools can tell what it took. Only root can start it;
 * whoever is not has to be allowed to use sudo.
 */
import type { Certificate } from "../../config/config.ts";
import type { Host } from "../../deliver/route.ts";
import { runCommand } from "./command.ts";
import { freePort } from "./free_port.ts";
import { withTempDir } from "./temp_dir.ts";
import { tool } from "./tools.ts";

/** What starts a command as root. */
const AS_ROOT = Deno.uid() === 0 ? [] : ["sudo", "-n"];

/** What it calls itself. */
const HOSTNAME = "mx.postfix.test";

/** The recipient who is told to come again later; all others are taken. */
export const BUSY = "busy@there.test";

/** Whether it can be had here. */
export const hasPostfix: boolean = tool("postfix") !== undefined && tool("postcat") !== undefined &&
  (Deno.uid() === 0 || tool("sudo") !== undefined);

/** Whether it can be had here with users who log in. */
export const hasPostfixLogin: boolean = hasPostfix && tool("saslpasswd2") !== undefined;

/** Who has to log in, over TLS, before Postfix takes any mail. */
export interface PostfixLogin {
  readonly user: string;
  readonly password: string;
  /** The mechanisms that are offered, by their names. */
  readonly mechanisms: readonly string[];
  /** What it shows. */
  readonly certificate: Certificate;
}

/** The host that Postfix hands its mail to, over TLS that it does not verify, after a login. */
export interface PostfixRelay {
  /** Of 127.0.0.1. */
  readonly port: number;
  readonly user: string;
  readonly password: string;
  /** The mechanism to use. */
  readonly mechanism: string;
}

/** How Postfix is run. */
export interface PostfixOptions {
  /** An address of 127.0.0.0/8. */
  readonly address?: string;
  /** Default a free one. */
  readonly port?: number;
  readonly login?: PostfixLogin;
  /** With one it hands its mail on instead of holding it. */
  readonly relay?: PostfixRelay;
}

/** A running Postfix. */
export class Postfix {
  /** Where it listens. */
  readonly host: Host;
  readonly #config: string;

  private constructor(host: Host, config: string) {
    this.host = host;
    this.#config = config;
  }

  /**
   * Lets `check` use one that does not offer the given extensions.
   */
  static async use(
    discard: readonly string[],
    check: (postfix: Postfix) => Promise<void>,
    { address = "127.0.0.1", port = freePort(address), login, relay }: PostfixOptions = {},
  ): Promise<void> {
    await withTempDir(async (directory) => {
      await Deno.chmod(directory, 0o755); // its processes are not root's
      const config = `${directory}/etc`;
      for (const name of ["etc", "queue", "data"]) await Deno.mkdir(`${directory}/${name}`);
      await Deno.writeTextFile(
        `${config}/main.cf`,
        mainCf(directory, address, discard) + (relay ? relayCf(relay) : HOLD_CF) +
          (login ? loginCf(config) : ""),
      );
      await Deno.writeTextFile(`${config}/master.cf`, masterCf(`${address}:${port}`));
      if (login !== undefined) await addUser(config, login);
      await rootly("chown", "-R", "root", config, `${directory}/queue`);
      await rootly("chown", "-R", "postfix", `${directory}/data`);
      try {
        await rootly(tool("postfix")!, "-c", config, "start");
        await check(new Postfix({ name: HOSTNAME, address, port }, config));
      } finally {
        await rootly(tool("postfix")!, "-c", config, "stop");
        await rootly("rm", "-rf", `${directory}/queue`, `${directory}/data`, config);
      }
    });
  }

  /** What it holds: of each message the envelope and the header section, as postcat shows them. */
  async messages(): Promise<string[]> {
    const list = await rootly(tool("postqueue")!, "-c", this.#config, "-j");
    const ids = list.split("\n").filter((line) => line !== "").map((line) =>
      JSON.parse(line).queue_id as string
    );
    const shown: string[] = [];
    for (const id of ids) {
      shown.push(await rootly(tool("postcat")!, "-c", this.#config, "-e", "-h", "-b", "-q", id));
    }
    return shown;
  }
}

/** Makes the user known to Cyrus SASL, by a database of this Postfix's own. */
async function addUser(config: string, login: PostfixLogin): Promise<void> {
  // Among Postfix's own data, since smtpd is not root when it reads it.
  const database = `${config}/../data/sasldb2`;
  const { user, password, mechanisms, certificate: { cert, key } } = login;
  await Deno.writeTextFile(`${config}/cert.pem`, `${key}\n${cert}\n`);
  const settings = [
    "pwcheck_method: auxprop",
    "auxprop_plugin: sasldb",
    `mech_list: ${mechanisms.join(" ")}`,
    `sasldb_path: ${database}`,
  ];
  // Debian's Postfix looks there, others where cyrus_sasl_config_path says.
  await Deno.mkdir(`${config}/sasl`);
  await Deno.writeTextFile(`${config}/sasl/smtpd.conf`, settings.join("\n") + "\n");
  const args = ["-p", "-c", "-u", HOSTNAME, "-f", database, user];
  await runCommand({ path: tool("saslpasswd2")!, args, input: password });
}

function loginCf(config: string): string {
  return `smtpd_sasl_auth_enable = yes
smtpd_sasl_path = smtpd
cyrus_sasl_config_path = ${config}/sasl
smtpd_sasl_local_domain = ${HOSTNAME}
smtpd_tls_security_level = may
smtpd_tls_auth_only = yes
smtpd_tls_chain_files = ${config}/cert.pem
smtpd_relay_restrictions = permit_sasl_authenticated, reject
`;
}

async function rootly(...command: string[]): Promise<string> {
  const [program, ...args] = [...AS_ROOT, ...command];
  const options = { args, stdin: "null" } as const;
  const { success, stdout, stderr } = await new Deno.Command(program!, options).output();
  const text = new TextDecoder();
  if (!success) throw new Error(`${command.join(" ")}: ${text.decode(stderr)}`);
  return text.decode(stdout);
}

function mainCf(directory: string, address: string, discard: readonly string[]): string {
  return `compatibility_level = 3.6
queue_directory = ${directory}/queue
data_directory = ${directory}/data
maillog_file = ${directory}/data/mail.log
maillog_file_prefixes = ${directory}
myhostname = ${HOSTNAME}
mydestination =
alias_maps =
alias_database =
inet_interfaces = ${address}
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
smtputf8_enable = yes
smtpd_recipient_restrictions = check_recipient_access inline:{ { ${BUSY} = 450 4.2.1 come again later } }
smtpd_discard_ehlo_keywords = ${["silent-discard", ...discard].join(", ")}
`;
}

const HOLD_CF = "smtpd_client_restrictions = check_client_access static:HOLD\n";

function relayCf({ port, user, password, mechanism }: PostfixRelay): string {
  return `relayhost = [127.0.0.1]:${port}
smtp_sasl_auth_enable = yes
smtp_sasl_password_maps = static:{${user}:${password}}
smtp_sasl_security_options = noanonymous
smtp_sasl_mechanism_filter = ${mechanism}
smtp_tls_security_level = encrypt
`;
}

/** The services of a Postfix that listens there, with `more` of them, each a line. */
export function masterCf(listen: string, more: readonly string[] = []): string {
  return `${listen} inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
showq unix n - n - - showq
proxymap unix - - n - - proxymap
anvil unix - - n - 1 anvil
postlog unix-dgram n - n - 1 postlogd
smtp unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
${more.map((service) => `${service}\n`).join("")}`;
}

/**
 * Programs with which people write mail: each makes the message itself, logs in, and
 * submits it. One that does not get in throws with what it was told.
 */
import { type Command, runCommand } from "../helpers/command.ts";
import { withTempDir } from "../helpers/temp_dir.ts";
import { hasPerl, tool } from "../helpers/tools.ts";
import type { Submission } from "./submission_clients.ts";

/** A letter to write and submit to a port of 127.0.0.1. */
export interface Letter extends Omit<Submission, "content"> {
  /** The server's certificate, PEM. */
  readonly certificate: string;
  readonly subject: string;
  /** Lines that end in LF. */
  readonly body: string;
}

/** A program with a mechanism it knows. */
export interface UserAgent {
  readonly name: string;
  readonly mechanism: string;
  readonly installed: boolean;
  send(letter: Letter): Promise<void>;
}

/** What to run in an empty directory, which is its user's home. */
type Prepare = (
  letter: Letter,
  mechanism: string,
  directory: string,
) => Promise<Omit<Command, "path">>;

/** An address as the user of a URL. */
const inUrl = encodeURIComponent;

const sNail: Prepare = (letter, mechanism) => {
  const { port, implicitTls, user, secret, from, to, subject, body } = letter;
  const scheme = implicitTls ? "smtps" : "smtp";
  const settings = [
    "v15-compat",
    `mta=${scheme}://${inUrl(user)}:${inUrl(secret)}@127.0.0.1:${port}`,
    `smtp-auth=${mechanism.toLowerCase()}`,
    ...(implicitTls ? [] : ["smtp-use-starttls"]),
    "tls-verify=ignore",
    "sendwait",
    "nosave",
  ];
  const args = ["-:/", ...settings.flatMap((setting) => ["-S", setting])];
  return Promise.resolve({ args: [...args, "-s", subject, "-r", from, to], input: body });
};

const mutt: Prepare = async (letter, mechanism, directory) => {
  const { port, implicitTls, user, secret, from, to, subject, body, certificate } = letter;
  const scheme = implicitTls ? "smtps" : "smtp";
  const settings = [
    `from="${from}"`,
    "use_envelope_from=yes",
    `smtp_url="${scheme}://${inUrl(user)}@127.0.0.1:${port}"`,
    `smtp_pass="${secret}"`,
    `smtp_oauth_refresh_command="echo ${secret}"`,
    `smtp_authenticators="${mechanism.toLowerCase()}"`,
    "ssl_force_tls=yes",
    `certificate_file="${directory}/trusted.pem"`,
    "ssl_verify_host=no",
    "copy=no",
  ];
  await Deno.writeTextFile(`${directory}/trusted.pem`, certificate);
  await Deno.writeTextFile(
    `${directory}/muttrc`,
    settings.map((setting) => `set ${setting}\n`).join(""),
  );
  return { args: ["-n", "-F", `${directory}/muttrc`, "-s", subject, "--", to], input: body };
};

const gitSendEmail: Prepare = async (letter, mechanism, directory) => {
  const { port, implicitTls, user, secret, from, to, subject, body } = letter;
  const patch = `${directory}/0001.patch`;
  const head = `From: ${from}\nDate: Thu, 1 Jan 2026 00:00:00 +0000\nSubject: ${subject}\n`;
  await Deno.writeTextFile(patch, `From 0 Mon Sep 17 00:00:00 2001\n${head}\n${body}`);
  const args = [
    ...["send-email", `--from=${from}`, `--to=${to}`, "--confirm=never", "--suppress-cc=all"],
    ...["--smtp-server=127.0.0.1", `--smtp-server-port=${port}`, "--smtp-domain=client.test"],
    ...[`--smtp-encryption=${implicitTls ? "ssl" : "tls"}`, "--smtp-ssl-cert-path", ""],
    ...[`--smtp-user=${user}`, `--smtp-pass=${secret}`, `--smtp-auth=${mechanism}`],
    patch,
  ];
  return { args, env: { EMAIL: from, GIT_CONFIG_NOSYSTEM: "1" } };
};

const hasGitSendEmail = tool("git-send-email") !== undefined &&
  hasPerl("Authen::SASL", "IO::Socket::SSL", "Mail::Address");

/** The programs, each with every mechanism that the server has and it can be told to use. */
export const USER_AGENTS: readonly UserAgent[] = [
  ...["PLAIN", "LOGIN", "OAUTHBEARER"].map((one) => program("s-nail", tool("s-nail"), sNail, one)),
  ...["PLAIN", "LOGIN", "SCRAM-SHA-256", "OAUTHBEARER", "XOAUTH2"].map((one) =>
    program("mutt", tool("mutt"), mutt, one)
  ),
  ...["PLAIN", "LOGIN"].map((one) =>
    program("git send-email", hasGitSendEmail ? tool("git") : undefined, gitSendEmail, one)
  ),
];

function program(
  name: string,
  path: string | undefined,
  prepare: Prepare,
  mechanism: string,
): UserAgent {
  const send = (letter: Letter) =>
    withTempDir(async (HOME) => {
      const { env, ...command } = await prepare(letter, mechanism, HOME);
      await runCommand({ ...command, path: path!, env: { ...env, HOME } });
    });
  return { name, mechanism, installed: path !== undefined, send };
}

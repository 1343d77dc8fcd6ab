/**
 * Programs and libraries with which people send mail, each as one function. One
 * that cannot hand its message over throws with what the program said.
 */
import { Buffer } from "node:buffer";
import { createTransport } from "nodemailer";
import { runCommand } from "./command.ts";
import { tool } from "./tools.ts";
import { withTempDir } from "./temp_dir.ts";

/** A message to hand to the server on a port of 127.0.0.1. */
export interface Mail {
  readonly port: number;
  /** Whether to use STARTTLS, taking any certificate; else plaintext. */
  readonly tls: boolean;
  /** A certificate to show in TLS, by its files; swaks only. */
  readonly certificate?: { readonly cert: string; readonly key: string };
  /** What to say in a PROXY header before anything else; swaks only. */
  readonly proxy?: { readonly version: 1 | 2; readonly source: string };
  /** Whom to speak for by XCLIENT; swaks only. */
  readonly xclient?: { readonly address: string; readonly port: number };
  /** The address to come from; swaks only. */
  readonly local?: string;
  readonly from: string;
  readonly to: readonly string[];
  /** Lines that end in CRLF, the last one too; UTF-8. */
  readonly content: string;
}

/** A way to send mail. */
export interface MailClient {
  readonly name: string;
  /** Whether what it needs is installed. */
  readonly installed: boolean;
  send(mail: Mail): Promise<void>;
}

/** The clients. */
export const MAIL_CLIENTS: readonly MailClient[] = [
  program(
    "swaks",
    "swaks",
    ({ port, tls, from, to, content, certificate, proxy, local, xclient }) => [
      ...["--server", "127.0.0.1", "--port", String(port), "--helo", "client.test"],
      ...["--from", from, "--to", to.join(","), "--data", withoutLastLineEnd(content)],
      ...(tls ? ["--tls"] : []),
      ...(proxy ? proxyFlags(proxy) : []),
      ...(xclient
        ? ["--xclient-addr", xclient.address, "--xclient-port", String(xclient.port)]
        : []),
      ...(local ? ["--local-interface", local] : []),
      ...(certificate ? ["--tls-cert", certificate.cert, "--tls-key", certificate.key] : []),
    ],
  ),
  program("curl", "curl", ({ port, tls, from, to }, file) => [
    ...["--silent", "--show-error", `smtp://127.0.0.1:${port}/client.test`, "--mail-from", from],
    ...to.flatMap((recipient) => ["--mail-rcpt", recipient]),
    ...["--upload-file", file],
    ...(tls ? ["--ssl-reqd", "--insecure"] : []),
  ]),
  program("Python's smtplib", "python3", ({ port, tls, from, to }, file) => [
    ...["-c", SMTPLIB, String(port), tls ? "tls" : "plain", from, to.join(","), file],
  ]),
  program("msmtp", "msmtp", ({ port, tls, from, to }) => [
    ...["--host=127.0.0.1", `--port=${port}`, "--domain=client.test", "--auth=off"],
    ...(tls ? ["--tls=on", "--tls-starttls=on", "--tls-certcheck=off"] : ["--tls=off"]),
    ...[`--from=${from}`, "--", ...to],
  ]),
  { name: "nodemailer", installed: true, send: sendWithNodemailer },
];

const SMTPLIB = `
import smtplib, ssl, sys

port, security, sender, recipients, file = sys.argv[1:]
with smtplib.SMTP("127.0.0.1", int(port), "client.test") as client:
    if security == "tls":
        client.starttls(context=ssl._create_unverified_context())
    with open(file, "rb") as content:
        client.sendmail(sender, recipients.split(","), content.read())
`;

/** How swaks is told what to say in a PROXY header. */
function proxyFlags({ version, source }: NonNullable<Mail["proxy"]>): string[] {
  const [tcp, family] = version === 1 ? [[], "TCP4"] : [["--proxy-protocol", "STREAM"], "AF_INET"];
  return [
    ...["--proxy-version", String(version), "--proxy-family", family, ...tcp],
    ...["--proxy-source", source, "--proxy-source-port", "4711"],
    ...["--proxy-dest", "192.0.2.1", "--proxy-dest-port", "25"],
  ];
}

/** For swaks, which adds a line end whether or not there is one. */
function withoutLastLineEnd(content: string): string {
  return content.replace(/\r\n$/, "");
}

/** A client that is a program, which gets the content as its input; `args` is told of a file with it too. */
function program(
  name: string,
  command: string,
  args: (mail: Mail, file: string) => string[],
): MailClient {
  const path = tool(command);
  return {
    name,
    installed: path !== undefined,
    send: (mail) =>
      withTempDir(async (directory) => {
        const file = `${directory}/message.eml`;
        await Deno.writeTextFile(file, mail.content);
        await runCommand({ path: path!, args: args(mail, file), input: mail.content });
      }),
  };
}

async function sendWithNodemailer({ port, tls, from, to, content }: Mail): Promise<void> {
  const security = tls ? { requireTLS: true } : { ignoreTLS: true };
  const transport = createTransport({
    ...security,
    host: "127.0.0.1",
    port,
    name: "client.test",
    tls: { rejectUnauthorized: false },
  });
  await transport.sendMail({ envelope: { from, to: [...to] }, raw: Buffer.from(content) });
  transport.close();
}

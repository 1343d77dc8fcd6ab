/** Programs and libraries that log in before they send, each as one function. One that does not get in throws with what it was told. */
import { Buffer } from "node:buffer";
import { createTransport } from "nodemailer";
import { runCommand } from "../helpers/command.ts";
import { withTempDir } from "../helpers/temp_dir.ts";
import { tool } from "../helpers/tools.ts";

/** A message to submit to a port of 127.0.0.1. */
export interface Submission {
  readonly port: number;
  /** TLS from the first octet instead of STARTTLS; the certificate is not looked at. */
  readonly implicitTls: boolean;
  readonly user: string;
  /** A password, or a token. */
  readonly secret: string;
  readonly from: string;
  readonly to: string;
  /** Lines that end in CRLF, the last one too. */
  readonly content: string;
}

/** A client with a mechanism it knows. */
export interface SubmissionClient {
  readonly name: string;
  readonly mechanism: string;
  readonly installed: boolean;
  submit(submission: Submission): Promise<void>;
}

type Arguments = (submission: Submission, file: string, mechanism: string) => string[];

const SMTPLIB = `
import smtplib, ssl, sys

port, implicit, mechanism, user, secret, sender, recipient, file = sys.argv[1:]
context = ssl._create_unverified_context()
if implicit == "true":
    client = smtplib.SMTP_SSL("127.0.0.1", int(port), "client.test", context=context)
else:
    client = smtplib.SMTP("127.0.0.1", int(port), "client.test")
    client.starttls(context=context)
with client:
    client.ehlo()
    client.user, client.password = user, secret
    code, answer = client.auth(mechanism, getattr(client, "auth_" + mechanism.lower()))
    if code != 235:
        sys.exit(f"{code} {answer}")
    with open(file, "rb") as content:
        client.sendmail(sender, [recipient], content.read())
`;

const swaks: Arguments = (
  { port, implicitTls, user, secret, from, to, content },
  _file,
  mechanism,
) => [
  ...["--server", "127.0.0.1", "--port", String(port), "--helo", "client.test"],
  ...["--auth", mechanism, "--auth-user", user, "--auth-password", secret],
  ...["--from", from, "--to", to, "--data", content.replace(/\r\n$/, "")],
  implicitTls ? "--tls-on-connect" : "--tls",
];

const curl: Arguments = ({ port, implicitTls, user, secret, from, to }, file, mechanism) => [
  ...["--silent", "--show-error", "--insecure", "--ssl-reqd"],
  `${implicitTls ? "smtps" : "smtp"}://127.0.0.1:${port}/client.test`,
  ...(isBearer(mechanism)
    ? ["--user", user, "--oauth2-bearer", secret]
    : ["--user", `${user}:${secret}`]),
  ...["--login-options", `AUTH=${mechanism}`],
  ...["--mail-from", from, "--mail-rcpt", to, "--upload-file", file],
];

const msmtp: Arguments = ({ port, implicitTls, user, secret, from, to }, _file, mechanism) => [
  ...["--host=127.0.0.1", `--port=${port}`, "--tls=on", "--tls-certcheck=off"],
  `--tls-starttls=${implicitTls ? "off" : "on"}`,
  ...[`--auth=${mechanism.toLowerCase()}`, `--user=${user}`, `--passwordeval=echo '${secret}'`],
  ...[`--from=${from}`, to],
];

const smtplib: Arguments = (submission, file, mechanism) => {
  const { port, implicitTls, user, secret, from, to } = submission;
  return [
    "-c",
    SMTPLIB,
    String(port),
    String(implicitTls),
    mechanism,
    user,
    secret,
    from,
    to,
    file,
  ];
};

/** The clients, each with every mechanism it can be told to use. */
export const SUBMISSION_CLIENTS: readonly SubmissionClient[] = [
  ...["PLAIN", "LOGIN"].map((one) => program("swaks", "swaks", swaks, one)),
  ...["PLAIN", "LOGIN", "XOAUTH2", "OAUTHBEARER"].map((one) => program("curl", "curl", curl, one)),
  ...["PLAIN", "LOGIN"].map((one) => program("Python's smtplib", "python3", smtplib, one)),
  ...["PLAIN", "LOGIN", "SCRAM-SHA-256", "OAUTHBEARER", "XOAUTH2"].map((one) =>
    program("msmtp", "msmtp", msmtp, one)
  ),
  ...["PLAIN", "LOGIN", "XOAUTH2"].map((mechanism) => ({
    name: "nodemailer",
    mechanism,
    installed: true,
    submit: (submission: Submission) => submitWithNodemailer(submission, mechanism),
  })),
];

/** Whether the secret of a mechanism is a token. */
export function isBearer(mechanism: string): boolean {
  return mechanism === "XOAUTH2" || mechanism === "OAUTHBEARER";
}

/** A client that is a program, which gets the message as a file and as its input. */
function program(
  name: string,
  command: string,
  args: Arguments,
  mechanism: string,
): SubmissionClient {
  const path = tool(command);
  const submit = (submission: Submission) =>
    withTempDir(async (directory) => {
      const file = `${directory}/message.eml`;
      await Deno.writeTextFile(file, submission.content);
      const input = submission.content;
      await runCommand({ path: path!, args: args(submission, file, mechanism), input });
    });
  return { name, mechanism, installed: path !== undefined, submit };
}

async function submitWithNodemailer(submission: Submission, mechanism: string): Promise<void> {
  const { port, implicitTls, user, secret, from, to, content } = submission;
  const transport = createTransport({
    host: "127.0.0.1",
    port,
    secure: implicitTls,
    requireTLS: !implicitTls,
    name: "client.test",
    tls: { rejectUnauthorized: false },
    ...(isBearer(mechanism)
      ? { auth: { type: "OAuth2" as const, user, accessToken: secret } }
      : { auth: { user, pass: secret }, authMethod: mechanism }),
  });
  try {
    await transport.sendMail({ envelope: { from, to }, raw: Buffer.from(content) });
  } finally {
    transport.close();
  }
}

/** What some clients do that others do not: swaks's pipelining and mechanisms, curl's questions, and who says how large a message is. */
import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { runCommand } from "../helpers/command.ts";
import { type Mail, MAIL_CLIENTS } from "../helpers/mail_clients.ts";
import { withTempDir } from "../helpers/temp_dir.ts";
import { hasPerl, tool } from "../helpers/tools.ts";
import { ANNA, PASSWORD } from "../server/login_site.ts";
import { received } from "../server/receiving.ts";
import { withSite } from "./submission_site.ts";
import { TestServer } from "./test_server.ts";

const SWAKS = tool("swaks");
const CURL = tool("curl");

/** Has swaks send a message after a login, with one of the mechanisms given or whichever it takes. */
function swaksWith(port: number, ...mechanisms: string[]): Promise<string> {
  const args = [
    ...["--server", "127.0.0.1", "--port", String(port), "--helo", "client.test", "--tls"],
    ...["--from", ANNA, "--to", "b@there.test", "--auth-user", ANNA, "--auth-password", PASSWORD],
    ...["--auth", ...mechanisms],
  ];
  return runCommand({ path: SWAKS!, args });
}

Deno.test({
  name: "swaks, left to itself, takes a mechanism that is offered",
  ignore: SWAKS === undefined,
  fn: () =>
    withSite("PLAIN", async ({ addr, queue }) => {
      await swaksWith(addr.port);
      assertEquals((await received(queue)).message.envelope.client.user, ANNA);
    }),
});

/** The mechanisms that swaks has beside PLAIN and LOGIN, and what of Perl each needs. */
const FOREIGN: Readonly<Record<string, string>> = {
  "CRAM-MD5": "Digest::MD5",
  "CRAM-SHA1": "Digest::SHA",
  "DIGEST-MD5": "Authen::SASL",
};

for (const [mechanism, module] of Object.entries(FOREIGN)) {
  Deno.test({
    name: `swaks, told to log in by ${mechanism}, sees that it is not offered, and sends nothing`,
    ignore: SWAKS === undefined || !hasPerl(module),
    fn: () =>
      withSite("PLAIN", async ({ addr, queue }) => {
        const error = await assertRejects(() => swaksWith(addr.port, mechanism), Error);
        assertMatch(error.message, /Auth not attempted, requested type not available/);
        assertEquals(queue.counts().messages, 0);
      }),
  });
}

/** A server that holds what it takes. */
async function withHolding(
  check: (server: TestServer) => Promise<void>,
  messageSize?: number,
): Promise<void> {
  await withTempDir(async (spool) => {
    const limits = messageSize === undefined ? {} : { messageSize };
    await using server = await TestServer.start({ spool, hold: true, limits });
    await check(server);
  });
}

Deno.test({
  name: "swaks sends its commands in one write, and its message is taken for both recipients",
  ignore: SWAKS === undefined,
  fn: () =>
    withHolding(async (server) => {
      const said = await runCommand({
        path: SWAKS!,
        args: [
          ...["--server", "127.0.0.1", "--port", String(server.port), "--helo", "client.test"],
          ...["--pipeline", "--from", "a@here.test", "--to", "b@there.test,c@there.test"],
        ],
      });
      // The three replies come after the three commands.
      assertMatch(said, /MAIL FROM.*\n.*RCPT TO.*\n.*RCPT TO.*\n.*DATA.*\n<- +250 2\.1\.0 /);
      assertEquals(server.waiting, 1);
    }),
});

/** Has curl say a command, which is no upload; gives the reply. */
function curlAsks(server: TestServer, ...args: string[]): Promise<string> {
  const url = `smtp://127.0.0.1:${server.port}/client.test`;
  return runCommand({ path: CURL!, args: ["--silent", "--show-error", url, ...args] });
}

Deno.test({
  name: "curl gets its answers to VRFY and HELP, and is refused EXPN",
  ignore: CURL === undefined,
  fn: () =>
    withHolding(async (server) => {
      const verified = await curlAsks(server, "--mail-rcpt", "anna@here.test");
      assertMatch(verified, /^252 2\.1\.5 /);
      assertMatch(await curlAsks(server, "--request", "HELP"), /^214-2\.0\.0 Commands:\r\n/);
      const expand = () => curlAsks(server, "--mail-rcpt", "list", "--request", "EXPN");
      const { message } = await assertRejects(expand, Error);
      assertMatch(message, /Command failed: 502/);
    }),
});

const LARGE: Omit<Mail, "port"> = {
  tls: false,
  from: "a@here.test",
  to: ["b@there.test"],
  content: "Subject: x\r\n\r\n" + `${"x".repeat(76)}\r\n`.repeat(1000),
};

/** Clients that say with MAIL how large the message is, and how each tells of a refusal there. */
const SAYING: Readonly<Record<string, RegExp>> = {
  "curl": /MAIL failed: 552/,
  "Python's smtplib": /SMTPSenderRefused: \(552, b'5\.3\.4 /,
};

for (const [name, refusal] of Object.entries(SAYING)) {
  const client = MAIL_CLIENTS.find((one) => one.name === name)!;
  Deno.test({
    name: `${name} says how large its message is, and hears at MAIL that it is too large`,
    ignore: !client.installed,
    fn: () =>
      withHolding(async (server) => {
        const send = () => client.send({ ...LARGE, port: server.port });
        const { message } = await assertRejects(send, Error);
        assertMatch(message, refusal);
        assertEquals(server.waiting, 0);
      }, 50_000),
  });
}

for (const name of ["swaks", "msmtp", "nodemailer"]) {
  const client = MAIL_CLIENTS.find((one) => one.name === name)!;
  Deno.test({
    name: `a message of ${name} that is too large is refused, and not taken`,
    ignore: !client.installed,
    fn: () =>
      withHolding(async (server) => {
        const send = () => client.send({ ...LARGE, port: server.port });
        const { message } = await assertRejects(send, Error);
        assert(message.includes("5.3.4"), message);
        assertEquals(server.waiting, 0);
      }, 50_000),
  });
}

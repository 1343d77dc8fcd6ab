/** Wishes for notifications, from clients that nobody here wrote to Postfix, with and without DSN. */
import { assertEquals, assertMatch } from "@std/assert";
import { createTransport } from "nodemailer";
import { hasPostfix, Postfix } from "../helpers/postfix.ts";
import { withTempDir } from "../helpers/temp_dir.ts";
import { tool } from "../helpers/tools.ts";
import { TestServer } from "./test_server.ts";

/** A server that hands all mail to Postfix. */
async function before(
  postfix: Postfix,
  check: (server: TestServer) => Promise<void>,
): Promise<void> {
  await withTempDir(async (spool) => {
    const smarthost = `smtp://${postfix.host.address}:${postfix.host.port}`;
    await using server = await TestServer.start({ spool, smarthost });
    await check(server);
  });
}

/** Sends a message as nodemailer does that is told of `dsn`. */
async function sendWithNodemailer(port: number): Promise<void> {
  const transport = createTransport({ host: "127.0.0.1", port, ignoreTLS: true });
  await transport.sendMail({
    envelope: { from: "ann@here.test", to: ["bob@there.test"] },
    dsn: {
      id: "QQ+31=41",
      return: "headers",
      notify: ["success", "delay"],
      recipient: "Bob+x@elsewhere.test",
    },
    raw: "Subject: Lunch\r\n\r\nAt noon?\r\n",
  });
  transport.close();
}

const SMTPLIB = `
import smtplib, sys

with smtplib.SMTP("127.0.0.1", int(sys.argv[1]), "client.test") as client:
    client.ehlo()
    assert client.has_extn("dsn")
    client.sendmail("ann@here.test", ["bob@there.test"], "Subject: Lunch\\n\\nAt noon?\\n",
                    mail_options=["RET=FULL", "ENVID=QQ314159"],
                    rcpt_options=["NOTIFY=SUCCESS,FAILURE", "ORCPT=rfc822;Bob@elsewhere.test"])
`;

async function sendWithSmtplib(port: number): Promise<void> {
  const args = ["-c", SMTPLIB, String(port)];
  const { success, stderr } = await new Deno.Command(tool("python3")!, { args }).output();
  assertEquals(new TextDecoder().decode(stderr), "");
  assertEquals(success, true);
}

Deno.test({
  name: "what nodemailer asks to be told of arrives at Postfix as it was asked",
  ignore: !hasPostfix,
  fn: () =>
    Postfix.use([], (postfix) =>
      before(postfix, async (server) => {
        await sendWithNodemailer(server.port);
        assertEquals((await server.outcome()).kind, "delivered");
        const [message, ...others] = await postfix.messages();
        assertEquals(others, []);
        assertMatch(message!, /^named_attribute: envelope_id=QQ\+31=41$/m);
        assertMatch(message!, /^named_attribute: ret_flags=2$/m); // headers
        assertMatch(message!, /^named_attribute: notify_flags=10$/m); // success and delay
        assertMatch(message!, /^named_attribute: dsn_orig_rcpt=rfc822;Bob\+x@elsewhere\.test$/m);
        assertEquals(server.waiting, 0);
      })),
});

Deno.test({
  name: "of a Postfix without DSN the sender is told that it took the message",
  ignore: !hasPostfix || tool("python3") === undefined,
  fn: () =>
    Postfix.use(["dsn"], (postfix) =>
      before(postfix, async (server) => {
        await sendWithSmtplib(server.port);
        assertEquals((await server.outcome()).recipients, ["bob@there.test"]);
        assertEquals((await server.outcome()).recipients, ["ann@here.test"]);
        const messages = await postfix.messages();
        assertEquals(messages.length, 2);
        const notice = messages.find((one) => /^recipient: ann@here\.test$/m.test(one))!;
        assertMatch(notice, /^sender: $/m);
        assertMatch(notice, /^Original-Envelope-Id: QQ314159$/m);
        assertMatch(notice, /^Original-Recipient: rfc822; Bob@elsewhere\.test$/m);
        assertMatch(notice, /^Action: relayed$/m);
        assertEquals(server.waiting, 0);
      })),
});

/** Mail that is to be delivered in some time (RFC 2852), from Python's smtplib to Postfix, which knows of no such times. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { hasPostfix, Postfix } from "../helpers/postfix.ts";
import { withTempDir } from "../helpers/temp_dir.ts";
import { tool } from "../helpers/tools.ts";
import { TestServer } from "./test_server.ts";

const ignore = !hasPostfix || tool("python3") === undefined;

const SMTPLIB = `
import smtplib, sys

with smtplib.SMTP("127.0.0.1", int(sys.argv[1]), "client.test") as client:
    client.ehlo()
    assert client.has_extn("deliverby")
    client.sendmail("ann@here.test", ["bob@there.test"], "Subject: Lunch\\n\\nAt noon?\\n",
                    mail_options=["BY=" + sys.argv[2]])
`;

/** Sends a message with a BY through a server to Postfix. */
async function sent(
  by: string,
  check: (server: TestServer, postfix: Postfix) => Promise<void>,
): Promise<void> {
  await Postfix.use([], (postfix) =>
    withTempDir(async (spool) => {
      const smarthost = `smtp://${postfix.host.address}:${postfix.host.port}`;
      await using server = await TestServer.start({ spool, smarthost });
      const args = ["-c", SMTPLIB, String(server.port), by];
      const { stderr } = await new Deno.Command(tool("python3")!, { args }).output();
      assertEquals(new TextDecoder().decode(stderr), "");
      await check(server, postfix);
      assertEquals(server.waiting, 0);
    }));
}

Deno.test({
  name: "mail that is to be in time or back comes back from a Postfix, which cannot promise that",
  ignore,
  fn: () =>
    sent("3600;R", async (server, postfix) => {
      const outcome = await server.outcome();
      assert(outcome.kind === "bounced", outcome.kind);
      assertEquals(outcome.error.enhanced, "5.4.7");
      assertEquals((await server.outcome()).recipients, ["ann@here.test"]);
      const [bounce, ...others] = await postfix.messages();
      assertEquals(others, []);
      assertMatch(bounce!, /^Deliver-By-Date: /m);
      assertMatch(bounce!, /^Status: 5\.4\.7$/m);
    }),
});

Deno.test({
  name:
    "a sender who is to hear of delays is told that a Postfix, which tells of none, has the mail",
  ignore,
  fn: () =>
    sent("3600;N", async (server, postfix) => {
      assertEquals((await server.outcome()).recipients, ["bob@there.test"]);
      assertEquals((await server.outcome()).recipients, ["ann@here.test"]);
      const messages = await postfix.messages();
      assertEquals(messages.length, 2);
      const notice = messages.find((one) => /^recipient: ann@here\.test$/m.test(one));
      assertMatch(notice!, /^Action: relayed$/m);
    }),
});

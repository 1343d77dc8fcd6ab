/** ETRN, VRFY and HELP as curl asks for them. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { DnsServer } from "../helpers/dns_server.ts";
import { MailHost } from "../helpers/mail_host.ts";
import { withTempDir } from "../helpers/temp_dir.ts";
import { tool } from "../helpers/tools.ts";
import { TestServer } from "./test_server.ts";

const CURL = tool("curl");

/** What curl hears to one command, which it says behind EHLO. */
async function ask(port: number, command: string): Promise<string> {
  const { stdout, stderr } = await new Deno.Command(CURL!, {
    args: ["-sS", "-v", `smtp://127.0.0.1:${port}/client.test`, "--request", command],
    stdin: "null",
  }).output();
  const text = new TextDecoder();
  return text.decode(stdout) + text.decode(stderr);
}

const AWAY = (moment: string) => moment === "CONNECT" ? "421 4.3.2 away" : undefined;

Deno.test({
  name: "what waits for a host that was away goes when curl says by ETRN that it is back",
  ignore: CURL === undefined,
  fn: () =>
    withTempDir(async (spool) => {
      await using dns = await DnsServer.start();
      await using host = new MailHost(AWAY);
      dns.mx("there.test", [10, "mx.there.test"]);
      dns.host("mx.there.test", "127.0.0.1");
      await using server = await TestServer.start({
        spool,
        dns: `127.0.0.1:${dns.nameServer.port}`,
        deliveryPort: host.host.port,
      });
      assertMatch(await ask(server.port, "ETRN there.test"), /251 2\.0\.0 No messages waiting/);
      await server.send({
        from: "a@here.test",
        to: "b@there.test",
        content: "Subject: x\r\n\r\nx\r\n",
      });
      assertEquals((await server.outcome()).kind, "deferred");
      host.answer = () => undefined;
      assertMatch(
        await ask(server.port, "ETRN there.test"),
        /253 2\.0\.0 1 pending message started/,
      );
      assertEquals((await server.outcome()).kind, "delivered");
      assertEquals(host.messages.length, 1);
    }),
});

Deno.test({
  name: "curl is told what VRFY, EXPN and HELP tell",
  ignore: CURL === undefined,
  fn: () =>
    withTempDir(async (spool) => {
      await using server = await TestServer.start({
        spool,
        hold: true,
        vrfy: "trusted",
        localDomains: ["here.test"],
        localRecipients: ["a@here.test"],
      });
      assertMatch(await ask(server.port, "VRFY a@here.test"), /250 2\.1\.5 <a@here\.test>/);
      assertMatch(await ask(server.port, "VRFY b@here.test"), /550 5\.1\.1 No such user/);
      assertMatch(await ask(server.port, "EXPN staff"), /502 5\.5\.1 /);
      const help = await ask(server.port, "HELP");
      assert(help.includes("214-2.0.0 EHLO domain"), help);
      assertMatch(await ask(server.port, "ETRN there.test"), /458 4\.3\.2 /);
    }),
});

/** The metrics of a running server, asked for as Prometheus does. */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { startServer } from "../../server/server.ts";
import { configOf } from "../../server/options.ts";
import { MailHost } from "../helpers/mail_host.ts";
import { withTempDir } from "../helpers/temp_dir.ts";

Deno.test({
  name: "a running server gives its metrics on its socket, and counts what it relays",
  ignore: Deno.build.os === "windows",
  fn: () =>
    withTempDir(async (spool) => {
      await using next = new MailHost();
      const smarthost = `smtp://127.0.0.1:${next.host.port}`;
      const listen = "127.0.0.1:0";
      const server = await startServer(configOf({ listen, spool, smarthost, allowPrivate: true }));
      const delivered = new Promise((resolve) => server.on("delivered", resolve));
      await server.send({ from: "a@example.org", to: "b@example.net", content: "x" });
      await delivered;
      using client = Deno.createHttpClient({
        proxy: { transport: "unix", path: `${spool}/control.sock` },
      });
      const answer = await fetch("http://localhost/metrics", { client });
      assertEquals(answer.headers.get("content-type"), "text/plain; version=0.0.4; charset=utf-8");
      const text = await answer.text();
      assertStringIncludes(text, '\nsmtp_messages_accepted_total{origin="send"} 1\n');
      assertStringIncludes(text, "\nsmtp_recipients_delivered_total 1\n");
      await server.stop();
    }),
});

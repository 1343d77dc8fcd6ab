/** The metrics of a running server, asked for as Prometheus does. */
import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
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
      assertStringIncludes(text, "\nsmtp_commit_duration_seconds_count 1\n");
      assertStringIncludes(text, "\nsmtp_journal_segments 1\n");
      assertMatch(text, /\nsmtp_journal_bytes [1-9]\d*\n/);
      assertMatch(text, /\nsmtp_spool_free_bytes [1-9]\d*\n/);
      assertStringIncludes(text, '\nsmtp_api_connections_open{end="socket"} 1\n');
      assertStringIncludes(text, '\nsmtp_not_ready{reason="spool_unwritable"} 0\n');
      await server.stop();
    }),
});

/** What a running server keeps of its mail. */
import { assertEquals } from "@std/assert";
import { systemClock } from "../../base/clock.ts";
import { History } from "../../history/history.ts";
import { MailHost } from "../helpers/mail_host.ts";
import { withTempDir } from "../helpers/temp_dir.ts";
import { TestServer } from "../e2e/test_server.ts";

/** Looks into the history of a spool that no server has open. */
async function historyOf(spool: string): Promise<History> {
  const options = { keep: 86_400_000, size: 2 ** 30, clock: systemClock };
  return await History.open({ directory: `${spool}/history`, ...options });
}

Deno.test("a message that is delivered and gone is found with its story after the server stopped", async () => {
  await withTempDir(async (spool) => {
    await using next = new MailHost();
    const smarthost = `smtp://127.0.0.1:${next.host.port}`;
    const to = "bob@example.net";
    let id = "";
    {
      await using server = await TestServer.start({ spool, smarthost });
      ({ id } = await server.send({ from: "alice@example.org", to, content: "Subject: x\n\nx\n" }));
      assertEquals((await server.outcome()).kind, "delivered");
    }
    const history = await historyOf(spool);
    const { messages: [found] } = await history.find({ to: "*@example.net", limit: 2 });
    assertEquals(found!.accepted.id, id);
    assertEquals(found!.recipients.map(({ outcome }) => outcome), ["delivered"]);
    const kinds = (await history.story(id)).map(({ kind }) => kind);
    assertEquals(kinds, ["accepted", "attempt", "finished"]);
    await history.close();
  });
});

Deno.test("a server without a history leaves none", async () => {
  await withTempDir(async (spool) => {
    {
      await using server = await TestServer.start({ spool, history: false, hold: true });
      await server.send({ from: "alice@example.org", to: "bob@example.net", content: "x" });
    }
    const history = await historyOf(spool);
    assertEquals(await history.find({ limit: 2 }), { messages: [] });
    await history.close();
  });
});

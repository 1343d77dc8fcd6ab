/** Greylisted mail as an operator meets it on the command line: why it waits, how it is sent now, and what became of it. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { run } from "../helpers/program.ts";
import { bring, eventually, greylist, ignore, LATE, type Site, withSite } from "./operate_site.ts";

/** What a command of `queue` says, which has to end well. */
async function said(site: Site, ...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await run(["queue", ...args, "--spool", site.spool]);
  assertEquals(code, 0, stderr.join("\n"));
  return stdout;
}

/** How often something stands in a text. */
function count(text: string, what: string): number {
  return text.split(what).length - 1;
}

Deno.test({
  name:
    "explain says who greylists a message and when it goes again; a retry delivers it, and both attempts are told",
  ignore,
  fn: () =>
    withSite(async (site) => {
      await site.configure(LATE);
      site.there.answer = greylist(1);
      await site.serve(async ({ port }) => {
        const id = await bring(port, "bob@there.test");
        await eventually(async () => (await site.queue())[0]?.state === "deferred");
        const waiting = await said(site, "explain", id);
        assertMatch(
          waiting,
          /^Waiting: mx\.there\.test\[127\.0\.0\.2\]:\d+ answered 451 4\.7\.1 Greylisted; tried once, next at /,
        );
        assertMatch(waiting, /MX there\.test: 10 mx\.there\.test/);
        assertMatch(waiting, /retry 1, .*retry\.first 1h/);
        await said(site, "retry", id, "--yes");
        await eventually(async () => await site.status(`/v1/queue/${id}`) === "404");
        const delivered = await said(site, "explain", id);
        assertMatch(delivered, /^Delivered/);
        const refused = delivered.indexOf("451 4.7.1 Greylisted");
        assert(refused > 0 && delivered.indexOf("250 2.0.0 taken", refused) > refused, delivered);
      });
      assertEquals(site.there.messages.length, 1);
    }),
});

Deno.test({
  name: "queue history --refused says by which rule a client was put off, and to whom",
  ignore,
  fn: () =>
    withSite(async (site) => {
      await site.configure(
        `trust = []\nlocal_domain = ["there.test"]\n[limits]\nmessage_rate = 1\n`,
      );
      await site.serve(async ({ port, log }) => {
        await bring(port, "bob@there.test");
        await bring(port, "bob@there.test").catch(() => {});
        const { client } = await log.find("session");
        const refused = await said(site, "history", "--refused", "--from", "ann@here.test");
        assertMatch(refused, /450 4\.7\.1/);
        assertMatch(refused, /limits\.message_rate 1/);
        assertEquals(count(refused, String(client)), 1);
      });
    }),
});

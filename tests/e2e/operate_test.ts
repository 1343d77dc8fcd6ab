/** Where is my mail, and why: the program's answers, asked for from outside as an operator does. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { until } from "../helpers/waiting.ts";
import { openAddresses } from "../prove/steps/spool_state.ts";
import { bring, eventually, greylist, ignore, LATE, type Site, withSite } from "./operate_site.ts";

/** A fact as the API tells it, as far as it is looked at here. */
interface Told {
  readonly kind: string;
  readonly session?: string;
  readonly outcome?: string;
  readonly reply?: string;
  readonly next?: string;
  readonly route?: { readonly answers: readonly string[] };
  readonly delivered?: number;
}

/** The story of a message. */
async function story(site: Site, id: string): Promise<readonly Told[]> {
  return (await site.json<{ facts: readonly Told[] }>(`/v1/messages/${id}/story`)).facts;
}

async function isGone(site: Site, id: string): Promise<boolean> {
  return await site.status(`/v1/queue/${id}`) === "404";
}

/** A test with a site of its own, where there is what it takes. */
function operate(name: string, check: (site: Site) => Promise<void>): void {
  Deno.test({ name, ignore, fn: () => withSite(check) });
}

/** Whether the spool holds nothing that a server would try again; its files may go while they are read. */
async function isRecorded({ spool }: Site): Promise<boolean> {
  try {
    return (await openAddresses(spool)).size === 0;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** A deferred message for `there.test`, in a queue that waits. */
async function deferred(site: Site, port: number): Promise<string> {
  const id = await bring(port, "bob@there.test");
  await eventually(async () => (await site.queue()).some((one) => one.state === "deferred"));
  return id;
}

operate(
  "the story of a greylisted message is told from its session to its delivery, and after a crash",
  async (site) => {
    site.there.answer = greylist(1);
    let id = "";
    await site.serve(async ({ port, log }) => {
      id = await bring(port, "bob@there.test");
      const { session, ids } = await log.find("session");
      assertEquals(ids, [id]);
      await eventually(() => isGone(site, id));
      const [accepted, first, second, finished, ...rest] = await story(site, id);
      assertEquals(rest, []);
      assertEquals([accepted!.kind, accepted!.session], ["accepted", session]);
      assertEquals([first!.outcome, first!.reply], ["deferred", "451 4.7.1 Greylisted"]);
      assertMatch(first!.next!, /retry 1, .*retry\.first 100ms/);
      assertMatch(first!.route!.answers.join(), /MX there\.test: 10 mx\.there\.test/);
      assertEquals([second!.outcome, second!.reply], ["delivered", "250 2.0.0 taken"]);
      assertMatch(second!.route!.answers.join(), /MX there\.test: 10 mx\.there\.test/);
      assertEquals([finished!.kind, finished!.delivered], ["finished", 1]);
      // What the history has of it is written a moment later, and what the queue has.
      await site.text("/v1/history?to=bob@there.test");
      await eventually(() => isRecorded(site));
    });
    await site.serve(async () => {
      assertEquals((await story(site, id)).length, 4);
      const by = "/v1/history?from=ann@here.test&to=bob@there.test";
      const { messages } = await site.json<{ messages: unknown[] }>(by);
      assertEquals(messages.length, 1);
    });
  },
);

operate("a message that is held stays over a crash, and goes when it is released", async (site) => {
  await site.configure(LATE);
  site.there.answer = greylist(1);
  let id = "";
  await site.serve(async ({ port }) => {
    id = await deferred(site, port);
    assertEquals(await site.act({ action: "hold", ids: [id] }), 1);
  });
  await site.serve(async () => {
    assertEquals((await site.queue()).map(({ state }) => state), ["held"]);
    assertEquals(await site.act({ action: "retry", ids: [id] }), 1);
    assertEquals(await site.act({ action: "release", ids: [id] }), 1);
    await site.act({ action: "retry", ids: [id] });
    await eventually(() => isGone(site, id));
    assertEquals(site.there.messages.length, 1);
  });
});

operate(
  "a retry sends at once what would wait for an hour, also chosen by its domain",
  async (site) => {
    await site.configure(LATE);
    site.there.answer = greylist(1);
    await site.serve(async ({ port }) => {
      const id = await deferred(site, port);
      const filter = { domain: "there.test" };
      assertEquals(await site.act({ action: "retry", filter: { domain: "other.test" } }), 0);
      assertEquals(await site.act({ action: "retry", filter }), 1);
      await eventually(() => isGone(site, id));
      assertEquals(site.there.messages.length, 1);
    });
  },
);

operate("what is removed is gone after a crash too, and nobody hears of it", async (site) => {
  await site.configure(LATE);
  site.there.answer = greylist(1);
  await site.serve(async ({ port }) => {
    const id = await deferred(site, port);
    assertEquals(await site.act({ action: "remove", ids: [id] }), 1);
  });
  await site.serve(async () => assertEquals(await site.queue(), []));
  assertEquals(site.there.messages, []);
});

operate(
  "a message that is bounced comes back to its sender with the operator's reason",
  async (site) => {
    await site.configure(LATE);
    site.there.answer = greylist(1);
    await site.serve(async ({ port }) => {
      const from = "ann@elsewhere.test";
      const id = await bring(port, "bob@there.test", undefined, from);
      await eventually(async () => (await site.queue()).some((one) => one.state === "deferred"));
      await site.act({ action: "bounce", ids: [id], reason: "No such project any more" });
      await eventually(async () => (await site.queue()).length === 0);
      const [bounce] = site.elsewhere.messages;
      assertEquals([bounce!.from, bounce!.recipients], ["", [from]]);
      assertMatch(bounce!.content, /No such project any more/);
      assertMatch(bounce!.content, /^Action: failed/m);
    });
  },
);

operate("a redirected message goes to the new next hop, also after a crash", async (site) => {
  await site.configure(LATE);
  site.there.answer = () => "451 4.3.2 Not now";
  site.elsewhere.answer = (moment) => moment === "RCPT" ? "451 4.3.2 Not now" : undefined;
  const { address, port: hop } = site.elsewhere.host;
  await site.serve(async ({ port }) => {
    const id = await deferred(site, port);
    await site.act({ action: "redirect", ids: [id], nextHop: `${address}:${hop}` });
    await eventually(async () => (await site.queue())[0]?.attempts === 2);
  });
  site.elsewhere.answer = () => undefined;
  await site.serve(async () => {
    await site.act({ action: "retry", filter: {} });
    await eventually(async () => (await site.queue()).length === 0);
  });
  assertEquals(site.elsewhere.messages.map((one) => one.recipients), [["bob@there.test"]]);
});

operate(
  "mail to a held domain stops and other mail goes, over a crash, until it is released",
  async (site) => {
    const hold = "/v1/domains/there.test/hold";
    await site.serve(async () => {
      assertEquals(await site.json(hold, "--request", "PUT"), { changed: true });
    });
    await site.serve(async ({ port }) => {
      await bring(port, "bob@there.test");
      const id = await bring(port, "cy@elsewhere.test");
      await eventually(() => isGone(site, id));
      assertEquals([site.there.connections, site.elsewhere.messages.length], [0, 1]);
      await site.text(hold, "--request", "DELETE");
      await eventually(async () => (await site.queue()).length === 0);
      assertEquals(site.there.messages.length, 1);
    });
  },
);

operate(
  "there is one line in the log for each session and one for each attempt, and metrics count the messages",
  async (site) => {
    site.there.answer = greylist(2);
    await site.serve(async ({ port, signal, ended, log }) => {
      const ids = [await bring(port, "bob@there.test"), await bring(port, "cy@there.test")];
      for (const id of ids) await eventually(() => isGone(site, id));
      const metrics = await site.text("/metrics");
      assertMatch(metrics, /^smtp_messages_accepted_total\S* 2$/m);
      signal("SIGTERM");
      assertEquals(await ended(), 0);
      await log.end();
      const of = (message: string) => log.records.filter((one) => one.message === message);
      const attempts = of("attempt").map(({ fields }) => fields.id);
      assertEquals(attempts.toSorted(), [...ids, ...ids].toSorted());
      assertEquals(of("session").flatMap(({ fields }) => fields.ids), ids);
    });
  },
);

operate("no content is in the log or the metrics, and no address in the metrics", async (site) => {
  await site.serve(async ({ port, log, signal, ended }) => {
    await bring(port, "bob@there.test", "Subject: s3cret-subject\r\n\r\ns3cret-body");
    await log.find("attempt");
    const metrics = await site.text("/metrics");
    signal("SIGTERM");
    await ended();
    await log.end();
    const said = log.records.map((record) => JSON.stringify(record)).join("\n");
    assert(!said.includes("s3cret"), said);
    assert(!/s3cret|bob|there\.test/.test(metrics), metrics);
  });
});

Deno.test({
  name: "captured mail is waited for, found, and released for real",
  ignore,
  fn: () =>
    withSite((site) =>
      site.serve(async ({ port }) => {
        const waited = site.json<{ messages: { id: string; subject: string }[] }>(
          "/v1/messages?to=bob@there.test&wait=10s",
        );
        await bring(port, "bob@there.test", "Subject: Your code is 1234\r\n\r\nx");
        const [found] = (await waited).messages;
        assertEquals(found!.subject, "Your code is 1234");
        assertEquals(site.there.connections, 0);
        await site.text(`/v1/messages/${found!.id}/release`, "--json", "{}");
        await until(() => site.there.messages.length === 1);
      }, ["--capture"])
    ),
});

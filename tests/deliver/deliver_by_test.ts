/** Mail that is to be delivered in some time (DELIVERBY, RFC 2852), and what becomes of it when it is not. */
import { assertEquals, assertMatch } from "@std/assert";
import type { DeliverBy } from "../../message/deliver_by.ts";
import type { RecipientRequest } from "../../message/dsn_request.ts";
import { type Answer, MailHost, type TakenMessage } from "../helpers/mail_host.ts";
import { until } from "../helpers/waiting.ts";
import { deadHost, MINUTE, Rig } from "./delivery_rig.ts";

/** A host that says so to EHLO, and otherwise what `more` says. */
function offering(keywords: string, more: Answer = () => undefined): Answer {
  return (moment, line) =>
    moment === "EHLO" ? `250-mail.test\r\n250-DSN\r\n250 ${keywords}` : more(moment, line);
}

const busy: Answer = (moment) => moment === "RCPT" ? "450 4.2.0 not now" : undefined;

/** The home of the sender, the host of the recipient, and delivery between them. */
async function between(
  there: Answer,
  check: (rig: Rig, home: MailHost, host: MailHost) => Promise<void>,
): Promise<void> {
  await using home = new MailHost();
  await using host = new MailHost(there);
  await using rig = new Rig({ "me.test": [home.host], "one.test": [host.host] });
  rig.delivery.start();
  await check(rig, home, host);
  assertEquals(rig.queue.counts().active, 0);
}

function send(rig: Rig, deliverBy: DeliverBy, request?: RecipientRequest): Promise<string> {
  const dsn = request && { recipients: [request] };
  return rig.send("a@one.test", undefined, { deliverBy, ...(dsn && { dsn }) });
}

function field({ content }: TakenMessage, name: string): string | undefined {
  return new RegExp(`^${name}: (.*)`, "m").exec(content)?.[1]?.trimEnd();
}

function mailsOf(host: MailHost): string[] {
  return host.commands.filter((line) => line.startsWith("MAIL"));
}

Deno.test("a host that keeps times is told what is left of it, at each attempt", () => {
  let refusals = 1;
  const once: Answer = (moment) =>
    moment === "RCPT" && refusals-- > 0 ? "450 4.2.0 not now" : undefined;
  return between(offering("DELIVERBY 240", once), async (rig, home, host) => {
    await send(rig, { seconds: 600, mode: "return" });
    await rig.idle();
    await rig.pass(5 * MINUTE);
    assertEquals(mailsOf(host), [
      "MAIL FROM:<sender@me.test> BY=600;R",
      "MAIL FROM:<sender@me.test> BY=300;R",
    ]);
    assertEquals([host.messages.length, home.messages.length], [1, 0]);
    assertEquals(rig.queue.counts().messages, 0);
  });
});

Deno.test("what the transaction that brought it took is gone from the time (RFC 2852 §4)", () =>
  between(offering("DELIVERBY", busy), async (rig, home, host) => {
    const since = rig.clock.now() - 100_000;
    const id = await send(rig, { seconds: 600, mode: "return", since });
    await rig.idle();
    assertEquals(mailsOf(host), ["MAIL FROM:<sender@me.test> BY=500;R"]);
    assertEquals((await rig.message(id)).recipients[0]!.status, "waiting");
    await rig.pass(500_000);
    await until(() => home.messages.length === 1);
    await rig.idle();
    const deliverBy = field(home.messages[0]!, "Deliver-By-Date");
    assertEquals(Date.parse(deliverBy!), since + 600_000);
  }));

for (
  const [what, keyword, why] of [
    ["does not keep times", "HELP", /does not offer DELIVERBY/],
    ["wants more time", "DELIVERBY 601", /less time is left/],
  ] as const
) {
  Deno.test(`mail that is to be in time or back comes back from a host that ${what}`, () =>
    between(offering(keyword), async (rig, home, host) => {
      await send(rig, { seconds: 600, mode: "return" });
      await until(() => home.messages.length === 1);
      await rig.idle();
      assertEquals(host.messages, []);
      assertEquals([rig.bounced.length, rig.deferred.length], [1, 0]);
      assertMatch(rig.bounced[0]!.error.text, why);
      const [notice] = home.messages;
      assertEquals([field(notice!, "Action"), field(notice!, "Status")], ["failed", "5.4.7"]);
    }));
}

Deno.test("mail that is to be in time or back comes back when the time is over", () =>
  between(offering("DELIVERBY", busy), async (rig, home) => {
    await send(rig, { seconds: 450, mode: "return" });
    await rig.pass(7 * MINUTE);
    assertEquals([home.messages.length, rig.bounced.length], [0, 0]);
    await rig.pass(MINUTE / 2);
    await until(() => home.messages.length === 1);
    await rig.idle();
    const [notice] = home.messages;
    assertEquals([field(notice!, "Action"), field(notice!, "Status")], ["failed", "5.4.7"]);
    assertMatch(notice!.content, /in the time that was set for it/);
    const [arrival, deliverBy] = ["Arrival-Date", "Deliver-By-Date"].map((name) =>
      Date.parse(field(notice!, name)!)
    );
    assertEquals(deliverBy! - arrival!, 450_000);
    assertEquals(rig.queue.counts().messages, 0);
  }));

Deno.test("the time that a sender set is over also where no host answers (RFC 2852 §4.1.3: 5.4.7)", async () => {
  await using home = new MailHost();
  await using rig = new Rig({ "me.test": [home.host], "one.test": [deadHost()] });
  rig.delivery.start();
  await send(rig, { seconds: 450, mode: "return" });
  await rig.pass(8 * MINUTE);
  await until(() => home.messages.length === 1);
  await rig.idle();
  const [notice] = home.messages;
  assertEquals([field(notice!, "Action"), field(notice!, "Status")], ["failed", "5.4.7"]);
  assertMatch(notice!.content, /^Diagnostic-Code: X-Deno-SMTP-Server; .*refused/m);
});

Deno.test("a host that would take it after the time is not given it", () => {
  let isBusy = true;
  const answer: Answer = (moment) => moment === "RCPT" && isBusy ? "450 4.2.0 not now" : undefined;
  return between(offering("DELIVERBY", answer), async (rig, home, host) => {
    await send(rig, { seconds: 420, mode: "return" });
    await rig.pass(6 * MINUTE);
    isBusy = false;
    await rig.pass(MINUTE);
    await until(() => home.messages.length === 1);
    await rig.idle();
    assertEquals(host.messages, []);
    assertEquals(rig.bounced[0]?.error.enhanced, "5.4.7");
  });
});

Deno.test("a sender who asked to be notified hears of the delay when the time is over, and the mail is tried further", () =>
  between(offering("DELIVERBY", busy), async (rig, home, host) => {
    const id = await send(rig, { seconds: 1800, mode: "notify" });
    await rig.pass(29 * MINUTE);
    assertEquals(home.messages, []);
    await rig.pass(MINUTE);
    await until(() => home.messages.length === 1);
    await rig.idle();
    const [notice] = home.messages;
    assertEquals([field(notice!, "Action"), field(notice!, "Status")], ["delayed", "4.4.7"]);
    assertEquals((await rig.message(id)).recipients[0]!.status, "waiting");
    const tries = mailsOf(host).length;
    await rig.pass(300 * MINUTE);
    assertEquals([mailsOf(host).length > tries, home.messages.length], [true, 1]);
    assertMatch(mailsOf(host).at(-1)!, /BY=-\d+;N$/);
  }));

for (const notify of [[], ["FAILURE"]] as const) {
  Deno.test(`NOTIFY=${notify.join() || "NEVER"}: nobody hears that the time is over`, () =>
    between(offering("DELIVERBY", busy), async (rig, home) => {
      await send(rig, { seconds: 60, mode: "notify" }, { notify });
      await rig.pass(300 * MINUTE);
      assertEquals(home.messages, []);
    }));
}

Deno.test("a time that ends after the message is given up takes no notice of its delay away, and is no reason", () =>
  between(offering("DELIVERBY", busy), async (rig, home) => {
    await send(rig, { seconds: 999_999_999, mode: "notify" }, { notify: ["DELAY", "FAILURE"] });
    await send(rig, { seconds: 999_999_999, mode: "return" });
    await rig.pass(240 * MINUTE);
    await until(() => home.messages.length === 1);
    await rig.pass(5 * 24 * 60 * MINUTE);
    await until(() => home.messages.length === 3);
    await rig.idle();
    assertEquals(
      home.messages.map((notice) => [field(notice, "Action"), field(notice, "Status")]),
      [["delayed", "4.2.0"], ["failed", "4.4.7"], ["failed", "4.4.7"]],
    );
  }));

/** RFC 2852 §4.1.4.2: what a host with DSN is asked for that does not keep times. */
const ASKED: readonly (readonly [
  what: string,
  by: DeliverBy,
  request: RecipientRequest | undefined,
  keyword: string,
  rcpt: string,
])[] = [
  ["nothing", { seconds: 60, mode: "notify" }, undefined, "HELP", " NOTIFY=FAILURE,DELAY"],
  [
    "SUCCESS",
    { seconds: 60, mode: "notify" },
    { notify: ["SUCCESS"] },
    "HELP",
    " NOTIFY=SUCCESS,DELAY",
  ],
  ["DELAY", { seconds: 60, mode: "notify" }, { notify: ["DELAY"] }, "HELP", " NOTIFY=DELAY"],
  ["NEVER", { seconds: 60, mode: "notify" }, { notify: [] }, "HELP", " NOTIFY=NEVER"],
  ["nothing, too late", { seconds: 0, mode: "notify" }, undefined, "HELP", ""],
  [
    "nothing, of a host that keeps times",
    { seconds: 60, mode: "notify" },
    undefined,
    "DELIVERBY",
    "",
  ],
];

for (const [what, deliverBy, request, keyword, rcpt] of ASKED) {
  Deno.test(`a sender who set a time and asked for ${what}: RCPT says${rcpt || " nothing"}`, () =>
    between(offering(keyword), async (rig, _home, host) => {
      await send(rig, deliverBy, request);
      await until(() => host.messages.length === 1);
      await rig.idle();
      assertEquals(host.commands.filter((line) => line.startsWith("RCPT")), [
        `RCPT TO:<a@one.test>${rcpt}`,
      ]);
    }));
}

Deno.test("a next hop is not asked to tell the null reverse-path of delays", () =>
  between(offering("HELP"), async (rig, _home, host) => {
    const deliverBy = { seconds: 60, mode: "notify" } as const;
    await rig.send("a@one.test", undefined, { reversePath: "", deliverBy });
    await until(() => host.messages.length === 1);
    await rig.idle();
    assertEquals(host.commands.filter((line) => line.startsWith("RCPT")), ["RCPT TO:<a@one.test>"]);
  }));

Deno.test("a report on mail that was held says how its sender asked for that", () =>
  between(offering("HELP"), async (rig, home) => {
    const held = { holdRequest: "for;60", release: rig.clock.now() + MINUTE };
    const deliverBy = { seconds: 600, mode: "return" } as const;
    await rig.send("a@one.test", undefined, { ...held, deliverBy });
    await rig.pass(MINUTE);
    await until(() => home.messages.length === 1);
    await rig.idle();
    assertEquals(field(home.messages[0]!, "Future-Release-Request"), "for;60");
  }));

/** What a sender hears when a host has taken its mail. */
const RELAYED:
  readonly (readonly [what: string, by: DeliverBy, keyword: string, hears: boolean])[] = [
    ["a host that does not keep times", { seconds: 60, mode: "notify" }, "HELP", true],
    ["a host that does not keep times, too late", { seconds: 0, mode: "notify" }, "HELP", false],
    ["a host that keeps times", { seconds: 60, mode: "notify" }, "DELIVERBY", false],
    [
      "any host, of mail that is traced",
      { seconds: 60, mode: "return", trace: true },
      "DELIVERBY",
      true,
    ],
  ];

for (const [what, deliverBy, keyword, hears] of RELAYED) {
  Deno.test(`a sender ${hears ? "hears" : "does not hear"} of ${what}`, () =>
    between(offering(keyword), async (rig, home, host) => {
      await send(rig, deliverBy, { notify: [] });
      await send(rig, deliverBy);
      await until(() => host.messages.length === 2);
      await until(() => home.messages.length === (hears ? 1 : 0));
      await rig.idle();
      assertEquals(
        home.messages.map((notice) => field(notice, "Action")),
        hears ? ["relayed"] : [],
      );
      assertEquals(rig.queue.counts().messages, 0);
    }));
}

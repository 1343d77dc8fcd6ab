/** What senders are told of their messages, by what they asked for (RFC 3461). */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { DEFAULT_DELIVERY, type RetrySchedule } from "../../config/config.ts";
import type { DsnRequest, RecipientRequest } from "../../message/dsn_request.ts";
import { QueueError } from "../../queue/queue.ts";
import { type Answer, MailHost, type TakenMessage } from "../helpers/mail_host.ts";
import { until } from "../helpers/waiting.ts";
import { deadHost, MINUTE, Rig } from "./delivery_rig.ts";
import { WatchedQueue } from "./watched_queue.ts";

const HOUR = 60 * MINUTE;

/** A host that offers DSN. */
const offersDsn: Answer = (moment) =>
  moment === "EHLO" ? "250-mail.test\r\n250-PIPELINING\r\n250 DSN" : undefined;

/** Takes everything but RCPT, which it answers so. */
function refusing(reply: string): Answer {
  return (moment) => moment === "RCPT" ? reply : undefined;
}

/** A request for one recipient. */
function asking(recipient: RecipientRequest, more: DsnRequest = {}): { dsn: DsnRequest } {
  return { dsn: { ...more, recipients: [recipient] } };
}

/** Hosts of the sender and of the recipient, and delivery between them. */
async function between(
  there: Answer | "nobody",
  check: (rig: Rig, home: MailHost, host: MailHost) => Promise<void>,
  retry: Partial<RetrySchedule> = {},
): Promise<void> {
  await using home = new MailHost();
  await using host = new MailHost(there === "nobody" ? undefined : there);
  const hosts = {
    "me.test": [home.host],
    "one.test": [there === "nobody" ? deadHost() : host.host],
  };
  const settings = { retry: { ...DEFAULT_DELIVERY.retry, ...retry } };
  await using rig = new Rig(hosts, { settings });
  rig.delivery.start();
  await check(rig, home, host);
  assertEquals(rig.queue.counts().active, 0);
}

/** The field of the last part of a report that has it. */
function field({ content }: TakenMessage, name: string): string | undefined {
  return new RegExp(`^${name}: (.*(?:\r\n[ \t].*)*)`, "m").exec(content)?.[1];
}

function commandsOf(host: MailHost): string[] {
  return host.commands.filter((line) => /^(MAIL|RCPT)/.test(line));
}

Deno.test("a host that offers DSN is told what the sender wants, as it was given, and tells the sender itself", () =>
  between(offersDsn, async (rig, home, host) => {
    const request = { notify: ["SUCCESS", "DELAY"], orcpt: "rfc822;A+2Bx@one.test" } as const;
    await rig.send("a@one.test", undefined, asking(request, { ret: "HDRS", envid: "QQ+3D1" }));
    await until(() => host.messages.length === 1);
    await rig.idle();
    assertEquals(commandsOf(host), [
      "MAIL FROM:<sender@me.test> RET=HDRS ENVID=QQ+3D1",
      "RCPT TO:<a@one.test> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;A+2Bx@one.test",
    ]);
    assertEquals(rig.queue.counts().messages, 0);
    assertEquals(home.messages, []);
  }));

Deno.test("each recipient gets the parameters of its own, in whatever order the domains go", () =>
  between(offersDsn, async (rig, _home, host) => {
    const recipients = ["x@me.test", "a@one.test", "b@one.test", "c@one.test"];
    const requests: RecipientRequest[] = [{}, { notify: [] }, {}, { orcpt: "rfc822;c" }];
    await rig.send(recipients, undefined, { dsn: { recipients: requests } });
    await until(() => host.messages.length === 1);
    await rig.idle();
    assertEquals(commandsOf(host), [
      "MAIL FROM:<sender@me.test>",
      "RCPT TO:<a@one.test> NOTIFY=NEVER",
      "RCPT TO:<b@one.test>",
      "RCPT TO:<c@one.test> ORCPT=rfc822;c",
    ]);
  }));

Deno.test("of a host that does not offer DSN the sender hears that it took the message", () =>
  between(() => undefined, async (rig, home, host) => {
    const request = { notify: ["SUCCESS"], orcpt: "rfc822;A+2Bx@one.test" } as const;
    await rig.send("a@one.test", undefined, asking(request, { ret: "FULL", envid: "QQ+3D1" }));
    await until(() => home.messages.length === 1);
    await rig.idle();
    assertEquals(commandsOf(host), ["MAIL FROM:<sender@me.test>", "RCPT TO:<a@one.test>"]);
    const [notice] = home.messages;
    assertEquals([notice!.from, notice!.recipients], ["", ["sender@me.test"]]);
    assertEquals(field(notice!, "Original-Envelope-Id"), "QQ=1");
    assertEquals(field(notice!, "Original-Recipient"), "rfc822; A+x@one.test");
    assertEquals(field(notice!, "Final-Recipient"), "rfc822; a@one.test");
    assertEquals([field(notice!, "Action"), field(notice!, "Status")], ["relayed", "2.0.0"]);
    assertEquals(field(notice!, "Diagnostic-Code"), "smtp; 250 2.0.0 taken");
    assertEquals(field(notice!, "Remote-MTA"), `dns; ${host.host.name}`);
    assertStringIncludes(notice!.content, "Content-Type: text/rfc822-headers");
    assertEquals(rig.queue.counts().messages, 0);
    assertEquals(rig.delivered.map(({ recipients }) => recipients[0]), [
      "a@one.test",
      "sender@me.test",
    ]);
    assertEquals(rig.bounced, []);
  }));

Deno.test("nobody is told of a success that was not asked about, or of a message with the null reverse-path", () =>
  between(() => undefined, async (rig, home, host) => {
    await rig.send("a@one.test", undefined, asking({ notify: ["FAILURE", "DELAY"] }));
    await rig.send("a@one.test", undefined, asking({}));
    await rig.send("a@one.test", "", asking({ notify: ["SUCCESS"] }));
    await until(() => host.messages.length === 3);
    await rig.idle();
    assertEquals(home.messages, []);
    assertEquals(rig.queue.counts().messages, 0);
  }));

for (const notify of [[], ["SUCCESS"], ["DELAY", "SUCCESS"]] as const) {
  Deno.test(`NOTIFY=${notify.join() || "NEVER"}: a sender is not told of a failure`, () =>
    between(refusing("550 5.1.1 no such user"), async (rig, home) => {
      await rig.send("a@one.test", undefined, asking({ notify }));
      await until(() => rig.bounced.length === 1);
      await rig.idle();
      assertEquals(rig.bounced[0]!.bounceId, undefined);
      assertEquals(rig.queue.counts().messages, 0);
      assertEquals(home.messages, []);
    }));
}

Deno.test("a failure names the transaction and the recipient as the sender did, and returns what RET says", () =>
  between(refusing("550 5.1.1 no such user"), async (rig, home) => {
    const request = { notify: ["FAILURE"], orcpt: "utf-8;b\\x{F8}b@one.test" } as const;
    await rig.send("a@one.test", undefined, asking(request, { envid: "one" }));
    await rig.send("a@one.test", undefined, asking({}, { ret: "HDRS", envid: "two" }));
    await until(() => home.messages.length === 2);
    const byId = (id: string) =>
      home.messages.find((one) => field(one, "Original-Envelope-Id") === id)!;
    assertEquals(field(byId("one"), "Original-Recipient"), "utf-8; b\\x{F8}b@one.test");
    assertStringIncludes(byId("one").content, "Content-Type: message/rfc822");
    assertEquals(field(byId("two"), "Original-Recipient"), undefined);
    assertStringIncludes(byId("two").content, "Content-Type: text/rfc822-headers");
    await rig.idle();
  }));

Deno.test("of recipients that fare differently each sender's wish counts, in a notification for each kind of news", () => {
  const there: Answer = (moment, line) => {
    if (moment !== "RCPT") return undefined;
    return line.includes("bad") ? "550 5.1.1 unknown" : undefined;
  };
  return between(there, async (rig, home) => {
    const recipients = ["bad1@one.test", "good1@one.test", "bad2@one.test", "good2@one.test"];
    const requests = [{}, { notify: ["SUCCESS"] }, { notify: [] }, {
      notify: ["FAILURE"],
    }] as const;
    await rig.send(recipients, undefined, { dsn: { recipients: requests } });
    await until(() => home.messages.length === 2);
    await rig.idle();
    const told = home.messages.map((one) => [field(one, "Action"), field(one, "Final-Recipient")]);
    assertEquals(told.sort(), [
      ["failed", "rfc822; bad1@one.test"],
      ["relayed", "rfc822; good1@one.test"],
    ]);
    assertEquals(rig.queue.counts().messages, 0);
  });
});

for (const there of [refusing("450 4.2.1 busy"), "nobody"] as const) {
  const why = there === "nobody" ? "whose host does not answer" : "that is busy";
  Deno.test(`a sender who asked is told after four hours, once, of a recipient ${why}`, () =>
    between(there, async (rig, home) => {
      const id = await rig.send("a@one.test", undefined, asking({ notify: ["DELAY"] }));
      await rig.pass(4 * HOUR - 1);
      assertEquals(home.messages, []);
      await rig.pass(1);
      await until(() => home.messages.length === 1);
      const [notice] = home.messages;
      assertEquals(field(notice!, "Action"), "delayed");
      assertMatch(field(notice!, "Status")!, /^4\.\d+\.\d+$/);
      const until_ = Date.parse(field(notice!, "Will-Retry-Until")!);
      assertEquals(until_, (await rig.message(id)).arrived + DEFAULT_DELIVERY.retry.lifetime);
      assertStringIncludes(notice!.content, "Content-Type: text/rfc822-headers");
      await rig.pass(24 * HOUR);
      assertEquals(home.messages.length, 1);
      assert((await rig.message(id)).recipients[0]!.delayTold);
      // It asked for delays only: when its time is over, it hears nothing.
      await rig.pass(5 * 24 * HOUR);
      assertEquals(home.messages.length, 1);
      assertEquals(rig.queue.counts().messages, 0);
    }));
}

Deno.test("a sender who said nothing of delays is told of them where the configuration says so", async () => {
  const busy = refusing("450 4.2.1 busy");
  await between(busy, async (rig, home) => {
    await rig.send("a@one.test");
    await rig.pass(24 * HOUR);
    assertEquals(home.messages, []);
  });
  await between(busy, async (rig, home) => {
    await rig.send("a@one.test");
    await rig.send("a@one.test", undefined, asking({ notify: ["FAILURE"] }));
    await rig.send("a@one.test", "");
    await rig.pass(HOUR);
    await until(() => home.messages.length === 1);
    await rig.pass(24 * HOUR);
    assertEquals(home.messages.map((one) => field(one, "Action")), ["delayed"]);
  }, { unaskedDelayNotice: HOUR });
});

Deno.test("a notification that cannot be queued is queued later, and nothing is delivered twice for it", async () => {
  await using home = new MailHost();
  await using host = new MailHost();
  const queue = new WatchedQueue();
  const hosts = { "me.test": [home.host], "one.test": [host.host] };
  await using rig = new Rig(hosts, { queue, clock: queue.clock });
  const id = await rig.send("a@one.test", undefined, asking({ notify: ["SUCCESS"] }));
  queue.beforeCommit = () => Promise.reject(new QueueError("no-space", "full"));
  rig.delivery.start();
  await until(() => host.messages.length === 1);
  await rig.idle();
  assertEquals((await rig.message(id)).recipients[0]!.status, "relayed");
  queue.beforeCommit = () => Promise.resolve();
  await rig.pass(10 * MINUTE);
  await until(() => home.messages.length === 1);
  await rig.idle();
  assertEquals([host.messages.length, rig.queue.counts().messages], [1, 0]);
});

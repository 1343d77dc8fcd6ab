/** Next hops that announce limits (RFC 9422), and how mail goes within them. */
import { assertEquals } from "@std/assert";
import { type Answer, MailHost } from "../helpers/mail_host.ts";
import { until } from "../helpers/waiting.ts";
import { Rig } from "./delivery_rig.ts";

/** A host that announces these limits. */
function announcing(limits: string, more: Answer = () => undefined): Answer {
  return (moment, line) =>
    moment === "EHLO"
      ? `250-mail.test\r\n250-PIPELINING\r\n250 LIMITS ${limits}`
      : more(moment, line);
}

const FIVE = [1, 2, 3, 4, 5].map((n) => `r${n}@one.test`);

function recipientsOf(host: MailHost): (readonly string[])[] {
  return host.messages.map(({ recipients }) => recipients);
}

Deno.test("more recipients than RCPTMAX go in further transactions over the same connection, at once", async () => {
  await using host = new MailHost(announcing("RCPTMAX=2"));
  await using rig = new Rig({ "one.test": [host.host] });
  rig.delivery.start();
  await rig.send(FIVE);
  await until(() => host.messages.length === 3);
  await rig.idle();
  assertEquals(recipientsOf(host), [FIVE.slice(0, 2), FIVE.slice(2, 4), FIVE.slice(4)]);
  assertEquals([host.connections, rig.deferred.length], [1, 0]);
  assertEquals(rig.queue.counts().messages, 0);
});

Deno.test("recipients of more domains than RCPTDOMAINMAX go in further transactions", async () => {
  await using host = new MailHost(announcing("RCPTDOMAINMAX=1"));
  const smarthost = { host: "smart.test", port: host.host.port, implicitTls: false };
  const route = () => Promise.resolve({ kind: "hosts" as const, hosts: only(host.host) });
  await using rig = new Rig({}, { settings: { smarthost }, route });
  rig.delivery.start();
  await rig.send(["a@one.test", "b@one.test", "c@two.test"]);
  await until(() => host.messages.length === 2);
  await rig.idle();
  assertEquals(recipientsOf(host), [["a@one.test", "b@one.test"], ["c@two.test"]]);
});

async function* only<T>(item: T): AsyncGenerator<T> {
  yield item;
}

Deno.test("a connection carries no more messages than MAILMAX", async () => {
  await using host = new MailHost(announcing("MAILMAX=3"));
  const settings = { concurrencyPerDestination: 1 };
  await using rig = new Rig({ "one.test": [host.host] }, { settings });
  await rig.sendMany(9, "a@one.test");
  rig.delivery.start();
  await until(() => host.messages.length === 9);
  await rig.idle();
  assertEquals(host.connections, 3);
});

Deno.test("what is left of a message when MAILMAX is reached goes at once over another connection", async () => {
  await using host = new MailHost(announcing("RCPTMAX=2 MAILMAX=2"));
  await using rig = new Rig({ "one.test": [host.host] });
  rig.delivery.start();
  const id = await rig.send(FIVE);
  await until(() => host.messages.length === 3);
  await rig.idle();
  assertEquals(recipientsOf(host).flat(), FIVE);
  assertEquals([host.connections, rig.deferred.length], [2, 0]);
  assertEquals(await rig.queue.read(id), undefined);
});

Deno.test("a host that hangs up between two parts of a message gets the rest, and only that, again", async () => {
  const host: MailHost = new MailHost(
    announcing(
      "RCPTMAX=2",
      (moment) =>
        moment === "MAIL" && host.messages.length === 1 && host.connections === 1 ? "" : undefined,
    ),
  );
  await using _ = host;
  await using rig = new Rig({ "one.test": [host.host] });
  rig.delivery.start();
  await rig.send(FIVE);
  await rig.pass(10 * 60_000);
  await until(() => host.messages.length === 3);
  await rig.idle();
  assertEquals(recipientsOf(host).flat(), FIVE);
  assertEquals(rig.queue.counts().messages, 0);
});

/** What an attempt tells of itself: stages, TLS, replies, and what comes next. */
import { assert, assertEquals, assertMatch, assertObjectMatch } from "@std/assert";
import { openClient } from "../../deliver/connect.ts";
import type { AttemptFact, StoryFact } from "../../history/story.ts";
import { makeAuthority } from "../helpers/certificates.ts";
import { MailHost } from "../helpers/mail_host.ts";
import { connectOptions, failureOf, withClient } from "../helpers/outgoing.ts";
import {
  answerEhlo,
  greet,
  hear,
  hearTheEnd,
  hearUpTo,
  say,
  sayRaw,
  startTls,
  type Step,
  withPeer,
} from "../helpers/scripted_peer.ts";
import { until } from "../helpers/waiting.ts";
import { deadHost, Rig, routeTo } from "./delivery_rig.ts";

const authority = await makeAuthority();
const caCerts = [authority.cert];

/** Whether the fact has these fields among others. */
function assertMatches(fact: StoryFact, expected: Record<string, unknown>): void {
  assertObjectMatch({ ...fact }, expected);
}

function kindsOf(facts: readonly StoryFact[]): string[] {
  return facts.map(({ kind }) => kind);
}

function attemptsOf(facts: readonly StoryFact[]): AttemptFact[] {
  return facts.filter((fact) => fact.kind === "attempt");
}

Deno.test("a delivery is told with its stages, on a kept connection with the last two alone", async () => {
  await using host = new MailHost();
  await using rig = new Rig({ "one.test": [host.host] });
  rig.delivery.start();
  const first = await rig.send("a@one.test");
  await rig.idle();
  const second = await rig.send(["b@one.test", "c@one.test"]);
  await rig.idle();
  assertEquals(kindsOf(rig.facts), ["attempt", "finished", "attempt", "finished"]);
  const [fresh, kept] = attemptsOf(rig.facts);
  const stages = ["dns", "connect", "greeting", "ehlo", "envelope", "content"];
  assertEquals(Object.keys(fresh!.stages).sort(), stages.toSorted());
  assertMatches(fresh!, {
    id: first,
    destination: "one.test",
    recipients: ["a@one.test"],
    host: "mail.test",
    address: `127.0.0.1:${host.host.port}`,
    tls: { policy: "opportunistic", why: "the host does not offer STARTTLS" },
    ...{ outcome: "delivered", delivered: 1, reply: "250 2.0.0 taken" },
    next: "nothing: delivered",
  });
  assertEquals(fresh!.kept, undefined);
  assertMatches(kept!, { id: second, kept: true, delivered: 2, tls: fresh!.tls! });
  assertEquals(Object.keys(kept!.stages), ["envelope", "content"]);
  assertMatches(rig.facts[3]!, { id: second, delivered: 2, bounced: 0 });
});

Deno.test("a message over a kept connection is told how its host was found for the one that made it", async () => {
  await using host = new MailHost();
  const told = () => ({ took: 0, why: "MX one.test", answers: ["MX one.test: 10 mail.test"] });
  const route = () => Promise.resolve({ ...routeTo([host.host]), told });
  await using rig = new Rig({}, { route });
  rig.delivery.start();
  for (const to of ["a@one.test", "b@one.test"]) {
    await rig.send(to);
    await rig.idle();
  }
  const [fresh, kept] = attemptsOf(rig.facts);
  assertEquals([fresh!.kept, kept!.kept], [undefined, true]);
  assertEquals(fresh!.route!.answers, told().answers);
  assertEquals(kept!.route, fresh!.route);
});

Deno.test("each host that was tried is told, and the last says what comes next and when", async () => {
  await using host = new MailHost((moment) => moment === "RCPT" ? "450 4.2.1 busy" : undefined);
  await using rig = new Rig({ "one.test": [deadHost(), host.host] });
  rig.delivery.start();
  const id = await rig.send("a@one.test");
  await until(() => rig.deferred.length === 1);
  await rig.idle();
  const [dead, busy] = attemptsOf(rig.facts);
  assertMatches(dead!, {
    host: "dead.test",
    outcome: "deferred",
    next: "the next host is tried",
  });
  assertEquals(dead!.error!.enhanced, "4.4.1");
  assertEquals(Object.keys(dead!.stages), ["dns", "connect"]);
  assertEquals(dead!.nextAttempt, undefined);
  assertEquals(busy!.nextAttempt, rig.deferred[0]!.nextAttempt);
  assertMatch(busy!.next, /^tried again at \S+Z: retry 1, 5m = retry\.first 5m$/);
  assertEquals((await rig.message(id)).history.map(({ next }) => next), [dead!.next, busy!.next]);
  assertEquals(kindsOf(rig.facts), ["attempt", "attempt"]);
});

Deno.test("recipients that fared differently are told one by one, and who was told of them", async () => {
  await using host = new MailHost((moment, line) => {
    return moment === "RCPT" && line.includes("never") ? "550 5.1.1 unknown" : undefined;
  });
  await using rig = new Rig({ "one.test": [host.host], "me.test": [host.host] });
  rig.delivery.start();
  const id = await rig.send(["never@one.test", "a@one.test"]);
  await until(() => rig.bounced.length === 1);
  await rig.idle();
  const own = rig.facts.filter((fact) => fact.id === id);
  assertEquals(kindsOf(own), ["attempt", "notice", "finished"]);
  assertMatches(own[0]!, {
    ...{ outcome: "mixed", delivered: 1, next: "bounced: 5.1.1 is permanent" },
    results: [
      { outcome: "failed", reply: "550 5.1.1 unknown" },
      { outcome: "delivered", reply: "250 2.0.0 taken" },
    ],
  });
  const { bounceId } = rig.bounced[0]!;
  assert(bounceId !== undefined);
  assertMatches(own[1]!, {
    ...{ action: "failed", recipients: ["never@one.test"] },
    ...{ noticeId: bounceId, reason: "550 5.1.1 unknown" },
  });
  assertMatches(own[2]!, { delivered: 1, bounced: 1, removed: 0 });
});

Deno.test("a message that meets a resting destination is told to wait, once", async () => {
  await using rig = new Rig({ "one.test": [deadHost()] });
  rig.delivery.start();
  await rig.send("a@one.test");
  await until(() => rig.deferred.length === 1);
  await rig.idle();
  const id = await rig.send("b@one.test");
  await rig.idle();
  const own = rig.facts.filter((fact) => fact.id === id);
  assertEquals(kindsOf(own), ["waits"]);
  assertMatches(own[0]!, { destination: "one.test", until: rig.clock.nextTimer() });
  assertMatch((own[0] as { why: string }).why, /^its destination rests: Connection refused/);
});

Deno.test("what TLS was demanded and why it is no better is known of each connection", async () => {
  const good = await authority.issue(["mx.test"]);
  const expired = await authority.issue(["mx.test"], "expired");
  const asks: Step[] = [...greet("STARTTLS"), hear("STARTTLS")];
  const secure = (...steps: Step[]): Step[] => [...asks, say("220 go ahead"), ...steps];
  const verified = secure(startTls(good), ...answerEhlo());
  const cases: [Step[][], RegExp | undefined, boolean | undefined][] = [
    [[verified], undefined, true],
    [
      [secure(startTls(expired)), secure(startTls(expired), ...answerEhlo())],
      /^invalid peer certificate: certificate expired/,
      false,
    ],
    [
      [[...asks, say("454 4.7.0 not now")]],
      /^the host refuses STARTTLS: 454 4\.7\.0 not now$/,
      undefined,
    ],
    [
      [
        secure(hearUpTo("\x16\x03"), sayRaw("no\r\n")),
        secure(hearUpTo("\x16\x03"), sayRaw("no\r\n")),
        greet(),
      ],
      /while negotiating TLS/,
      undefined,
    ],
  ];
  for (const [scripts, why, isVerified] of cases) {
    await withPeer(scripts, async ({ host }) => {
      await withClient(host, connectOptions({ caCerts }), ({ setup: { tls, stages } }) => {
        assertEquals([tls!.policy, tls!.session?.verified], ["opportunistic", isVerified]);
        if (why === undefined) assertEquals(tls!.why, undefined);
        else assertMatch(tls!.why!, why);
        assert(stages.tls !== undefined && stages.tls >= 0);
        return Promise.resolve();
      });
    });
  }
});

Deno.test("why a host was unverifiable before is told of the connections after it", async () => {
  const expired = await authority.issue(["mx.test"], "expired");
  const script = [
    ...greet("STARTTLS"),
    hear("STARTTLS"),
    say("220 go"),
    startTls(expired),
    ...answerEhlo(),
  ];
  const options = connectOptions({ caCerts });
  await withPeer([script], async ({ host }) => {
    options.unverifiable.add(host, "the certificate expired");
    await withClient(host, options, ({ setup }) => {
      assertMatch(setup.tls!.why!, /^the certificate expired, at \d{4}-\S+Z$/);
      assertEquals(setup.tls!.session!.verified, false);
      return Promise.resolve();
    });
  });
});

Deno.test("a demand that is not met is told with the failure, and what makes it", async () => {
  await withPeer([[...greet(), hearTheEnd()]], async ({ host }) => {
    const { setup } = await failureOf(openClient(host, { ...connectOptions(), requireTls: true }));
    assertEquals(setup!.tls, {
      policy: "verified: REQUIRETLS",
      why: "the host does not offer STARTTLS",
    });
    assertEquals(Object.keys(setup!.stages), ["connect", "greeting", "ehlo", "tls"]);
  });
  const password = { host: "mx.test", port: 25, implicitTls: false, user: "u", password: "p" };
  await withPeer([[...greet(), hearTheEnd()]], async ({ host }) => {
    const { setup } = await failureOf(openClient(host, connectOptions({ smarthost: password })));
    assertEquals(setup!.tls!.policy, "verified: smarthost with a password");
  });
  const implicit = { host: "mx.test", port: 25, implicitTls: true };
  await withPeer([[hearUpTo("\x16\x03"), sayRaw("220 plain\r\n")]], async ({ host }) => {
    const { setup } = await failureOf(openClient(host, connectOptions({ smarthost: implicit })));
    assertEquals(setup!.tls!.policy, "verified: implicit TLS");
    assertMatch(setup!.tls!.why!, /while negotiating TLS/);
  });
});

/** Security case 17: a peer that misbehaves at each stage of the conversation in each way. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { encode } from "../../base/bytes.ts";
import type { Transaction } from "../../deliver/client.ts";
import { type ConnectOptions, openClient } from "../../deliver/connect.ts";
import { DeliveryFailure } from "../../deliver/failure.ts";
import type { Host } from "../../deliver/route.ts";
import type { Content, DeliveryError } from "../../queue/queue.ts";
import { makeAuthority } from "../helpers/certificates.ts";
import { connectOptions, failureOf, transactionOf } from "../helpers/outgoing.ts";
import {
  dribble,
  greet,
  hang,
  hangUp,
  hear,
  hearContent,
  hearUpTo,
  passUntil,
  reset,
  say,
  sayByOctet,
  sayRaw,
  startTls,
  type Step,
  takeMail,
  withPeer,
} from "../helpers/scripted_peer.ts";
import { TestClock } from "../helpers/test_clock.ts";

const authority = await makeAuthority();
const certificate = await authority.issue(["mx.test"]);

/** How a handshake begins. */
const CLIENT_HELLO = "\x16\x03";

const SECOND = 1000;
const MINUTE = 60 * SECOND;

/** A stage: how the host gets there, what it hears there, and how long it may be silent. */
interface StageCase {
  readonly name: string;
  readonly before: readonly Step[];
  readonly hears: readonly Step[];
  readonly timeout: number;
}

const toStartTls = greet("STARTTLS");
const toMail = greet("PIPELINING");
const envelope = hearUpTo("DATA\r\n");

const STAGES: readonly StageCase[] = [
  { name: "the greeting", before: [], hears: [], timeout: 5 * MINUTE },
  { name: "EHLO", before: [say("220 hi")], hears: [hear(/^EHLO/)], timeout: 5 * MINUTE },
  { name: "STARTTLS", before: toStartTls, hears: [hear("STARTTLS")], timeout: 5 * MINUTE },
  {
    name: "EHLO after TLS",
    before: [...toStartTls, hear("STARTTLS"), say("220 go"), startTls(certificate)],
    hears: [hear(/^EHLO/)],
    timeout: 5 * MINUTE,
  },
  { name: "MAIL", before: greet(), hears: [hear(/^MAIL/)], timeout: 5 * MINUTE },
  { name: "MAIL, pipelined", before: toMail, hears: [envelope], timeout: 5 * MINUTE },
  {
    name: "RCPT",
    before: [...greet(), hear(/^MAIL/), say("250 ok")],
    hears: [hear(/^RCPT/)],
    timeout: 5 * MINUTE,
  },
  {
    name: "DATA",
    before: [...greet(), hear(/^MAIL/), say("250 ok"), hear(/^RCPT/), say("250 ok")],
    hears: [hear("DATA")],
    timeout: 3 * MINUTE,
  },
  {
    name: "the final dot",
    before: [...toMail, envelope, say("250 ok", "250 ok", "354 go")],
    hears: [hearContent()],
    timeout: 10 * MINUTE,
  },
];

/** Attempts a delivery; gives why it failed, and what time it was then. */
async function attempt(
  host: Host,
  options: ConnectOptions,
  transaction: Transaction = transactionOf(),
): Promise<{ error?: DeliveryError; at: number }> {
  const error = await errorOf(host, options, transaction);
  return { error, at: options.clock.now() };
}

async function errorOf(
  host: Host,
  options: ConnectOptions,
  transaction: Transaction,
): Promise<DeliveryError | undefined> {
  try {
    const client = await openClient(host, options);
    const { outcomes: [outcome] } = await client.transact(transaction);
    assert(!client.usable || outcome!.kind === "delivered");
    client.close();
    return outcome!.kind === "failed" ? outcome!.error : undefined;
  } catch (error) {
    if (error instanceof DeliveryFailure) return error.error;
    throw error;
  }
}

/** Attempts a delivery to a host with a script; checks that the failure passes and has the right scope. */
async function faultOf(
  stage: StageCase,
  fault: readonly Step[],
  clock = new TestClock(Date.now()),
): Promise<{ error: DeliveryError; took: number }> {
  const begun = clock.now();
  let result: { error?: DeliveryError; at: number } | undefined;
  await withPeer([fault], async ({ host }) => {
    result = await attempt(host, connectOptions({ caCerts: [authority.cert] }, clock));
  });
  const { error, at } = result!;
  assert(error !== undefined);
  assert(!error.permanent);
  const mayHaveTaken = stage.name === "the final dot" && error.code !== 421;
  assertEquals(error.scope, mayHaveTaken ? "session" : "host");
  return { error, took: at - begun };
}

/**
 * Checks that the timeout passed, and not much more: a test's clock runs while
 * connections are made, and deadlines are looked at once a second.
 */
function assertTook(took: number, timeout: number): void {
  assert(took >= timeout && took < 2 * timeout, `took ${took} ms instead of ${timeout}`);
}

for (const stage of STAGES) {
  Deno.test(`a host that hangs at ${stage.name} is left after its timeout`, async () => {
    const clock = new TestClock(Date.now());
    const { error, took } = await faultOf(
      stage,
      [...stage.before, ...stage.hears, hang(clock)],
      clock,
    );
    assertStringIncludes(error.text, "timed out");
    assertTook(took, stage.timeout);
  });

  Deno.test(`a host that says one octet a second at ${stage.name} gains no time by it`, async () => {
    const clock = new TestClock(Date.now());
    const { error, took } = await faultOf(
      stage,
      [...stage.before, ...stage.hears, dribble(clock)],
      clock,
    );
    assertStringIncludes(error.text, "timed out");
    assertTook(took, stage.timeout);
  });

  Deno.test(`a host that resets or closes the connection at ${stage.name} has failed for now`, async () => {
    const closes = [...stage.before, ...stage.hears, hangUp()];
    assertStringIncludes((await faultOf(stage, closes)).error.text, "connection lost while");
    if (stage.hears.length === 0) return; // nothing is sent there that could be left unread
    assertStringIncludes((await faultOf(stage, [...stage.before, reset()])).error.text, " while ");
  });

  Deno.test(`421 at ${stage.name} is the host's failure`, async () => {
    const fault = [...stage.before, ...stage.hears, say("421 4.3.2 going down"), hangUp()];
    const { error } = await faultOf(stage, fault);
    assertEquals([error.code, error.enhanced], [421, "4.3.2"]);
  });

  Deno.test(`garbage at ${stage.name} is no reply`, async () => {
    for (
      const garbage of [
        "\x16\x03\x01\0\x05\r\n",
        "HTTP/1.1 400 Bad Request\r\n\r\n",
        "2".repeat(5000),
      ]
    ) {
      const fault = [...stage.before, ...stage.hears, sayRaw(garbage)];
      const { error } = await faultOf(stage, fault);
      assertEquals(error.enhanced, "4.5.0");
    }
  });
}

Deno.test("a reply that never ends is given up when it is longer than any reply", async () => {
  const endless: Step = async (session) => {
    while (await session.say("250-more\r\n").then(() => true, () => false));
  };
  await withPeer([[endless]], async ({ host }) => {
    const { error } = await failureOf(openClient(host, connectOptions()));
    assertEquals(error.enhanced, "4.5.0");
  });
});

Deno.test("a host that takes no connection is left after its timeout", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0, tcpBacklog: 1 });
  const { port } = listener.addr as Deno.NetAddr;
  // A listener that accepts nothing takes as many connections as its backlog and one more has room for.
  const fill = await Promise.all([1, 2].map(() => Deno.connect({ hostname: "127.0.0.1", port })));
  const clock = new TestClock(Date.now());
  const begun = clock.now();
  const host: Host = { name: "mx.test", address: "127.0.0.1", port };
  const { error, at } = await passUntil(clock, attempt(host, connectOptions({}, clock)));
  assertEquals([error?.text, error?.enhanced], ["timed out while connecting", "4.4.1"]);
  assertTook(at - begun, 30 * SECOND);
  for (const conn of fill) conn.close();
  listener.close();
});

Deno.test("a TLS handshake that hangs is left after its timeout, and not taken for a lack of TLS", async () => {
  const clock = new TestClock(Date.now());
  const begun = clock.now();
  const reached = Promise.withResolvers<void>();
  const over = Promise.withResolvers<void>();
  const toHandshake = [...toStartTls, hear("STARTTLS"), say("220 go")];
  const silent = [
    ...toHandshake,
    hearUpTo(CLIENT_HELLO),
    () => reached.resolve(),
    () => over.promise,
  ];
  // The second connection is not to be verified, and sees the client hang up.
  await withPeer([silent, [...toHandshake, hang(clock)]], async ({ host, sessions }) => {
    const options = connectOptions({}, clock);
    const first = attempt(host, options);
    await reached.promise;
    const { error, at } = await passUntil(clock, first);
    assertEquals(error?.text, "timed out while negotiating TLS");
    assertEquals([error?.scope, error?.enhanced], ["host", "4.4.2"]);
    assertTook(at - begun, 30 * SECOND);
    assertEquals((await attempt(host, options)).error?.text, "timed out while negotiating TLS");
    assertEquals(sessions.length, 2);
    over.resolve();
  });
});

/** Content that never ends. */
function endless(): Content {
  const chunk = encode(("x".repeat(998) + "\r\n").repeat(60));
  return {
    size: Infinity,
    async *stream() {
      while (true) yield await Promise.resolve(chunk);
    },
  };
}

const toBody = [...toMail, envelope, say("250 ok", "250 ok", "354 go")];

Deno.test("a host that stops reading in the body is left after its timeout", async () => {
  const clock = new TestClock(Date.now());
  const reached = Promise.withResolvers<void>();
  const over = Promise.withResolvers<void>();
  const script = [...toBody, hearUpTo("xxxx"), () => reached.resolve(), () => over.promise];
  await withPeer([script], async ({ host }) => {
    const transaction = transactionOf("", { content: endless() });
    const failing = attempt(host, connectOptions({}, clock), transaction);
    await reached.promise;
    const { error } = await passUntil(clock, failing);
    over.resolve();
    assertEquals(error?.text, "timed out while sending the message");
    assertEquals([error?.scope, error?.permanent], ["host", false]);
  });
});

Deno.test("a host that says 421 or garbage in the body and is gone has failed for now", async () => {
  for (
    const [word, code] of [["421 4.3.2 going down\r\n", 421], ["what?\r\n", undefined]] as const
  ) {
    await withPeer([[...toBody, hearUpTo("xxxx"), sayRaw(word), hangUp()]], async ({ host }) => {
      const transaction = transactionOf("", { content: endless() });
      const { error } = await attempt(host, connectOptions(), transaction);
      assertEquals([error?.code, error?.scope, error?.permanent], [code, "host", false]);
    });
  }
});

Deno.test("a slow host that says every reply one octet at a time gets its message", async () => {
  const script = [
    sayByOctet("220 hi"),
    hear(/^EHLO/),
    sayByOctet("250-hi", "250 8BITMIME"),
    ...takeMail(),
  ];
  await withPeer([script], async ({ host, sessions }) => {
    assertEquals((await attempt(host, connectOptions())).error, undefined);
    assertEquals(sessions[0]!.contents.length, 1);
  });
});

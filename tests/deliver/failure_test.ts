import { assert, assertEquals } from "@std/assert";
import {
  ConnectionLost,
  contentFailure,
  DeliveryFailure,
  hopOf,
  networkFailure,
  replyFailure,
  type Stage,
} from "../../deliver/failure.ts";
import type { Host } from "../../deliver/route.ts";
import { reply } from "../../protocol/reply.ts";
import { ReplySyntaxError } from "../../protocol/reply_reader.ts";
import { type FailureScope, QueueError } from "../../queue/queue.ts";
import { TimeoutError } from "../../transport/connection.ts";

const host: Host = { name: "mx.test", address: "192.0.2.1", port: 25 };

/** What a refusal at each stage touches, and whether 5yz is for good there. */
const REFUSALS: readonly [Stage, FailureScope, boolean][] = [
  ["connect", "host", false],
  ["greeting", "host", false],
  ["ehlo", "host", false],
  ["starttls", "host", false],
  ["tls", "host", false],
  ["auth", "host", false],
  ["rset", "host", false],
  ["mail", "message", true],
  ["rcpt", "recipient", true],
  ["data", "message", true],
  ["body", "message", true],
  ["final dot", "message", true],
];

for (const [stage, scope, isForGood] of REFUSALS) {
  Deno.test(`a refusal at ${stage} is of scope ${scope}`, () => {
    const permanent = replyFailure(stage, reply(550, "5.7.1", "no"), host);
    assertEquals([permanent.scope, permanent.permanent], [scope, isForGood]);
    assertEquals(permanent.enhanced, isForGood ? "5.7.1" : "4.7.1");
    assertEquals([permanent.code, permanent.text], [550, "550 5.7.1 no"]);
    const temporary = replyFailure(stage, reply(450, "4.7.1", "later"), host);
    assertEquals([temporary.scope, temporary.permanent], [scope, false]);
    const bare = replyFailure(stage, reply(550, "", "no"), host);
    assertEquals([bare.enhanced, bare.permanent], [undefined, isForGood]);
  });

  Deno.test(`421 and a broken connection at ${stage} pass, and are never of the message`, () => {
    const closing = replyFailure(stage, reply(421, "4.3.2", "bye"), host);
    assertEquals([closing.scope, closing.permanent, closing.code], ["host", false, 421]);
    for (const error of [new TimeoutError(), new ConnectionLost(), new ReplySyntaxError("what?")]) {
      const failure = networkFailure(stage, error, host);
      const expected = stage === "final dot" ? "session" : "host";
      assertEquals([failure.scope, failure.permanent], [expected, false]);
      assertEquals(failure.code, undefined);
      assertEquals(failure.hop, "mx.test[192.0.2.1]:25");
    }
  });
}

Deno.test("a failure names its host with address and port", () => {
  assertEquals(hopOf({ name: "mx.test", address: "::1", port: 2525 }), "mx.test[::1]:2525");
});

Deno.test("network errors are told in words, without the system's numbers", () => {
  const cases: [Stage, unknown, string, string][] = [
    [
      "connect",
      new Deno.errors.ConnectionRefused("Connection refused (os error 111)"),
      "4.4.1",
      "Connection refused while connecting",
    ],
    ["connect", new TimeoutError(), "4.4.1", "timed out while connecting"],
    ["mail", new ConnectionLost(), "4.4.2", "connection lost while sending MAIL"],
    [
      "data",
      new Deno.errors.UnexpectedEof("see the manual"),
      "4.4.2",
      "connection lost while sending DATA",
    ],
    ["tls", new Error("bad\r\nalert"), "4.7.5", "bad alert while negotiating TLS"],
    ["tls", new TimeoutError(), "4.4.2", "timed out while negotiating TLS"],
    ["rcpt", "odd", "4.4.2", "odd while sending RCPT"],
    ["rcpt", new Error(), "4.4.2", "connection lost while sending RCPT"],
    ["rcpt", new ReplySyntaxError("not a reply: x"), "4.5.0", "not a reply: x while sending RCPT"],
  ];
  for (const [stage, error, enhanced, text] of cases) {
    const failure = networkFailure(stage, error, host);
    assertEquals([failure.enhanced, failure.text], [enhanced, text]);
  }
});

Deno.test("texts are bounded, however long what they tell of is", () => {
  const long = "x".repeat(100_000);
  assertEquals(networkFailure("mail", new Error(long), host).text.length, 1000);
  assert(replyFailure("mail", reply(550, "5.0.0", long), host).text.length <= 1000);
  assertEquals(contentFailure(new QueueError("storage", long)).text.length, 1000);
});

Deno.test("content that cannot be read here is of the message, without a host, and passes", () => {
  const failure = contentFailure(new QueueError("storage", "read error"));
  assertEquals(failure, {
    enhanced: "4.3.0",
    text: "the message could not be read here: read error",
    scope: "message",
    permanent: false,
  });
});

Deno.test("a delivery failure is an error that says what its record says", () => {
  const error = networkFailure("greeting", new TimeoutError(), host);
  const failure = new DeliveryFailure("greeting", error);
  assert(failure instanceof Error);
  assertEquals([failure.message, failure.stage, failure.error], [error.text, "greeting", error]);
});

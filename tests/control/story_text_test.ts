import { assertEquals, assertStringIncludes } from "@std/assert";
import type { Present, Tone } from "../../control/story_answer.ts";
import { storyText } from "../../control/story_text.ts";
import type { AcceptedFact, AttemptFact, StoryFact } from "../../history/story.ts";
import type { Recipient } from "../../queue/queue.ts";

const AT = Date.UTC(2026, 0, 1, 12);
const ID = "01KDWJQ8G0ABCDEFGHJKMNPQRS";
const HOP = { host: "mx1.example.net", address: "192.0.2.25:25" };

function accepted(change: Partial<AcceptedFact> = {}): AcceptedFact {
  return {
    kind: "accepted",
    at: AT,
    id: ID,
    took: 12,
    session: "S1",
    client: {
      address: "10.1.2.3",
      port: 40_001,
      helo: "pc.example.org",
      protocol: "ESMTPSA",
      user: "anna",
      tls: { version: "TLSv1.3", cipher: "TLS_AES_128_GCM_SHA256", verified: false },
    },
    from: "anna@example.org",
    to: ["bob@example.net"],
    size: 4300,
    messageId: "<1@example.org>",
    subject: "Hello",
    decisions: [{ about: "login", rule: "user anna" }],
    ...change,
  };
}

function attempt(change: Partial<AttemptFact> = {}): AttemptFact {
  return {
    kind: "attempt",
    at: AT + 1000,
    id: ID,
    took: 350,
    destination: "example.net",
    recipients: ["bob@example.net"],
    route: {
      why: "MX example.net",
      answers: ["MX example.net: 10 mx1.example.net", "A, AAAA mx1.example.net: 192.0.2.25"],
      skipped: ["mx2.example.net[10.0.0.1]: not on the public Internet"],
      took: 8,
    },
    ...HOP,
    tls: { policy: "opportunistic", why: "STARTTLS is not offered" },
    stages: { dns: 8, connect: 20, greeting: 30, ehlo: 21, envelope: 271 },
    reply: "451 4.7.1 Greylisted",
    outcome: "deferred",
    delivered: 0,
    next: "tried again at 2026-01-01T12:05:02Z: retry 1, 5m = retry.first 5m",
    nextAttempt: AT + 302_000,
    ...change,
  };
}

function recipient(change: Partial<Recipient> = {}): Recipient {
  return {
    address: "bob@example.net",
    status: "waiting",
    attempts: 1,
    nextAttempt: AT + 302_000,
    lastError: {
      code: 451,
      enhanced: "4.7.1",
      text: "451 4.7.1 Greylisted",
      hop: "mx1.example.net[192.0.2.25]:25",
      scope: "recipient",
      permanent: false,
    },
    ...change,
  };
}

function present(change: Partial<Present> = {}): Present {
  return { state: "deferred", recipients: [recipient()], ...change };
}

function time(ms: number): string {
  return new Date(ms).toISOString().slice(11, 19);
}

function answer(facts: readonly StoryFact[], now = AT + 62_000, there?: Present): [Tone, string] {
  const { tone, text } = storyText(facts, { now, time, present: there }).answer;
  return [tone, text];
}

Deno.test("the story of a message that waits names client, rules, route, answers, TLS, stages and the next attempt", () => {
  const { answer, events } = storyText([accepted(), attempt()], {
    now: AT + 62_000,
    time,
    present: present(),
  });
  assertEquals(
    answer.text,
    "Waiting: mx1.example.net[192.0.2.25]:25 answered 451 4.7.1 Greylisted; tried once, " +
      "next at 12:05:02 (in 4 min)",
  );
  const told = events.map((
    { title, lines },
  ) => [title, ...lines.map((l) => `${l.label}: ${l.text}`)]);
  assertEquals(told, [[
    "Accepted from anna@example.org for bob@example.net",
    "client: 10.1.2.3 port 40001, who called itself pc.example.org",
    "TLS: TLSv1.3 TLS_AES_128_GCM_SHA256",
    "user: anna",
    "rule: login: user anna",
    "subject: Hello",
    "Message-ID: <1@example.org>",
    "size: 4.2 KiB, durable after 12 ms",
    "session: S1",
  ], [
    "Tried, and put off at mx1.example.net[192.0.2.25]:25",
    "recipients: bob@example.net",
    "route: MX example.net",
    "DNS: MX example.net: 10 mx1.example.net",
    ": A, AAAA mx1.example.net: 192.0.2.25",
    "passed over: mx2.example.net[10.0.0.1]: not on the public Internet",
    "TLS: none: STARTTLS is not offered (policy: opportunistic)",
    "reply: 451 4.7.1 Greylisted",
    "stages: DNS 8 ms, connect 20 ms, greeting 30 ms, EHLO 21 ms, envelope 271 ms; 350 ms in all",
    "next: tried again at 12:05:02: retry 1, 5m = retry.first 5m",
  ]]);
});

Deno.test("the route of an attempt over a kept connection is that by which it was made", () => {
  const over = "over a connection that was kept open";
  const routeOf = (fact: AttemptFact) =>
    storyText([fact], { now: AT, time }).events[0]!.lines
      .filter(({ label }) => label === "route").map(({ text }) => text);
  assertEquals(routeOf(attempt({ kept: true })), [`MX example.net, ${over}`]);
  assertEquals(routeOf(attempt({ kept: true, route: undefined })), [over]);
});

Deno.test("the answer says of a message in the queue what it waits for", () => {
  const hold: StoryFact = { kind: "steered", at: AT + 2000, id: ID, action: "hold", by: "socket" };
  const rest: StoryFact = {
    kind: "waits",
    at: AT + 2000,
    id: ID,
    destination: "example.net",
    why: "example.net rests: connection refused",
    until: AT + 122_000,
  };
  const fresh = recipient({ attempts: 0, lastError: undefined, nextAttempt: AT });
  const cases: readonly (readonly [readonly StoryFact[], Present, string])[] = [
    [
      [accepted(), attempt(), hold],
      present({ state: "held" }),
      "Held by the control socket at 12:00:02 (1 min ago): not delivered until it is released",
    ],
    [
      [accepted({ held: true })],
      present({ state: "held", recipients: [fresh] }),
      "Held since it was accepted: not delivered until it is released",
    ],
    [
      [accepted()],
      present({ state: "active", recipients: [fresh] }),
      "Being delivered at this moment",
    ],
    [
      [accepted(), rest],
      present({ state: "incoming", recipients: [{ ...fresh, nextAttempt: AT + 122_000 }] }),
      "Waiting: example.net rests: connection refused, next at 12:02:02 (in 1 min)",
    ],
    [
      [accepted()],
      present({ state: "incoming", recipients: [fresh] }),
      "Waiting for its first attempt, due now",
    ],
    [
      [accepted(), attempt()],
      present({ heldDomains: ["example.net"] }),
      "Waiting: all mail for example.net is held until it is released",
    ],
    [
      [accepted(), attempt()],
      present({ heldDomains: ["example.net"], allHeld: true }),
      "Waiting: all mail is held until it is released",
    ],
    [
      [accepted()],
      present({ state: "incoming", recipients: [fresh], noServer: true }),
      "Waiting for its first attempt, next when a server is started: none runs",
    ],
    [
      [accepted()],
      present({ state: "scheduled", recipients: [{ ...fresh, nextAttempt: AT + 3_662_000 }] }),
      "Waiting: its sender wants it sent at 13:01:02 (in 1 h)",
    ],
    [
      [accepted(), attempt()],
      present({
        recipients: [recipient(), recipient({ address: "c@d.example", status: "delivered" })],
      }),
      "Waiting: mx1.example.net[192.0.2.25]:25 answered 451 4.7.1 Greylisted; tried once, next at " +
      "12:05:02 (in 4 min) (1 of 2 recipients left: bob@example.net)",
    ],
  ];
  for (const [facts, there, text] of cases) {
    assertEquals(answer(facts, AT + 62_000, there)[1], text);
  }
});

Deno.test("the answer says of a message that is gone how it ended", () => {
  const sent = attempt({ outcome: "delivered", delivered: 1, reply: "250 2.0.0 Ok", next: "" });
  const finished = { kind: "finished", at: AT + 1400, id: ID } as const;
  const done: StoryFact = { ...finished, delivered: 1, bounced: 0, removed: 0 };
  const refused = attempt({ outcome: "failed", reply: "550 5.1.1 No such user" });
  const bounced: StoryFact = { ...finished, delivered: 0, bounced: 1, removed: 0 };
  const notice: StoryFact = {
    kind: "notice",
    at: AT + 1350,
    id: ID,
    action: "failed",
    recipients: ["bob@example.net"],
    noticeId: "N1",
    reason: "550 5.1.1 No such user",
  };
  const remove: StoryFact = { kind: "steered", at: AT + 9000, id: ID, action: "remove", by: "api" };
  assertEquals(answer([accepted(), sent, done]), [
    "good",
    "Delivered to bob@example.net at 12:00:01 (1 min 1 s ago), " +
    "to mx1.example.net[192.0.2.25]:25, 1.4 s after it came: 250 2.0.0 Ok",
  ]);
  assertEquals(answer([accepted(), refused, notice, bounced]), [
    "bad",
    "Given up at 12:00:01 (1 min 1 s ago): mx1.example.net answered 550 5.1.1 No such user",
  ]);
  assertEquals(answer([accepted(), attempt(), remove]), [
    "plain",
    "Removed by the API at 12:00:09 (53 s ago); nobody was told",
  ]);
  const three = accepted({ to: ["bob@example.net", "c@example.com", "d@example.com"] });
  const mixed = attempt({
    recipients: three.to,
    outcome: "mixed",
    delivered: 2,
    results: [
      { outcome: "delivered", reply: "250 2.0.0 Ok" },
      { outcome: "failed", reply: "550 5.1.1 Unknown" },
      { outcome: "delivered", reply: "250 2.0.0 Ok" },
    ],
  });
  assertEquals(answer([three, mixed, { ...bounced, delivered: 2 }]), [
    "bad",
    "Over at 12:00:01 (1 min 1 s ago): 2 of 3 recipients delivered, 1 given up; " +
    "c@example.com: mx1.example.net answered 550 5.1.1 Unknown",
  ]);
});

Deno.test("the answer admits what the history does not know", () => {
  assertStringIncludes(answer([])[1], "Nothing is known of it");
  assertStringIncludes(answer([attempt()])[1], "how it came in is older than the history");
  assertStringIncludes(answer([accepted(), attempt()])[1], "the history does not tell its end");
});

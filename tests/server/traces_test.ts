/** Traces as a collector gets them, over HTTP from Deno's own exporter. */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import type { AcceptedFact, AttemptFact, StoryFact } from "../../history/story.ts";
import { traceIdOf } from "../../server/traces.ts";
import { type Answer, MailHost } from "../helpers/mail_host.ts";
import { withServer } from "../helpers/program.ts";
import { withTempDir } from "../helpers/temp_dir.ts";
import { type CollectedSpan, TraceCollector } from "../helpers/trace_collector.ts";
import { until } from "../helpers/waiting.ts";
import { Peer } from "../transport/peer.ts";

const PROGRAM = new URL("told_facts.ts", import.meta.url).href;
const ID = "01KDVXZ8M00123456789ABCDEF";
const TRACE = traceIdOf(ID)!;
const AT = Date.UTC(2026, 0, 1);

const ACCEPTED: AcceptedFact = {
  ...{ kind: "accepted", id: ID, at: AT, took: 30, commit: 12, session: "S" },
  client: { address: "192.0.2.1", port: 1, helo: "client", protocol: "ESMTP" },
  ...{ from: "a@example.org", to: ["b@example.net"], size: 4096, decisions: [] },
};
const ATTEMPT: AttemptFact = {
  ...{ kind: "attempt", id: ID, at: AT + 40, took: 100, destination: "example.net" },
  recipients: ["b@example.net"],
  ...{ host: "mx.example.net", address: "192.0.2.2:25" },
  tls: { policy: "opportunistic", session: { version: "TLSv1.3", verified: true } },
  stages: { dns: 10, connect: 20, tls: 30, envelope: 35 },
  ...{ reply: "450 4.2.1 busy", outcome: "deferred", delivered: 0, next: "tried again" },
  error: { enhanced: "4.2.1", text: "450 4.2.1 busy", scope: "recipient", permanent: false },
};
const OTHERS: StoryFact[] = [
  { kind: "waits", id: ID, at: AT, destination: "example.net", why: "it rests" },
  { ...{ kind: "notice", id: ID, at: AT, action: "delayed" }, recipients: ["b"], reason: "busy" },
  { kind: "steered", id: ID, at: AT, action: "hold", by: "api" },
  { kind: "finished", id: ID, at: AT, delivered: 1, bounced: 0, removed: 0 },
  { kind: "finished", id: "not an id", at: AT, delivered: 1, bounced: 0, removed: 0 },
];

/** Runs the program that tells facts; gives what it said. */
async function tell(facts: readonly StoryFact[], env: Record<string, string>): Promise<string> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-prompt", PROGRAM, JSON.stringify(facts)],
    env: { NO_COLOR: "1", ...env },
  }).output();
  const text = new TextDecoder();
  assertEquals([code, text.decode(stderr)], [0, ""]);
  return text.decode(stdout).trim();
}

function named(spans: readonly CollectedSpan[], name: string): CollectedSpan {
  const found = spans.filter((span) => span.name === name);
  assertEquals(found.length, 1, `one span ${name}`);
  return found[0]!;
}

Deno.test("a message's id is its trace's, and what is no id has no trace", () => {
  assertEquals(traceIdOf("00000000000000000000000001"), "00000000000000000000000000000001");
  assertEquals(traceIdOf("7ZZZZZZZZZZZZZZZZZZZZZZZZZ"), "f".repeat(32));
  assertMatch(TRACE, /^[0-9a-f]{32}$/);
  for (const id of ["", "0", "not an id", "8ZZZZZZZZZZZZZZZZZZZZZZZZZ"]) {
    assertEquals([id, traceIdOf(id === "0" ? "00000000000000000000000000" : id)], [id, undefined]);
  }
});

Deno.test("facts become spans of one trace, with the times at which things happened", async () => {
  await using collector = new TraceCollector();
  assertEquals(await tell([ACCEPTED, ATTEMPT, ...OTHERS], collector.environment), "told");
  const { spans } = collector;
  assertEquals(new Set(spans.map(({ traceId }) => traceId)), new Set([TRACE]));
  const accept = named(spans, "accept");
  assertEquals([accept.kind, accept.begin, accept.end], [2, AT, AT + 30]);
  assertEquals(accept.attributes["client.address"], "192.0.2.1");
  const commit = named(spans, "commit");
  assertEquals([commit.parentSpanId, commit.begin, commit.end], [
    accept.spanId,
    AT + 18,
    AT + 30,
  ]);
  assertEquals(spans.map(({ attributes }) => attributes["smtp.message_id"]), spans.map(() => ID));
  const attempt = named(spans, "attempt");
  assertEquals([attempt.kind, attempt.begin, attempt.end], [3, AT + 40, AT + 140]);
  assertEquals([attempt.status, attempt.attributes["smtp.status"]], [2, "4.2.1"]);
  assertEquals(Number(attempt.attributes["smtp.reply_code"]), 450);
  assertEquals(attempt.parentSpanId, accept.parentSpanId);
  const stages = spans.filter(({ parentSpanId }) => parentSpanId === attempt.spanId);
  assertEquals(
    stages.map(({ name, begin, end }) => [name, begin - AT, end - AT]).sort(),
    [["connect", 50, 70], ["dns", 40, 50], ["envelope", 100, 135], ["tls", 70, 100]],
  );
  const names = spans.map(({ name }) => name);
  assertEquals(names.filter((name) => !stages.some((stage) => stage.name === name)).sort(), [
    ...["accept", "attempt", "commit", "finished", "notice", "steered"],
  ]);
  assertEquals(named(spans, "finished").attributes["smtp.delivered"], 1);
});

Deno.test("where nobody wants traces nobody is told, and nothing is needed for that", async () => {
  assertEquals(await tell([ACCEPTED], { OTEL_DENO: "false" }), "nobody");
});

/** The spans that are right below one. */
function below({ spanId }: CollectedSpan, spans: readonly CollectedSpan[]): string[] {
  return spans.filter(({ parentSpanId }) => parentSpanId === spanId).map(({ name }) => name);
}

/** Refuses the first message for now, and repeats the recipient's mailbox. */
function busyOnce(): Answer {
  let told = false;
  return (moment, line) => {
    if (moment !== "RCPT" || told) return undefined;
    told = true;
    return `450 4.2.1 ${line.slice(8)} is busy`;
  };
}

Deno.test("the way of a message through a server is one trace: taken, made durable, tried twice, gone", () =>
  withTempDir(async (directory) => {
    await using collector = new TraceCollector();
    await using host = new MailHost(busyOnce());
    const config = `${directory}/mail.toml`;
    await Deno.writeTextFile(config, '[retry]\nfirst = "100ms"\njitter = 0\n');
    const smarthost = `--smarthost=smtp://127.0.0.1:${host.host.port}`;
    let reply = "";
    await withServer(
      [smarthost, "--allow-private", `--spool=${directory}/spool`, `--config=${config}`],
      async (serving) => {
        using peer = await Peer.connect({ hostname: "127.0.0.1", port: serving.port });
        await peer.hello();
        const content = "Subject: s3cret-subject\r\n\r\ns3cret-body";
        reply = await peer.send(content, "s3cret-ann@here.test", "s3cret-bob@there.test");
        await until(() => host.messages.length === 1);
        await serving.log.find("attempt");
        serving.signal("SIGTERM");
        assertEquals(await serving.ended(), 0); // what it has gathered is exported by then
      },
      undefined,
      collector.environment,
    );
    assertStringIncludes(reply, "250 2.0.0 ");
    const id = /[0-9A-Z]{26}/.exec(reply)![0];
    const { spans, received } = collector;
    assertEquals(new Set(spans.map(({ traceId }) => traceId)), new Set([traceIdOf(id)]));
    assertEquals(new Set(spans.map((one) => one.attributes["smtp.message_id"])), new Set([id]));
    assertEquals(below(named(spans, "accept"), spans), ["commit"]);
    const attempts = spans.filter(({ name }) => name === "attempt")
      .sort((one, other) => one.begin - other.begin);
    const outcomes = attempts.map(({ attributes }) => attributes["smtp.outcome"]);
    assertEquals(outcomes, ["deferred", "delivered"]);
    const first = below(attempts[0]!, spans);
    for (const name of ["connect", "ehlo", "envelope"]) assert(first.includes(name), name);
    assert(below(attempts[1]!, spans).includes("content"));
    assertEquals(Number(named(spans, "finished").attributes["smtp.delivered"]), 1);
    assert(!received.includes("s3cret"), received);
  }));

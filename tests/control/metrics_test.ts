/** The metrics of a server, in the hands of those who read them. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { Metrics, type MetricsSource } from "../../control/metrics.ts";
import { MemoryQueue } from "../../queue/memory_queue.ts";
import { accepted, attempt, BEGIN, finished, refused, session } from "../history/facts.ts";
import { withTempDir } from "../helpers/temp_dir.ts";
import { TestClock } from "../helpers/test_clock.ts";
import { tool } from "../helpers/tools.ts";

/** What a server has that is idle, with a queue that has a disk. */
function source(clock: TestClock): MetricsSource & { readonly queue: MemoryQueue } {
  const queue = new MemoryQueue(clock);
  const footprint = () => ({ journal: 1000, segments: 2, free: 5000 });
  return {
    ...{ clock, queue: Object.assign(queue, { footprint }), startedAt: BEGIN },
    history: { octets: 4096, lost: 2 },
    version: "1.2.3",
    connections: () => 7,
    apiConnections: () => [
      { end: "socket", open: 1, refused: 0 },
      { end: "web", open: 64, refused: 3 },
    ],
    notReady: () => Promise.resolve([{ code: "spool_full", text: "space is low" }]),
  };
}

function metrics(): Metrics {
  return new Metrics(source(new TestClock(BEGIN + 60_000)));
}

/** One of everything. */
function filled(): Metrics {
  const all = metrics();
  const message = accepted({ commit: 4 });
  const id = message.id;
  const at = BEGIN;
  for (
    const fact of [
      message,
      attempt(message),
      attempt(message, {
        outcome: "deferred",
        delivered: 0,
        tls: { policy: "opportunistic" },
        error: { enhanced: "4.3.0", text: "later", scope: "host", permanent: false },
      }),
      finished(message),
      refused(),
      session({ end: "timeout" }),
    ]
  ) all.take(fact);
  all.take({ kind: "waits", at, id, destination: "x", why: "rests" });
  all.take({ kind: "notice", at, id, action: "delayed", recipients: [], reason: "asked" });
  all.take({ kind: "steered", at, id, action: "hold", by: "api" });
  all.askedDns("MX", "servfail");
  all.askedDns("A", "found");
  return all;
}

/** The samples of a text in the format, by name and labels; fails on a line that is none. */
function samples(text: string): Map<string, number> {
  const found = new Map<string, number>();
  for (const line of text.trimEnd().split("\n")) {
    if (/^# (HELP|TYPE) [a-z_]+ \S/.test(line)) continue;
    const [, series, value] =
      /^([a-z_]+(?:\{[a-z_]+="[^"\\\n]*"(?:,[a-z_]+="[^"\\\n]*")*\})?) (\S+)$/.exec(line) ?? [];
    assert(series !== undefined && Number.isFinite(Number(value)), `no sample: ${line}`);
    assert(!found.has(series), `twice: ${series}`);
    found.set(series, Number(value));
  }
  return found;
}

Deno.test("what happened is counted under the labels that name it", async () => {
  const found = samples(await filled().text());
  const expected: [string, number][] = [
    ['smtp_messages_accepted_total{origin="client"}', 1],
    ["smtp_messages_accepted_bytes_total", 4096],
    ['smtp_attempts_total{outcome="delivered",class="2xx"}', 1],
    ['smtp_attempts_total{outcome="deferred",class="4xx"}', 1],
    ['smtp_attempts_tls_total{version="TLSv1.3",verified="yes"}', 1],
    ['smtp_attempts_tls_total{version="none",verified="no"}', 1],
    ['smtp_dns_answers_total{type="MX"}', 2],
    ['smtp_stage_duration_seconds_count{stage="dns"}', 2],
    ['smtp_refusals_total{about="recipient",class="5xx"}', 1],
    ['smtp_sessions_total{role="mx",end="timeout"}', 1],
    ["smtp_received_bytes_total", 5000],
    ["smtp_messages_finished_total", 1],
    ["smtp_connections_open", 7],
    ['smtp_queue_messages{state="deferred"}', 0],
    ["smtp_history_bytes", 4096],
    ['smtp_commit_duration_seconds_bucket{le="0.005"}', 1],
    ['smtp_dns_questions_total{type="MX",result="servfail"}', 1],
    ['smtp_dns_questions_total{type="A",result="found"}', 1],
    ['smtp_not_ready{reason="spool_full"}', 1],
    ['smtp_not_ready{reason="stopping"}', 0],
    ["smtp_journal_bytes", 1000],
    ["smtp_journal_segments", 2],
    ["smtp_spool_free_bytes", 5000],
    ['smtp_api_connections_open{end="socket"}', 1],
    ['smtp_api_connections_refused_total{end="web"}', 3],
    ["smtp_history_lost_total", 2],
    ['smtp_build_info{version="1.2.3"}', 1],
  ];
  for (const [series, value] of expected) assertEquals(found.get(series), value, series);
});

Deno.test("the age of the oldest message is told by state", async () => {
  const clock = new TestClock(BEGIN);
  const idle = source(clock);
  const { queue } = idle;
  const all = new Metrics(idle);
  await queue.draft().commit(
    {
      reversePath: "",
      recipients: ["a@x.test"],
      smtputf8: false,
      body: "7BIT",
      client: { address: "", port: 0, helo: "", protocol: "ESMTP" },
    },
    { hold: true },
  );
  clock.advance(5000);
  const found = samples(await all.text());
  assertEquals(found.get('smtp_queue_oldest_seconds{state="held"}'), 5);
  assertEquals(found.get('smtp_queue_messages{state="held"}'), 1);
});

Deno.test("what is not known has no line", async () => {
  const idle = source(new TestClock(BEGIN));
  Object.assign(idle.queue, { footprint: () => ({ journal: 0, segments: 0 }) });
  const found = samples(await new Metrics(idle).text());
  assertEquals(found.get("smtp_journal_bytes"), 0);
  assert(!found.has("smtp_spool_free_bytes"));
});

Deno.test({
  name: "promtool finds nothing to say against them",
  ignore: tool("promtool") === undefined,
  async fn() {
    const command = new Deno.Command(tool("promtool")!, {
      args: ["check", "metrics"],
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    });
    const process = command.spawn();
    const writer = process.stdin.getWriter();
    await writer.write(new TextEncoder().encode(await filled().text()));
    await writer.close();
    const { code, stdout, stderr } = await process.output();
    assertEquals(new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr), "");
    assertEquals(code, 0);
  },
});

Deno.test("docs/operate.md has a row for every metric, and for no other", async () => {
  const page = await Deno.readTextFile(new URL("../../docs/operate.md", import.meta.url));
  const rows = [...page.matchAll(/^\| `((?:smtp|process)_[a-z_]+)`/gm)].map(([, name]) => name!);
  assertEquals(rows.sort(), [...metrics().names].sort());
});

/** Metrics that no panel has to show: they are for calculations with others. */
const WITHOUT_PANEL = [
  ...["process_start_time_seconds", "smtp_build_info", "smtp_dns_answers_total"],
  ...["smtp_messages_accepted_bytes_total", "smtp_recipients_delivered_total"],
];

Deno.test("the Grafana dashboard shows every metric, and asks for none that is not there", async () => {
  const page = await Deno.readTextFile(
    new URL("../../docs/grafana-dashboard.json", import.meta.url),
  );
  const names = new Set(metrics().names);
  const asked = [...page.matchAll(/\b((?:smtp|process)_[a-z_]+)/g)].map(([, name]) =>
    name!.replace(/_(bucket|sum|count)$/, "")
  );
  const shown = new Set(asked);
  assertEquals([...shown].filter((name) => !names.has(name)), []);
  assertEquals([...names].filter((name) => !shown.has(name)).sort(), WITHOUT_PANEL.sort());
});

/** A dashboard, as far as it is looked at here. */
interface Dashboard {
  readonly panels: readonly {
    readonly id: number;
    readonly targets: { readonly expr: string }[];
  }[];
}

Deno.test({
  name: "promtool can read every expression of the Grafana dashboard",
  ignore: tool("promtool") === undefined,
  fn: () =>
    withTempDir(async (directory) => {
      const file = new URL("../../docs/grafana-dashboard.json", import.meta.url);
      const { panels } = JSON.parse(await Deno.readTextFile(file)) as Dashboard;
      assertEquals(new Set(panels.map(({ id }) => id)).size, panels.length);
      const expressions = panels.flatMap(({ targets }) => targets.map(({ expr }) => expr));
      const rules = expressions.map((expr, at) => ({ record: `expression:${at}`, expr }));
      const path = `${directory}/rules.json`; // JSON is YAML too
      await Deno.writeTextFile(path, JSON.stringify({ groups: [{ name: "dashboard", rules }] }));
      const { code, stdout, stderr } = await new Deno.Command(tool("promtool")!, {
        args: ["check", "rules", path],
      }).output();
      const said = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
      assertEquals(code, 0, said);
      assertMatch(said, new RegExp(`${expressions.length} rules found`));
    }),
});

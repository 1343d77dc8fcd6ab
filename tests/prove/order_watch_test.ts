/** What the order proof makes of a trace: on traces written by hand, without a server. */
import { assertEquals, assertThrows } from "@std/assert";
import { TraceReader } from "./order/strace.ts";
import { type Rule, Watch } from "./order/watch.ts";

const SPOOL = "/r/spool";
const SEGMENT = `${SPOOL}/journal/00000001.jsonl`;
const NEXT_SEGMENT = `${SPOOL}/journal/00000002.jsonl`;
const ID = "01ARZ3NDEKTSV4RRFFQ69G5FAV";
const BOUNCE = "01ARZ3NDEKTSV4RRFFQ69G5FAW";
const CONTENT = `${SPOOL}/${ID}.eml`;
const FILE = `${SPOOL}/${ID}.json`;

/** What a trace has of a text. */
function quoted(text: string): string {
  return JSON.stringify(text);
}

function record(body: object): string {
  const text = JSON.stringify(body);
  return `{"v":1,"len":${String(text.length).padStart(10)},"crc":"00000000","r":${text}}\n`;
}

function queued(options: { id?: string; sender?: string; to?: string; file?: boolean } = {}) {
  const { id = ID, sender = "a@from.test", to = "b@taken.test", file = false } = options;
  const recipients = [{ address: to, status: "waiting" }];
  const content = file ? { contentFile: `${id}.eml` } : { content: 'x "content":"' };
  return record({ type: "queued", id, envelope: { reversePath: sender }, recipients, ...content });
}

const note = (type: "done" | "filed", id = ID) => record({ type, id });
const making = (path: string) => `1 mkdir(${quoted(path)}, 0700) = 0`;
const creating = (path: string) =>
  `1 openat(AT_FDCWD</x>, ${quoted(path)}, O_WRONLY|O_CREAT|O_TRUNC, 0600) = 5<${path}>`;
const writing = (path: string, text: string) =>
  `1 write(5<${path}>, ${quoted(text)}, ${text.length}) = ${text.length}`;
const syncing = (path: string) => `1 fdatasync(5<${path}>) = 0`;
const syncingNames = (path: string) => `1 fsync(5<${path}>) = 0`;
const renaming = (from: string, to: string) => `1 rename(${quoted(from)}, ${quoted(to)}) = 0`;
const removing = (path: string) => `1 unlink(${quoted(path)}) = 0`;
const saying = (id = ID) =>
  `1 sendto(7<TCP:[1:2->3:4]>, "250 2.0.0 Queued as ${id}\\r\\n", 47, 0, NULL, 0) = 47`;
const hearing = (address: string) =>
  `1 recvfrom(8<TCP:[1:2->3:4]>, "250 2.0.0 took ${address}\\r\\n", 65536, 0, NULL, NULL) = 30`;

/** The spool, durable. */
const BEGINNING = [
  making(SPOOL),
  making(`${SPOOL}/journal`),
  syncingNames("/r"),
  syncingNames(SPOOL),
];
/** A segment, by its name durable. */
const opening = (path = SEGMENT) => [creating(path), syncingNames(`${SPOOL}/journal`)];
/** A record or note, durable. */
const recording = (text: string, path = SEGMENT) => [writing(path, text), syncing(path)];
const taken = hearing("b@taken.test");
/** Content in a file, durable. */
const filling = [
  creating(CONTENT),
  writing(CONTENT, "octets"),
  syncing(CONTENT),
  syncingNames(SPOOL),
];
/** A message filed, durably. */
const filing = [
  creating(`${FILE}.tmp`),
  writing(`${FILE}.tmp`, queued()),
  syncing(`${FILE}.tmp`),
  renaming(`${FILE}.tmp`, FILE),
  syncingNames(SPOOL),
];

/** The rules that a trace breaks. */
function broken(...lines: string[]): Rule[] {
  const reader = new TraceReader();
  const watch = new Watch("/r", SPOOL);
  for (const line of lines) for (const event of reader.read(line)) watch.see(event);
  return watch.violations.map(({ rule }) => rule);
}

/** A trace that keeps all rules, and what it breaks where a line is left out. */
interface Case {
  readonly trace: readonly string[];
  readonly needed: readonly (readonly [what: string, line: string, rule: Rule])[];
}

const CASES: Record<string, Case> = {
  "a message acknowledged": {
    trace: [...BEGINNING, ...opening(), ...recording(queued()), saying()],
    needed: [
      ["the fdatasync of the journal", syncing(SEGMENT), "acknowledged before durable"],
      ["the record", writing(SEGMENT, queued()), "acknowledged before durable"],
      ["the segment's name", syncingNames(`${SPOOL}/journal`), "acknowledged before durable"],
      ["the journal's name", syncingNames(SPOOL), "acknowledged before durable"],
      ["the spool's name", syncingNames("/r"), "acknowledged before durable"],
    ],
  },
  "a message with content in a file": {
    trace: [...BEGINNING, ...opening(), ...filling, ...recording(queued({ file: true })), saying()],
    needed: [
      [
        "its fdatasync before the record",
        syncing(CONTENT),
        "recorded before its content is durable",
      ],
      ["its fdatasync before the 250", syncing(CONTENT), "acknowledged before durable"],
    ],
  },
  "a message filed": {
    trace: [
      ...BEGINNING,
      ...opening(),
      ...recording(queued()),
      ...filing,
      ...recording(note("filed")),
    ],
    needed: [
      [
        "the fdatasync of the file",
        syncing(`${FILE}.tmp`),
        "renamed before its octets are durable",
      ],
      [
        "the file in its place",
        renaming(`${FILE}.tmp`, FILE),
        "noted as filed before its file is durable",
      ],
    ],
  },
  "a message delivered, and its content removed": {
    trace: [
      ...BEGINNING,
      ...opening(),
      ...filling,
      ...recording(queued({ file: true })),
      taken,
      ...recording(note("done")),
      removing(CONTENT),
    ],
    needed: [
      ["the next hop's word", taken, "recorded as ended before its end"],
      ["the note", writing(SEGMENT, note("done")), "removed before its end is durable"],
    ],
  },
  "a sender told": {
    trace: [
      ...BEGINNING,
      ...opening(),
      ...recording(queued()),
      ...recording(queued({ id: BOUNCE, sender: "", to: "a@from.test" })),
      writing(SEGMENT, note("done")),
    ],
    needed: [[
      "the bounce",
      writing(SEGMENT, queued({ id: BOUNCE, sender: "", to: "a@from.test" })),
      "recorded as ended before its end",
    ]],
  },
  "a segment removed": {
    trace: [...BEGINNING, ...opening(), ...recording(queued()), taken, removing(SEGMENT)],
    needed: [["the end of its message", taken, "removed before its end is durable"]],
  },
  "a segment removed, and the next": {
    trace: [
      ...BEGINNING,
      ...opening(),
      ...recording(queued()),
      ...opening(NEXT_SEGMENT),
      taken,
      ...recording(note("done"), NEXT_SEGMENT),
      removing(SEGMENT),
      `2 fsync(5<${SPOOL}/journal>) = 0`,
      removing(NEXT_SEGMENT),
    ],
    needed: [[
      "that the one before is durably gone",
      `2 fsync(5<${SPOOL}/journal>) = 0`,
      "removed before what it takes back is gone",
    ]],
  },
};

for (const [name, { trace, needed }] of Object.entries(CASES)) {
  Deno.test(`${name}: nothing comes too early`, () => assertEquals(broken(...trace), []));

  for (const [what, line, rule] of needed) {
    Deno.test(`${name} needs ${what}`, () => {
      const rest = trace.filter((one) => one !== line);
      assertEquals(rest.length < trace.length, true);
      assertEquals(new Set(broken(...rest)).has(rule), true);
    });
  }
}

Deno.test("a sync that began before a write had ended does not count for it", () => {
  const record = queued();
  const trace = [
    ...BEGINNING,
    ...opening(),
    `1 write(5<${SEGMENT}>, ${quoted(record)}, ${record.length} <unfinished ...>`,
    `2 fdatasync(5<${SEGMENT}> <unfinished ...>`,
    `1 <... write resumed>) = ${record.length}`,
    "2 <... fdatasync resumed>) = 0",
  ];
  assertEquals(broken(...trace, saying()), ["acknowledged before durable"]);
  assertEquals(broken(...trace, syncing(SEGMENT), saying()), []);
});

Deno.test("a sync that failed, or never ended, does not count", () => {
  const trace = [...BEGINNING, ...opening(), writing(SEGMENT, queued())];
  const failed = `1 fdatasync(5<${SEGMENT}>) = -1 EIO (Input/output error)`;
  const endless = `1 fdatasync(5<${SEGMENT}> <unfinished ...>`;
  for (const line of [failed, endless]) {
    assertEquals(broken(...trace, line, saying()), ["acknowledged before durable"]);
  }
});

Deno.test("octets are read as they were, whatever strace makes of them", () => {
  const line = '7 write(5</a>, "a\\"b\\\\\\n\\0011\\303\\274\\\\", 9) = 9';
  const [begin, end] = new TraceReader().read(line);
  assertEquals(begin!.call.text(), 'a"b\\\n\x011\xc3\xbc\\');
  assertEquals(begin!.call.target, "/a");
  assertEquals(end!.kind === "end" && end!.result, 9);
});

Deno.test("a text that was cut off is known to be", () => {
  const [begin] = new TraceReader().read('7 write(5</a>, "abc"..., 900) = 900');
  assertEquals(begin!.call.whole, false);
});

Deno.test("what the proof has no model for is an error, not nothing", () => {
  const linking = `1 link(${quoted(SEGMENT)}, ${quoted(FILE)}) = 0`;
  assertThrows(() => broken(...BEGINNING, ...opening(), linking), Error, "does not know");
  assertThrows(() => broken("1 io_uring_setup(8, 0x7f) = 9"), Error, "io_uring");
  assertThrows(() => broken("nonsense"), Error, "cannot read the trace");
});

Deno.test("a call at which a thread was killed before strace could see it is nothing", () => {
  const reader = new TraceReader();
  const lines = ["7 ???( <unfinished ...>", "7 <... ??? resumed>) = ?"];
  assertEquals(lines.flatMap((line) => [...reader.read(line)]), []);
});

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { decode, encode } from "../../base/bytes.ts";
import { QUEUE_COMMANDS } from "../../main/queue_commands.ts";
import { type Ended, run, type Serving, withServer } from "../helpers/program.ts";
import { withTempDir } from "../helpers/temp_dir.ts";

/** What nobody's terminal may be given: it clears the screen, sets a title, reverses text. */
const HOSTILE = "\x1b[2J\x1b]0;owned\x07\u202e";

// deno-lint-ignore no-control-regex
const DRIVES_A_TERMINAL = /[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]/;

/** The command line for one spool. */
class Shell {
  readonly #spool: string;

  constructor(spool: string) {
    this.#spool = spool;
  }

  /** Runs `queue …`. */
  queue(...args: string[]): Promise<Ended> {
    return run(["queue", ...args, "--spool", this.#spool]);
  }

  /** Runs `plan …`. */
  plan(...args: string[]): Promise<Ended> {
    return run(["plan", ...args, "--spool", this.#spool]);
  }

  /** Runs `queue …`, which has to do what it should; gives the lines that it printed. */
  async lines(...args: string[]): Promise<string[]> {
    const { code, stdout, stderr } = await this.queue(...args);
    assertEquals([code, stderr], [0, []], args.join(" "));
    return stdout.split("\n").slice(0, -1);
  }

  /** Queues a message; gives its id. */
  async bring(to: string, subject = "Hello"): Promise<string> {
    const file = `From: anna@example.org\r\nTo: ${to}\r\nSubject: ${subject}\r\n\r\nHi.\r\n`;
    const { code, stdout, stderr } = await run(
      ["queue", "import", "-", "--spool", this.#spool],
      {},
      file,
    );
    assertEquals([code, stderr], [0, []]);
    return stdout.trim();
  }
}

/** A server that delivers nothing, and its spool. */
async function withQueue(check: (shell: Shell, serving: Serving) => Promise<void>): Promise<void> {
  await withTempDir(async (directory) => {
    const spool = `${directory}/spool`;
    await withServer(["--spool", spool, "--hold"], async (serving) => {
      await check(new Shell(spool), serving);
      serving.signal("SIGTERM");
      await serving.ended();
    });
  });
}

Deno.test("the queue looks the same with a server running and without", () =>
  withTempDir(async (directory) => {
    const spool = `${directory}/spool`;
    const shell = new Shell(spool);
    const looks = async (id: string) => [
      await shell.lines("list"),
      await shell.lines("show", id),
      await shell.lines("show", id, "--raw"),
      await shell.lines("list", "--json", "--domain", "example.net"),
      await shell.lines("history", "--to", "bob@example.net", "--on", "today"),
      await shell.lines("history", "--outcome", "waiting", "--on", "today"),
    ];
    let id = "";
    let before: string[][] = [];
    await withServer(["--spool", spool, "--hold"], async (serving) => {
      id = await shell.bring("bob@example.net");
      await shell.bring("carol@example.com");
      before = await looks(id);
      serving.signal("SIGTERM");
      await serving.ended();
    });
    const after = await looks(id);
    const timeless = (looks: string[][]) =>
      looks.map((lines) => lines.map((line) => line.replace(/\((now|.* ago)\)/, "")));
    assertEquals(timeless(after), timeless(before));
    assert(before.every((lines) => lines.length > 0));
    const [, , raw = []] = before;
    assertStringIncludes(raw.join("\n"), "Subject: Hello\r\n\r\nHi.");
  }));

Deno.test("a piped list has the documented columns, whole, and follows its filters and order", () =>
  withQueue(async (shell) => {
    const long = `${"x".repeat(60)}@a-domain-with-a-long-name.example.net`;
    const first = await shell.bring(`${long}, bob@example.com`);
    const second = await shell.bring("bob@example.net");
    const rows = (await shell.lines("list")).map((line) => line.split("\t"));
    assertEquals(rows.map(([id]) => id), [first, second]);
    const [, state, arrived, due, attempts, size, sender, recipients, hop, error] = rows[0]!;
    assertEquals([state, attempts, sender, recipients, hop, error], [
      "incoming",
      "0",
      "anna@example.org",
      `${long},bob@example.com`,
      "-",
      "-",
    ]);
    for (const time of [arrived!, due!]) assertMatch(time, /^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
    assert(Number(size) > 100);
    const ids = async (...args: string[]) =>
      (await shell.lines("list", ...args)).map((l) => l.slice(0, 26));
    assertEquals(await ids("--reverse"), [second, first]);
    assertEquals(await ids("--limit", "1"), [first]);
    assertEquals(await ids("--recipient", "bob@*"), [first, second]);
    assertEquals(await ids("--domain", "example.com"), [first]);
    assertEquals(await ids("--state", "held,deferred"), []);
    const [json] = await shell.lines("list", "--json", "--domain", "example.com");
    assertEquals(JSON.parse(json!).recipients, [long, "bob@example.com"]);
    const summary = (await shell.lines("summary")).map((line) => line.split("\t").slice(0, 2));
    assertEquals(summary.map(([name, count]) => `${name} ${count}`).sort(), [
      "a-domain-with-a-long-name.example.net 1",
      "example.com 1",
      "example.net 1",
    ]);
  }));

Deno.test("messages are held, released, redirected and removed, with --yes and not without", () =>
  withQueue(async (shell) => {
    const id = await shell.bring("bob@example.net");
    const asked = await shell.queue("hold", id);
    assertEquals([asked.code, asked.stderr], [2, [
      "deno-smtp-server: nobody is there to be asked: --yes does it",
    ]]);
    assertStringIncludes(asked.stdout, `1 message to hold:\n  ${id}  from anna@example.org`);
    const state = async () => (await shell.lines("list"))[0]?.split("\t")[1];
    assertEquals(await state(), "incoming");
    assertStringIncludes((await shell.lines("hold", id, "--yes")).join("\n"), "1 message held.");
    assertEquals(await state(), "held");
    assertStringIncludes((await shell.lines("explain", id))[0]!, "Held by the control socket at ");
    await shell.lines("release", "--state", "held", "--yes");
    assertEquals(await state(), "incoming");
    await shell.lines("redirect", id.slice(0, 25), "--to-host", "mx.example.com:2525", "--yes");
    await shell.lines("redirect", id, "--to-address", "bob@example.net=eve@example.net", "--yes");
    const [row = ""] = await shell.lines("list");
    assertEquals(row.split("\t").slice(7, 9), ["eve@example.net", "mx.example.com:2525"]);
    await shell.lines("remove", "--all", "--yes");
    assertEquals(await shell.lines("list"), []);
    assertStringIncludes((await shell.lines("explain", id))[0]!, "Removed by the control socket");
    assertEquals(await shell.lines("remove", "--all", "--yes"), [
      "No message in the queue matches.",
    ]);
  }));

Deno.test("what keeps all mail from going is said by explain and retry: a hold, or no server", () =>
  withTempDir(async (directory) => {
    const shell = new Shell(`${directory}/spool`);
    let id = "";
    const answer = async () => (await shell.lines("explain", id))[0];
    await withServer(["--spool", `${directory}/spool`, "--hold"], async (serving) => {
      id = await shell.bring("bob@example.net");
      assertEquals(await answer(), "Waiting: all mail is held until it is released");
      assertEquals((await shell.lines("retry", id, "--yes")).slice(-2), [
        "1 message due now.",
        "All delivery is held: queue release --all",
      ]);
      serving.signal("SIGTERM");
      await serving.ended();
    });
    assertEquals(
      await answer(),
      "Waiting for its first attempt, next when a server is started: none runs",
    );
    const noServer = "No server runs: nothing is delivered until one is started.";
    assertEquals((await shell.lines("retry", id, "--yes")).at(-1), noServer);
    await shell.lines("hold", "--domain", "example.net", "--yes");
    assertEquals(
      await answer(),
      "Waiting: all mail for example.net is held until it is released",
    );
    assertEquals((await shell.lines("retry", id, "--yes")).slice(-2), [
      noServer,
      "All mail for example.net is held: queue release --domain NAME",
    ]);
    const [summary = ""] = await shell.lines("summary", "--json");
    const { noServer: none, allHeld, heldDomains } = JSON.parse(summary);
    assertEquals([none, allHeld, heldDomains], [true, false, ["example.net"]]);
  }));

Deno.test("only messages with such a recipient are redirected to another, whatever else matches", () =>
  withQueue(async (shell) => {
    const bob = await shell.bring("bob@example.net");
    await shell.bring("carol@example.net");
    const change = ["--to-address", "BOB@example.net=dora@example.com", "--yes"];
    const shown = await shell.lines("redirect", "--all", ...change);
    assertEquals([shown[0], shown[2]], ["1 message to redirect:", "1 message redirected."]);
    const list = await shell.lines("list", "--json");
    assertEquals(list.map((line) => JSON.parse(line).recipients[0]), [
      "dora@example.com",
      "carol@example.net",
    ]);
    const none = await shell.lines("redirect", "--all", ...change);
    assertEquals(none, ["No message in the queue matches."]);
    const { code, stderr } = await shell.queue("redirect", bob, ...change);
    assertEquals(code, 1);
    assertStringIncludes(stderr[0]!, `not done: 1 without such a recipient (${bob})`);
  }));

Deno.test("a domain is held as such, now and from now on, and says so", () =>
  withQueue(async (shell) => {
    await shell.bring("bob@example.net");
    const held = await shell.lines("hold", "--domain", "example.net", "--yes");
    assertEquals(held, [
      "This stops all mail for example.net, now and from now on: 1 message in the queue, and " +
      "whatever comes.",
      "Held; queue release --domain example.net takes it back.",
    ]);
    assertStringIncludes((await shell.lines("summary"))[0]!, "\theld");
    await shell.lines("hold", "--domain", "Bücher.example", "--yes");
    const idn = await shell.lines("release", "--domain", "bücher.EXAMPLE", "--yes");
    assertEquals(idn, ["Released: all mail for bücher.EXAMPLE goes again."]);
    const released = await shell.lines("release", "--domain", "example.net", "--yes");
    assertEquals(released, ["Released: all mail for example.net goes again."]);
  }));

Deno.test("what a peer has sent is text wherever it is shown", () =>
  withQueue(async (shell) => {
    const id = await shell.bring("bob@example.net", `A ${HOSTILE} subject`);
    for (
      const args of [["list"], ["show", id], ["explain", id], ["history"], ["history", "--json"]]
    ) {
      const lines = await shell.lines(...args);
      for (const line of lines) assert(!DRIVES_A_TERMINAL.test(line.replace(/\r$/, "")), args[0]);
    }
    assertStringIncludes((await shell.lines("show", id)).join("\n"), "\\u001b[2J");
    // Its content is its content.
    assertStringIncludes((await shell.lines("show", id, "--raw")).join("\n"), HOSTILE);
  }));

Deno.test("explain says of an imported message who brought it, also without a server, and nobody once the history is gone", () =>
  withTempDir(async (directory) => {
    const spool = `${directory}/spool`;
    const shell = new Shell(spool);
    const brought = async (id: string) => (await shell.lines("explain", id)).slice(2, 4).join("\n");
    let id = "";
    await withServer(["--spool", spool, "--hold"], async (serving) => {
      id = await shell.bring("bob@example.net");
      assertStringIncludes(await brought(id), "an operator, as a file");
      serving.signal("SIGTERM");
      await serving.ended();
    });
    assertStringIncludes(await brought(id), "an operator, as a file");
    const later = await shell.bring("bob@example.net");
    assertStringIncludes(await brought(later), "an operator, as a file");
    await Deno.remove(`${spool}/history`, { recursive: true });
    assertStringIncludes(await brought(id), "why it was queued here is not recorded");
  }));

Deno.test("a message that is exported is what was imported, octet for octet, and no file is replaced", () =>
  withQueue(async (shell) => {
    await withTempDir(async (directory) => {
      const content = encode("From: a@example.org\r\nTo: b@example.net\r\n\r\n\u00e4\x80\r\n.\r\n");
      await Deno.writeFile(`${directory}/in.eml`, content);
      const [id = ""] = await shell.lines("import", `${directory}/in.eml`, "--from", "<>");
      assertEquals((await shell.lines("list"))[0]!.split("\t")[6], "<>");
      const path = `${directory}/out.eml`;
      assertEquals(await shell.lines("export", id, path), []);
      const written = await Deno.readFile(path);
      assertStringIncludes(decode(written), decode(content));
      assertEquals((await Deno.stat(path)).mode! & 0o777, 0o600);
      const again = await shell.queue("export", id, path);
      assertEquals([again.code, again.stderr], [1, [`deno-smtp-server: ${path}: is there`]]);
      const all = await shell.lines("export", "--all", `${directory}/all`);
      assertEquals(all, [`1 message written to ${directory}/all.`]);
      assertEquals(await Deno.readFile(`${directory}/all/${id}.eml`), written);
    });
  }));

Deno.test("what is not there ends with status 1, what makes no sense with 2, each with a line that says why", () =>
  withQueue(async (shell) => {
    const id = "01ARZ3NDEKTSV4RRFFQ69G5FAV";
    const cases: readonly (readonly [readonly string[], number, string])[] = [
      [["explain", id], 1, `${id} is not in the queue, and nothing is kept of a message ${id}`],
      [["show", id], 1, `there is no message ${id} in the queue`],
      [["show", "01ARZ"], 1, "no message in the queue has an id that begins with 01ARZ"],
      [["show", "../etc"], 2, '"../etc" is no id'],
      [["lst"], 2, 'queue: unknown command "lst" (did you mean list?)'],
      [["list", "--domian", "x"], 2, "unknown flag --domian (did you mean --domain?)"],
      [["list", "--older-than", "x"], 2, "--older-than: expected a whole number with a unit"],
      [["list", "--sort", "x"], 2, "--sort: "],
      [["list", "--limit", "0"], 2, '--limit "0": expected a whole number from 1 on'],
      [["history", "--since", "tomorow"], 2, '--since "tomorow": expected a time such as "today"'],
      [["hold"], 2, "queue hold: expected ids, or a filter such as --domain NAME, or --all"],
      [["hold", id, "--all"], 2, "queue hold: too much: expected ids"],
      [["redirect", id, "--yes"], 2, "queue redirect: expected --to-host HOST"],
      [["show"], 2, "queue show: expected queue show ID"],
      [["list", "x"], 2, 'unexpected "x"'],
    ];
    for (const [args, status, message] of cases) {
      const { code, stdout, stderr } = await shell.queue(...args);
      assertEquals([code, stdout], [status, ""], args.join(" "));
      assertStringIncludes(stderr[0]!, `deno-smtp-server: ${message}`);
    }
  }));

Deno.test("a message that is gone is explained by how its id begins, and several that begin so are named", () =>
  withQueue(async (shell) => {
    const ids = [await shell.bring("bob@example.net"), await shell.bring("carol@example.net")];
    await shell.lines("remove", ...ids, "--yes");
    for (const id of ids) {
      const [answer = ""] = await shell.lines("explain", id.slice(0, 20).toLowerCase());
      assertStringIncludes(answer, "Removed");
      const found = await shell.lines("history", "--id", id.slice(0, 20));
      assertEquals(found.map((line) => line.split("\t")[1]), [id]);
    }
    // Their times have the first digits in common, for the next thousands of years one.
    const { code, stderr } = await shell.queue("explain", ids[0]!.slice(0, 1));
    assertEquals(code, 1);
    const [later, earlier] = ids.toReversed();
    assertStringIncludes(
      stderr[0]!,
      `several messages have ids that begin with 0: ${later}, ${earlier}`,
    );
    const none = await shell.queue("explain", "7ZZ");
    assertEquals(none.code, 1);
    assertStringIncludes(none.stderr[0]!, "neither in the queue nor in the history");
  }));

Deno.test("a spool that is not there is not made", () =>
  withTempDir(async (directory) => {
    const { code, stderr } = await new Shell(`${directory}/spool`).queue("list");
    assertEquals([code, stderr.length], [1, 1]);
    assertStringIncludes(stderr[0]!, "there is no spool at ");
    assertEquals(await Array.fromAsync(Deno.readDir(directory)), []);
  }));

Deno.test("--help of the queue names every command, and that of a command its flags", async () => {
  const { code, stdout } = await run(["queue", "--help"]);
  assertEquals(code, 0);
  for (const { name, summary } of QUEUE_COMMANDS) {
    assertMatch(stdout, new RegExp(`^  ${name} .*${summary.slice(0, 20)}`, "m"));
  }
  const steering = await run(["queue", "hold", "--help"]);
  for (const flag of ["--domain NAME", "--all", "--yes", "--spool DIR"]) {
    assertStringIncludes(steering.stdout, `  ${flag} `);
  }
});

Deno.test("plan says the same with a server running and by the configuration alone", () =>
  withQueue(async (shell) => {
    const question = ["anna@example.org", "bob@[192.0.2.1]", "--client", "203.0.113.9"];
    const alone = await run(["plan", ...question, "--spool", "/nowhere/spool"]);
    assertEquals(alone.code, 1);
    assertStringIncludes(alone.stdout, "would be refused: 550 5.7.1");
    assertStringIncludes(alone.stdout, "is in no local_domain");
    const served = await shell.plan(...question);
    const same = ({ stdout }: Ended) =>
      stdout.split("\n").filter((line) => !/^By |\(in /.test(line));
    assertEquals(same(served), same(alone));
    assertStringIncludes(served.stdout, "By the running server.");
    const welcome = await shell.plan("<>", "bob@[192.0.2.1]");
    assertStringIncludes(welcome.stdout, "trust 127.0.0.0/8 (default)");
    assertStringIncludes(welcome.stdout, "accepted and held: all delivery is held");
    const wrong = await shell.plan("anna", "bob@example.org");
    assertEquals([wrong.code, wrong.stdout], [2, ""]);
  }));

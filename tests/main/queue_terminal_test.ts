import { assert, assertEquals, assertLess, assertMatch, assertStringIncludes } from "@std/assert";
import { widthOf } from "../../main/text_width.ts";
import { run, withServer } from "../helpers/program.ts";
import { freePort } from "../helpers/free_port.ts";
import { withTempDir } from "../helpers/temp_dir.ts";
import { tool } from "../helpers/tools.ts";

const MAIN = new URL("../../main.ts", import.meta.url).pathname;
const PTY = new URL("./on_terminal.py", import.meta.url).pathname;
const python = tool("python3");

/** When a program that should have ended long ago is killed, ms. */
const TOO_LONG = 20_000;

// deno-lint-ignore no-control-regex
const COLOURS = /\x1b\[\d+m/g;

/** What a program on a terminal did. */
interface Shown {
  readonly code: number;
  /** All of it. */
  readonly text: string;
  /** Its lines without colours. */
  readonly lines: readonly string[];
}

/** Runs `main.ts` on a terminal that is so wide; a prompt gets `answer`. */
async function show(
  args: readonly string[],
  { columns = 80, answer = "n", env = {} }: {
    columns?: number;
    answer?: string;
    env?: Record<string, string>;
  } = {},
): Promise<Shown> {
  const command = [Deno.execPath(), "run", "--quiet", "-A", MAIN, ...args];
  const { NO_COLOR: _, ...own } = Deno.env.toObject();
  const { code, stdout } = await new Deno.Command(python!, {
    args: [PTY, String(columns), answer, ...command],
    clearEnv: true,
    env: { ...own, TERM: "xterm-256color", ...env },
    signal: AbortSignal.timeout(TOO_LONG),
    stdin: "null",
    stderr: "inherit",
  }).output();
  const text = new TextDecoder().decode(stdout);
  const lines = text.replace(COLOURS, "").split(/\r?\n/).filter((line) => line !== "");
  return { code, text, lines };
}

/** A spool with two messages, on a server that delivers nothing. */
async function withMessages(check: (spool: string, ids: string[]) => Promise<void>): Promise<void> {
  await withTempDir(async (directory) => {
    const spool = `${directory}/spool`;
    await withServer(["--spool", spool, "--hold"], async (serving) => {
      const ids: string[] = [];
      for (
        const to of ["漢字漢字漢字漢字漢字漢字漢字@example.net", "a-rather-long-name@example.com"]
      ) {
        const file = `From: someone-with-a-long-name@example.org\nTo: ${to}\n\nHi.\n`;
        const flags = ["--to", to, "--spool", spool];
        const { stdout, stderr } = await run(["queue", "import", "-", ...flags], {}, file);
        assertEquals(stderr, []);
        ids.push(stdout.trim());
      }
      await check(spool, ids);
      serving.signal("SIGTERM");
      await serving.ended();
    });
  });
}

/** Resolves when so many messages are deferred. */
async function untilDeferred(spool: string, expected: number): Promise<void> {
  const end = Date.now() + TOO_LONG;
  const args = ["queue", "list", "--state", "deferred", "--spool", spool];
  for (let found = 0; found < expected;) {
    if (Date.now() > end) throw new Error(`${found} deferred, and not ${expected}`);
    found = (await run(args)).stdout.split("\n").length - 1;
  }
}

Deno.test({
  name: "on a terminal every line fits it, and the ids are whole",
  ignore: python === undefined,
  fn: () =>
    withMessages(async (spool, [first = "", second = ""]) => {
      for (const columns of [60, 80, 132]) {
        for (const command of [["list"], ["summary"], ["history"], ["explain", first]]) {
          const { code, lines } = await show(["queue", ...command, "--spool", spool], { columns });
          assertEquals(code, 0);
          for (const line of lines) assert(widthOf(line) <= columns, `${columns}: ${line}`);
          if (command[0] === "list") {
            assertEquals(lines[0], "All delivery is held: queue release --all");
            assertEquals(lines[1]!.startsWith("ID "), true);
            assertStringIncludes(lines[2]!, first);
            assertStringIncludes(lines[3]!, second);
            assertEquals(lines[4], "2 messages");
          }
        }
      }
    }),
});

Deno.test({
  name: "colours are on a terminal only, and not with NO_COLOR",
  ignore: python === undefined,
  fn: () =>
    withMessages(async (spool, [id = ""]) => {
      const args = ["queue", "explain", id, "--spool", spool];
      const coloured = await show(args);
      assertLess(0, coloured.text.match(COLOURS)?.length ?? 0);
      const plain = await show(args, { env: { NO_COLOR: "1" } });
      assertEquals(plain.text.match(COLOURS), null);
      const { stdout } = await run(args);
      assertEquals(stdout.match(COLOURS), null);
    }),
});

Deno.test({
  name: "a message that waits for its destination to answer says so, and no time",
  ignore: python === undefined,
  fn: () =>
    withTempDir(async (directory) => {
      const spool = `${directory}/spool`;
      const nobody = `smtp://127.0.0.1:${freePort("127.0.0.1")}`;
      await withServer(["--spool", spool, "--smarthost", nobody], async (serving) => {
        for (const expected of [1, 2]) {
          const file = "From: anna@example.org\nTo: bob@example.net\n\nHi.\n";
          await run(["queue", "import", "-", "--spool", spool], {}, file);
          await untilDeferred(spool, expected);
        }
        const { lines } = await show(["queue", "list", "--spool", spool], { columns: 132 });
        assertMatch(lines[1]!, / deferred .* in \d+ min /);
        assertMatch(lines[2]!, / deferred .* when it answers /);
        serving.signal("SIGTERM");
        await serving.ended();
      });
    }),
});

Deno.test({
  name: "it says how many messages are meant and asks, and only a yes does it",
  ignore: python === undefined,
  fn: () =>
    withMessages(async (spool, [first = "", second = ""]) => {
      const args = ["queue", "remove", "--sender", "someone*", "--spool", spool];
      const refused = await show(args, { answer: "n" });
      assertEquals(refused.code, 0);
      assertEquals(refused.lines[0], "2 messages to remove:");
      assertStringIncludes(refused.lines[1]!, first);
      assertStringIncludes(refused.lines[2]!, second);
      assertStringIncludes(refused.lines.join("\n"), "Remove, telling nobody, 2 messages? [y/N]");
      assertEquals(refused.lines.at(-1), "Nothing was done.");
      const agreed = await show(args, { answer: "y" });
      assertEquals([agreed.code, agreed.lines.at(-1)], [0, "2 messages removed."]);
      assertEquals((await show(["queue", "list", "--spool", spool])).lines, [
        "All delivery is held: queue release --all",
        "The queue is empty.",
      ]);
    }),
});

Deno.test({
  name: "what was asked about is what is done, whatever comes, goes or changes until the answer",
  ignore: python === undefined,
  fn: () =>
    withMessages(async (spool, [first = "", second = ""]) => {
      const queue = (rest: string) =>
        `"${Deno.execPath()}" run --quiet -A "${MAIN}" queue ${rest} --spool "${spool}"`;
      const comes = "printf 'From: someone@example.org\\nTo: late@example.net\\n\\nHi.\\n' | " +
        queue("import -");
      const args = ["queue", "hold", "--state", "incoming", "--sender", "someone*"];
      const asked = {
        answer: "y",
        env: { BEFORE_ANSWER: `${comes} && ${queue(`hold ${first} --yes`)}` },
      };
      const { code, lines } = await show([...args, "--spool", spool], asked);
      assertEquals(code, 1);
      assertEquals(lines[0], "2 messages to hold:");
      assertEquals(lines.slice(-2), [
        "1 message held.",
        "deno-smtp-server: not done: 1 that matched and do not any more",
      ]);
      const list = await run(["queue", "list", "--json", "--spool", spool]);
      const states = list.stdout.trim().split("\n").map((line) => JSON.parse(line))
        .map(({ id, state }) => [id, state]);
      assertEquals(states.slice(0, 2), [[first, "held"], [second, "held"]]);
      assertEquals(states[2]![1], "incoming");
    }),
});

Deno.test({
  name: "a reader that goes away ends it quietly",
  ignore: tool("sh") === undefined,
  fn: () =>
    withMessages(async (spool, [first = ""]) => {
      const command = `"$0" run -A "$1" queue list --json --spool "$2" | head -c 10`;
      const { stdout, stderr } = await new Deno.Command("sh", {
        args: ["-c", command, Deno.execPath(), MAIN, spool],
        signal: AbortSignal.timeout(TOO_LONG),
      }).output();
      const text = new TextDecoder();
      assertEquals([text.decode(stdout), text.decode(stderr)], [
        `{"id":"${first}"`.slice(0, 10),
        "",
      ]);
    }),
});

import { assertEquals, assertMatch } from "@std/assert";

const ROOT = new URL("../../", import.meta.url);
const PROLOGUE = `
  import { log } from "${ROOT}base/log.ts";
  import { setUpLog } from "${ROOT}config/log_setup.ts";
  setUpLog("json", "info");
  const it = log("it");
`;

/** Runs a program that has set its log up, and gives its exit status and what it wrote to standard error. */
async function logOf(body: string): Promise<{ code: number; lines: string[] }> {
  const script = await Deno.makeTempFile({ suffix: ".ts" });
  try {
    await Deno.writeTextFile(script, PROLOGUE + body);
    const args = ["run", "-A", "--no-check", `--config=${ROOT.pathname}deno.json`, script];
    const { code, stderr } = await new Deno.Command(Deno.execPath(), { args }).output();
    const text = new TextDecoder().decode(stderr);
    return { code, lines: text.split("\n").filter((line) => line !== "") };
  } finally {
    await Deno.remove(script);
  }
}

const messages = (lines: string[]) => lines.map((line) => JSON.parse(line).message);

Deno.test("records are written in their order, and those below the level are not", async () => {
  const { lines } = await logOf(`
    it.info("one");
    it.debug("none");
    it.warn("two");
    await Promise.resolve();
    it.info("three");
  `);
  assertEquals(messages(lines), ["one", "two", "three"]);
});

Deno.test("an exit in mid-turn loses no record", async () => {
  const { code, lines } = await logOf(`it.info("one"); it.info("two"); Deno.exit(3);`);
  assertEquals([code, ...messages(lines)], [3, "one", "two"]);
});

Deno.test("an exception that nobody handles loses no record", async () => {
  for (const end of [`throw new Error("bug");`, `setTimeout(() => { it.info("late"); bug(); });`]) {
    const { code, lines } = await logOf(`it.info("one"); ${end}`);
    assertEquals(code, 1);
    assertMatch(lines[0]!, /"message":"one"/);
    if (end.includes("late")) assertMatch(lines[1]!, /"message":"late"/);
  }
});

Deno.test("a warning is written before anything else is done, and what came before it too", async () => {
  const { lines } = await logOf(`
    it.info("one");
    it.warn("two");
    Deno.kill(Deno.pid, "SIGKILL");
    while (true);
  `);
  assertEquals(messages(lines), ["one", "two"]);
});

Deno.test("records of one turn are one write", async () => {
  const { lines } = await logOf(`
    let writes = 0;
    const write = Deno.stderr.writeSync.bind(Deno.stderr);
    Deno.stderr.writeSync = (octets) => (writes++, write(octets));
    const batch = Promise.resolve();
    await Promise.all(Array.from({ length: 50 }, async () => { await batch; it.info("one of many"); }));
    it.warn("writes", { writes });
  `);
  assertEquals(lines.length, 51);
  assertMatch(lines[50]!, /"fields":\{"writes":1\}/);
});

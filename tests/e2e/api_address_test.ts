/** The API at an address, of the real program and with curl: who has the token steers, who has not learns nothing, and the token is said nowhere. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { runCommand } from "../helpers/command.ts";
import { run, type Serving, withServer } from "../helpers/program.ts";
import { withTempDir } from "../helpers/temp_dir.ts";
import { tool } from "../helpers/tools.ts";

const CURL = tool("curl");
const TOKEN = "canary-0123456789-canary-abcdef";

/** What the API answered. */
interface Answer {
  readonly status: number;
  readonly head: string;
  readonly body: string;
}

/** Has curl ask. */
async function ask(url: string, ...args: readonly string[]): Promise<Answer> {
  const flags = ["--silent", "--show-error", "--include", "--max-time", "20"];
  const said = await runCommand({ path: CURL!, args: [...flags, ...args, url] });
  const end = said.indexOf("\r\n\r\n");
  const head = said.slice(0, end);
  return { status: Number(head.split(" ")[1]), head, body: said.slice(end + 4) };
}

const shown = ["--header", `Authorization: Bearer ${TOKEN}`];

/** The program with the API at an address, a message that is held, and its id. */
async function withApi(
  check: (api: string, id: string, serving: Serving) => Promise<void>,
): Promise<void> {
  await withTempDir(async (directory) => {
    const [spool, file] = [`${directory}/spool`, `${directory}/token`];
    await Deno.writeTextFile(file, `${TOKEN}\n`, { mode: 0o600 });
    const flags = ["--spool", spool, "--hold", "--api", "127.0.0.1:0", "--api-token-file", file];
    await withServer([...flags, "--log-level=debug"], async (serving) => {
      const { address: api } = await serving.log.find("the API is served");
      const message = "From: anna@example.org\nTo: bob@example.net\n\nHi.\n";
      const { code, stdout } = await run(["queue", "import", "-", "--spool", spool], {}, message);
      assertEquals(code, 0);
      await check(String(api), stdout.trim(), serving);
      serving.signal("SIGTERM");
      assertEquals(await serving.ended(), 0);
      await serving.log.end();
      assertStringIncludes(JSON.stringify(serving.log.records), stdout.trim());
      assert(!JSON.stringify(serving.log.records).includes("canary"));
      const { stdout: told } = await run(["queue", "explain", stdout.trim(), "--spool", spool]);
      assertStringIncludes(told, "an operator, as a file");
      assert(!told.includes("canary"));
    });
  });
}

Deno.test({
  name: "curl with the token lists the queue and removes a message, which then is gone",
  ignore: CURL === undefined,
  fn: () =>
    withApi(async (api, id) => {
      const list = await ask(`${api}/v1/queue`, ...shown);
      assertEquals([list.status, JSON.parse(list.body).messages[0].id], [200, id]);
      const body = JSON.stringify({ action: "remove", ids: [id] });
      const json = ["--header", "Content-Type: application/json", "--data", body];
      const removed = await ask(`${api}/v1/queue/actions`, ...shown, ...json);
      assertEquals([removed.status, JSON.parse(removed.body).done], [200, 1]);
      assertEquals((await ask(`${api}/v1/queue/${id}`, ...shown)).status, 404);
    }),
});

Deno.test({
  name:
    "who lacks the token, comes for another host or from another page changes and learns nothing",
  ignore: CURL === undefined,
  fn: () =>
    withApi(async (api, id) => {
      const url = `${api}/v1/queue/actions`;
      const body = JSON.stringify({ action: "remove", ids: [id] });
      const json = ["--header", "Content-Type: application/json", "--data", body];
      const cases: readonly (readonly [number, readonly string[]])[] = [
        [401, []],
        [401, ["--header", `Authorization: Bearer ${TOKEN}x`]],
        [401, ["--header", `Authorization: Basic ${btoa(`x:${TOKEN}`)}`]],
        [403, [...shown, "--header", "Origin: http://evil.test"]],
        [403, [...shown, "--header", "Sec-Fetch-Site: cross-site"]],
        [421, [...shown, "--header", "Host: evil.test"]],
      ];
      for (const [status, args] of cases) {
        const { head, body } = await ask(url, ...json, ...args);
        assertEquals(Number(head.split(" ")[1]), status, args.join(" "));
        assert(!`${head}${body}`.includes(id) && !`${head}${body}`.includes("canary"), body);
      }
      assertEquals((await ask(`${api}/v1/queue/${id}`, ...shown)).status, 200);
    }),
});

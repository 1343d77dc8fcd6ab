/** What lies in a spool is for its owner only, whatever the umask and whoever made the directory. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { type Serving, withServer } from "../helpers/program.ts";
import { withTempDir } from "../helpers/temp_dir.ts";
import { Peer } from "../transport/peer.ts";

/** Everything below a directory, with the kind of thing it is: a name with its digits and letters taken out. */
async function* walk(path: string, below = ""): AsyncGenerator<[path: string, kind: string]> {
  yield [path, below === "" ? "spool/" : below];
  for await (const { name, isDirectory } of Deno.readDir(path)) {
    const kind = below + name.replace(/^([0-9A-Z]{8,}|[a-z]+-\d+-\d{4}-\d\d-\d\d)(?=\.)/, "*");
    if (isDirectory) yield* walk(`${path}/${name}`, `${kind}/`);
    else yield [`${path}/${name}`, kind];
  }
}

/** Asserts that only the owner has rights in the spool; gives the kinds of what is there. */
async function assertClosed(spool: string): Promise<string[]> {
  const kinds = new Set<string>();
  for await (const [path, kind] of walk(spool)) {
    const { mode, isDirectory } = await Deno.lstat(path);
    assertEquals((mode! & 0o777).toString(8), isDirectory ? "700" : "600", kind);
    kinds.add(kind);
  }
  return [...kinds].sort();
}

async function bring({ port }: Serving, content: string): Promise<void> {
  using peer = await Peer.connect({ hostname: "127.0.0.1", port });
  await peer.hello();
  assertMatch(await peer.send(content), /^250 2\.0\.0 /);
}

async function stop({ signal, ended }: Serving): Promise<void> {
  signal("SIGTERM");
  assertEquals(await ended(), 0);
}

/** Breaks the record of a message that waits. */
async function damageOne(spool: string): Promise<void> {
  for await (const { name } of Deno.readDir(spool)) {
    if (name.endsWith(".json")) return await Deno.writeTextFile(`${spool}/${name}`, "{");
  }
}

/** With the program's umask; ours is the one it inherits. */
async function withUmask(umask: number, check: () => Promise<void>): Promise<void> {
  const before = Deno.umask(umask);
  try {
    await check();
  } finally {
    Deno.umask(before);
  }
}

const KINDS = [".lock", "journal/", "spool/", "tls/", "tls/cert.pem", "tls/key.pem"];
const HISTORY = ["history/", "history/*.idx", "history/*.jsonl"];
const LARGE = "x\r\n".repeat(100_000);

for (const umask of [0o000, 0o022, 0o077]) {
  const name = umask.toString(8).padStart(3, "0");
  Deno.test({
    name: `with umask ${name} what is in the spool is for its owner only`,
    ignore: Deno.build.os === "windows",
    fn: () =>
      withTempDir((directory) =>
        withUmask(umask, async () => {
          const spool = `${directory}/spool`;
          const flags = [`--spool=${spool}`, "--hold"];
          await withServer(flags, async (serving) => {
            await bring(serving, "Subject: small\r\n");
            await bring(serving, LARGE);
            const kinds = [...KINDS, "*.eml", "control.sock", "journal/*.jsonl"].sort();
            // The history is written when a second has passed, or at the stop.
            const found = await assertClosed(spool);
            assertEquals(found.filter((kind) => !HISTORY.includes(kind)), kinds);
            await stop(serving);
          });
          assertEquals(await assertClosed(spool), [...KINDS, ...HISTORY, "*.eml", "*.json"].sort());
          await damageOne(spool);
          for (const path of ["", "/journal"]) await Deno.chmod(spool + path, 0o777);
          await withServer(flags, stop);
          const kinds = await assertClosed(spool);
          assert(kinds.includes("corrupt/*.json"), kinds.join());
        })
      ),
  });
}

import { assert, assertEquals } from "@std/assert";

/** From the leaves to the top: a room imports only itself and rooms before it. `docs/decisions/0001-layout.md` says why. */
const ROOMS = [
  "base",
  "message",
  "protocol",
  "config",
  "queue",
  "history",
  "policy",
  "transport",
  "deliver",
  "control",
  "web",
  "server",
  "mod",
  "main",
];

const ROOT = new URL("../", import.meta.url);

/** Data that code imports; it belongs to no room and imports nothing. */
const DATA = /\.(?:json|css|js)$/;

interface Arrow {
  readonly from: string;
  readonly to: string;
}

/** What `deno info --json` tells of a module, as far as it is used here. */
interface Module {
  readonly specifier: string;
  readonly dependencies?: readonly {
    readonly code?: { readonly specifier?: string };
    readonly type?: { readonly specifier?: string };
  }[];
}

/** The project's own modules: not the tests, the benchmarks and the declarations of types. */
async function sources(directory = ROOT): Promise<string[]> {
  const found: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(directory)) {
    if (isDirectory && (directory !== ROOT || ROOMS.includes(name))) {
      found.push(...await sources(new URL(name + "/", directory)));
    }
    if (/\.tsx?$/.test(name)) found.push(new URL(name, directory).href);
  }
  return found;
}

/** Every import between two files of the project, types included, as Deno itself resolves them. */
async function arrows(): Promise<Arrow[]> {
  const entry = await Deno.makeTempFile({ suffix: ".ts" });
  try {
    const imports = (await sources()).map((file) => `import ${JSON.stringify(file)};`);
    await Deno.writeTextFile(entry, imports.join("\n"));
    const { code, stdout } = await new Deno.Command(Deno.execPath(), {
      args: ["info", "--json", "--config", "deno.json", entry],
      cwd: ROOT,
      stderr: "null",
    }).output();
    assertEquals(code, 0, "deno info failed");
    const { modules } = JSON.parse(new TextDecoder().decode(stdout)) as { modules: Module[] };
    return modules.filter(({ specifier }) => specifier.startsWith(ROOT.href)).flatMap(outgoing);
  } finally {
    await Deno.remove(entry);
  }
}

function outgoing({ specifier, dependencies = [] }: Module): Arrow[] {
  return dependencies
    .flatMap(({ code, type }) => [code?.specifier, type?.specifier])
    .filter((to) => to !== undefined)
    .filter((to) => to.startsWith(ROOT.href) && !DATA.test(to))
    .map((to) => ({ from: relative(specifier), to: relative(to) }));
}

function relative(specifier: string): string {
  return specifier.slice(ROOT.href.length);
}

/** The room of a file: its folder, or its own name at the root. */
function roomOf(file: string): string {
  return file.replace(/\.tsx?$/, "").split("/")[0]!;
}

/** A top file tells the story of the room whose name it bears. */
function isTopFile(file: string): boolean {
  return !file.includes("/");
}

Deno.test("imports run one way: no room imports one to its right", async () => {
  const found = await arrows();
  const back = found.filter(({ from, to }) =>
    ROOMS.indexOf(roomOf(from)) < ROOMS.indexOf(roomOf(to))
  );
  assertEquals(back, []);
  assert(found.some(({ from, to }) => from.startsWith("config/") && to.startsWith("protocol/")));
});

Deno.test("no part of a room imports the top file that uses it", async () => {
  const up = (await arrows())
    .filter(({ from, to }) => !isTopFile(from) && isTopFile(to) && roomOf(from) === roomOf(to));
  assertEquals(up, []);
});

Deno.test("every source file belongs to a room", async () => {
  const rooms = (await arrows()).flatMap(({ from, to }) => [roomOf(from), roomOf(to)]);
  assertEquals(rooms.filter((room) => !ROOMS.includes(room)), []);
});

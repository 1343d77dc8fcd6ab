import { assert, assertEquals } from "@std/assert";
import { isOutOfDescriptors, Reserve } from "../../transport/reserve.ts";
import { withTempDir } from "../helpers/temp_dir.ts";
import { tool } from "../helpers/tools.ts";

/** How often this process has a path open. */
function timesOpen(path: string): number {
  let count = 0;
  for (const { name } of Deno.readDirSync("/proc/self/fd")) {
    try {
      if (Deno.readLinkSync(`/proc/self/fd/${name}`) === path) count++;
    } catch {
      // The descriptor that read the directory is gone by now.
    }
  }
  return count;
}

Deno.test({
  name: "a reserve is one descriptor, given up when it is needed and restored after",
  ignore: Deno.build.os !== "linux",
  fn: () =>
    withTempDir(async (directory) => {
      const path = await Deno.realPath(directory);
      const reserve = new Reserve(path);
      assertEquals(timesOpen(path), 1);
      assert(reserve.giveUp());
      assertEquals(timesOpen(path), 0);
      assert(!reserve.giveUp(), "it can be given up only once");
      assert(reserve.restore());
      assert(reserve.restore());
      assertEquals(timesOpen(path), 1);
      reserve.close();
      assert(reserve.restore());
      assertEquals(timesOpen(path), 0);
    }),
});

for (const path of [undefined, "/no/such/path"]) {
  Deno.test(`without a path that can be opened there is no reserve, and that is no fault: ${path}`, () => {
    const reserve = new Reserve(path);
    assert(reserve.restore());
    assert(!reserve.giveUp());
    reserve.close();
  });
}

Deno.test("only the system's codes for it say that there are no more descriptors", () => {
  assert(isOutOfDescriptors(Object.assign(new Error("x"), { code: "EMFILE" })));
  assert(isOutOfDescriptors(Object.assign(new Error("x"), { code: "ENFILE" })));
  assert(!isOutOfDescriptors(Object.assign(new Error("x"), { code: "ECONNABORTED" })));
  assert(!isOutOfDescriptors({ code: "EMFILE" }));
});

/** Uses up all descriptors, and says what is left to be had. */
const OUT_OF_ALL = `
  import { Reserve } from ${JSON.stringify(import.meta.resolve("../../transport/reserve.ts"))};
  import { stackTrace } from "./stack_trace.ts";
  const reserve = new Reserve(Deno.cwd());
  const open = [];
  try {
    while (true) open.push(Deno.openSync(Deno.cwd()));
  } catch (error) {
    console.log(error.code, reserve.restore(), stackTrace().length > 0);
    console.log(reserve.giveUp());
    open.push(Deno.openSync(Deno.cwd()));
    console.log(reserve.restore());
  }
`;
const STACK_TRACE = `
  export function stackTrace(): string {
    const { stack } = new Error("x");
    if (stack === undefined) return "";
    return stack;
  }
`;

Deno.test({
  name: "out of descriptors the reserve is the last one, and errors still have a stack trace",
  ignore: tool("prlimit") === undefined,
  fn: () =>
    withTempDir(async (directory) => {
      await Deno.writeTextFile(`${directory}/program.ts`, OUT_OF_ALL);
      await Deno.writeTextFile(`${directory}/stack_trace.ts`, STACK_TRACE);
      const { stdout, stderr } = await new Deno.Command(tool("prlimit")!, {
        args: ["--nofile=64:64", Deno.execPath(), "run", "-A", `${directory}/program.ts`],
      }).output();
      const text = new TextDecoder();
      assertEquals(text.decode(stdout), "EMFILE true true\ntrue\nfalse\n", text.decode(stderr));
    }),
});

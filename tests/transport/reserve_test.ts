import { assert, assertEquals } from "@std/assert";
import { isOutOfDescriptors, Reserve } from "../../transport/reserve.ts";
import { withTempDir } from "../helpers/temp_dir.ts";

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

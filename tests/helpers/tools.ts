/**
 * Programs that some tests need and not every machine has. A test that lacks
 * one is skipped, unless `SMTP_TEST_REQUIRE_TOOLS=1` says that all must be there.
 */

/** Where Debian puts daemons and git its commands; not in everybody's PATH. */
const SYSTEM_DIRECTORIES = ["/usr/sbin", "/sbin", "/usr/local/sbin", "/usr/lib/git-core"];

/**
 * The path of a program, undefined when it is not installed. For `ignore`:
 *
 * `Deno.test({ name, ignore: tool("openssl") === undefined, fn })`
 *
 * @throws {Error} when it is not installed and tools are required.
 */
export function tool(name: string): string | undefined {
  const [separator, suffix] = Deno.build.os === "windows" ? [";", ".exe"] : [":", ""];
  const directories = (Deno.env.get("PATH") ?? "").split(separator).concat(SYSTEM_DIRECTORIES);
  const found = directories.map((directory) => `${directory}/${name}${suffix}`).find(isFile);
  if (found === undefined) mustBeThere(name);
  return found;
}

/** Whether Perl has these modules, which a program needs. @throws {Error} as {@linkcode tool} does. */
export function hasPerl(...modules: readonly string[]): boolean {
  const perl = tool("perl");
  if (perl === undefined) return false;
  return modules.every((module) => {
    const { success } = new Deno.Command(perl, { args: [`-M${module}`, "-e", "1"] }).outputSync();
    if (!success) mustBeThere(`Perl's ${module}`);
    return success;
  });
}

/** @throws {Error} when tools are required. */
function mustBeThere(name: string): void {
  if (Deno.env.get("SMTP_TEST_REQUIRE_TOOLS") !== "1") return;
  throw new Error(`${name} is not installed, and SMTP_TEST_REQUIRE_TOOLS=1 requires it`);
}

function isFile(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}

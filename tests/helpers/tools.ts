/**
 * Programs that some tests need and not every machine has. A test that lacks
 * one is skipped, unless `SMTP_TEST_REQUIRE_TOOLS=1` says that all must be there.
 */

/** Where Debian puts daemons; not in everybody's PATH. */
const SYSTEM_DIRECTORIES = ["/usr/sbin", "/sbin", "/usr/local/sbin"];

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
  if (found === undefined && Deno.env.get("SMTP_TEST_REQUIRE_TOOLS") === "1") {
    throw new Error(`${name} is not installed, and SMTP_TEST_REQUIRE_TOOLS=1 requires it`);
  }
  return found;
}

function isFile(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}

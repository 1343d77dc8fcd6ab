/** A directory of a test's own, gone when the test ends. */
export async function withTempDir(check: (directory: string) => Promise<void>): Promise<void> {
  const directory = await Deno.makeTempDir();
  try {
    await check(directory);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

/** A directory of a test's own, gone when the test ends. */
export async function withTempDir<T>(check: (directory: string) => Promise<T>): Promise<T> {
  const directory = await Deno.makeTempDir();
  try {
    return await check(directory);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

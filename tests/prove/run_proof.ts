/**
 * Runs a proof as a program: with a directory of its own, which is kept for the
 * finder of what is broken and removed otherwise, a last line that says whether
 * it held, and the exit status.
 *
 * @module
 */

/** Runs a proof, which prints its own report and says whether it held, and ends the program. */
export async function runProof(
  name: string,
  prove: (directory: string) => Promise<boolean>,
): Promise<never> {
  const directory = await Deno.makeTempDir({ prefix: `prove-${name}-` });
  const held = await prove(directory).catch((error) => {
    console.error(error);
    return false;
  });
  if (held) await Deno.remove(directory, { recursive: true });
  else console.log(`what the server left behind is in ${directory}`);
  console.log(`proof ${name}: ${held ? "held" : "BROKEN"}`);
  Deno.exit(held ? 0 : 1);
}

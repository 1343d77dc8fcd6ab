/** Programs that are run to their end, with an input and surroundings of their own. */

/** A program and what it is given. */
export interface Command {
  /** Where it is. */
  readonly path: string;
  readonly args: readonly string[];
  /** Its standard input; empty unless given. */
  readonly input?: string;
  /** Variables beside those of this process. */
  readonly env?: Readonly<Record<string, string>>;
}

/** Runs it; gives what it said. @throws {Error} with that, when it does not end well. */
export async function runCommand({ path, args, input = "", env }: Command): Promise<string> {
  const child = new Deno.Command(path, {
    args: [...args],
    env,
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  // One that does not read its input closes it.
  const fed = new Blob([input]).stream().pipeTo(child.stdin).catch(() => {});
  const { success, stdout, stderr } = await child.output();
  await fed;
  const text = new TextDecoder();
  const said = text.decode(stdout);
  if (!success) throw new Error(`${path} failed: ${text.decode(stderr)}${said}`);
  return said;
}

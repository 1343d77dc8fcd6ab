/**
 * Who steered a message, in words: facts name the end of the API that was used. Pure;
 * what is not known is shown as it is recorded.
 *
 * @module
 */
const ACTORS: ReadonlyMap<string, string> = new Map([
  ["socket", "the control socket"],
  ["api", "the API"],
  ["web", "the page"],
  ["spool", "the command line, with no server running"],
  ["server", "this server"],
]);

/** Who did something, for people; `by` as a {@linkcode SteerFact} has it. */
export function actorText(by: string): string {
  return ACTORS.get(by) ?? by;
}

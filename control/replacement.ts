/**
 * Which recipients of a message a redirection replaces. Whoever steers names them as
 * they are looked for, in any case; the queue knows them as they were accepted. Cannot
 * fail.
 *
 * @module
 */
import { comparable } from "../history/keys.ts";
import type { Overview, Steering } from "../queue/queue.ts";

/** Says what is to be done to a message; undefined where there is nothing: of its recipients none is replaced, and it keeps its next hop. */
export function steeringFor(
  steering: Steering,
): (message: Pick<Overview, "recipients">) => Steering | undefined {
  if (steering.kind !== "redirect" || steering.recipients === undefined) return () => steering;
  const wanted = new Map([...steering.recipients].map(([from, to]) => [comparable(from), to]));
  return (message) => {
    const recipients = new Map<string, string>();
    for (const address of message.recipients) {
      const other = wanted.get(comparable(address));
      if (other !== undefined) recipients.set(address, other);
    }
    if (recipients.size > 0) return { ...steering, recipients };
    return steering.nextHop === undefined ? undefined : { ...steering, recipients: undefined };
  };
}

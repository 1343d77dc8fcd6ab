/**
 * Whether the server takes mail and keeps it, and what is in the way: asked by those who
 * send it traffic. It tells what is so now, and is so again once a fault is over; a
 * disk that hangs is waited for two seconds at most. Never rejects.
 *
 * @module
 */
import type { NotReady, NotReadyCode } from "../control/target.ts";
import type { Queue, StoreFault } from "../queue/queue.ts";
import type { BoundAddress } from "../transport.ts";

/** Whom readiness is asked of. */
export interface ReadinessSource {
  readonly queue: Pick<Queue, "counts" | "fault">;
  /** Whether the server stops. */
  readonly isStopping: () => boolean;
  /** The addresses at which nobody is let in. */
  readonly deaf: () => readonly BoundAddress[];
}

/** Everything that is in the way of mail; empty when nothing is. */
export async function reasonsNotReady(source: ReadinessSource): Promise<readonly NotReady[]> {
  const { queue, isStopping, deaf } = source;
  // What it has is being given up in good order, and is not looked at any more.
  if (isStopping()) return [reason("stopping", "the server is stopping")];
  const reasons: NotReady[] = [];
  const { unread } = queue.counts();
  if (unread > 0) {
    reasons.push(reason("starting", `${unread} messages of the spool are not read yet`));
  }
  for (const address of deaf()) {
    reasons.push(reason("listener_closed", `nobody is let in at ${address}`));
  }
  const fault = await queue.fault();
  if (fault !== undefined) reasons.push(storeReason(fault));
  return isStopping() ? [reason("stopping", "the server is stopping")] : reasons;
}

/** Anybody may ask: the spool's path is for the log. */
function storeReason({ kind, code }: StoreFault): NotReady {
  const why = code === undefined ? "" : ` (${code})`;
  switch (kind) {
    case "no-space":
      return reason("spool_full", `space is low for the spool${why}`);
    case "storage":
      return reason("spool_unwritable", `the spool cannot be written${why}`);
    default:
      return kind satisfies never;
  }
}

function reason(code: NotReadyCode, text: string): NotReady {
  return { code, text };
}

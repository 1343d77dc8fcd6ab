/**
 * The history of a spool, opened as the configuration says. Never rejects.
 *
 * @module
 */
import type { Clock } from "../base/clock.ts";
import type { Config } from "../config/config.ts";
import { History } from "../history/history.ts";

/** Opens it; undefined where none is to be kept. */
export async function openHistory(
  { spool, history: { keep, size } }: Config,
  clock: Clock,
): Promise<History | undefined> {
  if (size === 0) return undefined;
  return await History.open({ directory: `${spool}/history`, keep, size, clock });
}

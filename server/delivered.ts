/**
 * Tells a sender that its message was delivered, where it asked for that and an
 * application has taken the message over: this is as far as it goes (RFC 3461 §5.2.7).
 * Never throws: the message is taken, and a notification that cannot be queued is
 * only logged.
 *
 * @module
 */
import type { Clock } from "../base/clock.ts";
import { log } from "../base/log.ts";
import { headOf, queueDsn } from "../deliver/notify.ts";
import type { StoryTaker } from "../history/story.ts";
import { RETURNED_CONTENT } from "../message/dsn.ts";
import { isWanted } from "../message/dsn_request.ts";
import type { IncomingMessage } from "../policy/hooks.ts";
import type { Queue } from "../queue/queue.ts";

/** What telling needs of the server. */
export interface DeliveredOptions {
  /** Where the notification goes. */
  readonly queue: Queue;
  /** What the server calls itself. */
  readonly config: { readonly hostname: string };
  /** Dates it. */
  readonly clock: Clock;
  /** A number in [0, 1). */
  readonly random: () => number;
  /** Told of it. */
  readonly stories: StoryTaker;
}

const logger = log("receive");

/** Queues the notification; resolves once it is durable, at once when nobody wants to know. */
export async function tellDelivered(
  { id, envelope, content }: IncomingMessage,
  { queue, config, clock, random, stories }: DeliveredOptions,
): Promise<void> {
  const { reversePath, dsn, recipients } = envelope;
  const wanted = recipients.flatMap((_, index) => isWanted(dsn, index, "SUCCESS") ? [index] : []);
  if (wanted.length === 0 || reversePath === "") return;
  try {
    const facts = {
      action: "delivered" as const,
      ...{ id, arrived: clock.now(), size: content.size },
      content: await headOf(content, RETURNED_CONTENT),
      recipients: wanted.map((index) => ({
        address: recipients[index]!,
        orcpt: dsn?.recipients?.[index]?.orcpt,
        reason: { text: "", permanent: true },
      })),
    };
    const { hostname } = config;
    await queueDsn(envelope, facts, { queue, hostname, clock, random, stories });
  } catch (error) {
    logger.error("cannot tell a sender that its message was delivered", { id, error });
  }
}

import { assertEquals } from "@std/assert";
import { DEFAULT_DELIVERY, type RetrySchedule } from "../../config/config.ts";
import { backoff } from "../../deliver/backoff.ts";
import { timeText, whatNext } from "../../deliver/next.ts";
import type { Envelope } from "../../message/envelope.ts";
import type { DeliveryError, QueuedMessage, RecipientChange } from "../../queue/queue.ts";
import { newMessage } from "../../queue/state.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const ARRIVED = Date.UTC(2026, 0, 1);

const BUSY: DeliveryError = {
  enhanced: "4.2.1",
  text: "450 4.2.1 busy",
  scope: "recipient",
  permanent: false,
};

function messageOf(attempts = 0, more: Partial<Envelope> = {}): QueuedMessage {
  const envelope: Envelope = {
    reversePath: "a@example.org",
    recipients: ["b@example.net", "c@example.net"],
    smtputf8: false,
    body: "7BIT",
    client: { address: "127.0.0.1", port: 1, helo: "client", protocol: "ESMTP" },
    ...more,
  };
  const message = newMessage("ID", ARRIVED, envelope, { size: 1, eightBit: false });
  for (const recipient of message.recipients) recipient.attempts = attempts;
  return message;
}

/** What is said of a first recipient that failed for now, `retry` being the next attempt but one. */
function afterFailure(
  retry: number,
  random: number,
  { error = BUSY, ...rules }: Partial<RetrySchedule> & { error?: DeliveryError } = {},
): string {
  const schedule = { ...DEFAULT_DELIVERY.retry, ...rules };
  const nextAttempt = ARRIVED + backoff(retry, schedule, random);
  const change = { index: 0, status: "waiting", tried: true, error, nextAttempt } as const;
  return whatNext(messageOf(retry - 1), [change], { now: ARRIVED, schedule });
}

Deno.test("a retry's time is told with its number, its wait and the settings it comes from", () => {
  assertEquals(
    afterFailure(1, 0.5),
    "tried again at 2026-01-01T00:05:00Z: retry 1, 5m = retry.first 5m",
  );
  assertEquals(
    afterFailure(2, 0.7),
    "tried again at 2026-01-01T00:10:24Z: retry 2, 10m = retry.first 5m doubled once, +4 % jitter",
  );
  assertEquals(
    afterFailure(3, 0),
    "tried again at 2026-01-01T00:18:00Z: retry 3, 20m = retry.first 5m doubled twice, -10 % jitter",
  );
  assertEquals(
    afterFailure(12, 0.5),
    "tried again at 2026-01-01T04:00:00Z: retry 12, 4h = retry.longest",
  );
  assertEquals(
    afterFailure(4, 0.5, { factor: 1.5, first: 8 * MINUTE }),
    "tried again at 2026-01-01T00:27:00Z: retry 4, 27m = retry.first 8m times 1.5 3 times",
  );
});

Deno.test("mail that waits for a host goes as soon as its destination answers, and that is told", () => {
  assertEquals(
    afterFailure(1, 0.5, { error: { ...BUSY, scope: "host" } }),
    "tried again at 2026-01-01T00:05:00Z, or when its destination answers: retry 1, 5m = retry.first 5m",
  );
});

Deno.test("the end of a message's time, and the time to tell of a delay, are told as such", () => {
  const schedule = DEFAULT_DELIVERY.retry;
  const at = (nextAttempt: number): RecipientChange[] => [
    { index: 0, status: "waiting", tried: true, error: BUSY, nextAttempt },
  ];
  const end = ARRIVED + schedule.lifetime;
  assertEquals(
    whatNext(messageOf(), at(end), { now: end - MINUTE, schedule }),
    `tried a last time at ${timeText(end)}, when retry.lifetime 5d is over`,
  );
  const delay = messageOf(0, { dsn: { recipients: [{ notify: ["DELAY"] }] } });
  assertEquals(
    whatNext(delay, at(ARRIVED + 4 * HOUR), { now: ARRIVED, schedule }),
    "tried again at 2026-01-01T04:00:00Z, when its sender is to be told of the delay (retry.delay_notice 4h)",
  );
  const unasked = { ...schedule, unaskedDelayNotice: 6 * HOUR };
  assertEquals(
    whatNext(messageOf(), at(ARRIVED + 6 * HOUR), { now: ARRIVED, schedule: unasked }),
    "tried again at 2026-01-01T06:00:00Z, when its sender is to be told of the delay (retry.unasked_delay_notice 6h)",
  );
  const byTime = messageOf(0, { deliverBy: { seconds: 3600, mode: "return" } });
  assertEquals(
    whatNext(byTime, at(ARRIVED + HOUR), { now: ARRIVED, schedule }),
    "tried a last time at 2026-01-01T01:00:00Z, when the time its sender set (DELIVERBY) is over",
  );
});

Deno.test("of recipients that are given up it is told why, and that nobody hears of it where that is so", () => {
  const rules = { now: ARRIVED + 6 * DAY, schedule: DEFAULT_DELIVERY.retry };
  const failed = (error: DeliveryError): RecipientChange[] => [
    { index: 0, status: "failed", tried: true, error },
  ];
  const unknown = { ...BUSY, enhanced: "5.1.1", permanent: true };
  assertEquals(whatNext(messageOf(), failed(unknown), rules), "bounced: 5.1.1 is permanent");
  const bare = { ...unknown, enhanced: undefined, code: 550 };
  assertEquals(whatNext(messageOf(), failed(bare), rules), "bounced: 550 is permanent");
  assertEquals(whatNext(messageOf(), failed(BUSY), rules), "bounced: retry.lifetime 5d is over");
  assertEquals(
    whatNext(messageOf(0, { reversePath: "" }), failed(unknown), rules),
    "given up, and nobody to tell: 5.1.1 is permanent",
  );
});

Deno.test("of several recipients the next attempt is told once, and each reason once", () => {
  const rules = { now: ARRIVED, schedule: DEFAULT_DELIVERY.retry };
  const next = whatNext(messageOf(), [
    { index: 0, status: "waiting", tried: true, error: BUSY, nextAttempt: ARRIVED + 5 * MINUTE },
    { index: 1, status: "waiting", tried: true, error: BUSY, nextAttempt: ARRIVED + 6 * MINUTE },
    { index: 1, status: "failed", tried: true, error: { ...BUSY, permanent: true } },
  ], rules);
  assertEquals(
    next,
    "tried again at 2026-01-01T00:05:00Z: retry 1, 5m = retry.first 5m; bounced: 4.2.1 is permanent",
  );
  const taken = { index: 0, status: "delivered", tried: true } as const;
  assertEquals(whatNext(messageOf(), [taken], rules), "nothing: delivered");
  assertEquals(
    whatNext(messageOf(), [{ ...taken, status: "relayed" }], rules),
    "its sender is told that it was handed on",
  );
  const crowded = { index: 0, status: "waiting", tried: true, error: BUSY, nextAttempt: ARRIVED };
  assertEquals(
    whatNext(messageOf(), [{ ...crowded, status: "waiting" }], rules),
    "the rest of the recipients follow at once",
  );
});

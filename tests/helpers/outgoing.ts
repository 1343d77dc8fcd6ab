/** What tests of delivery have in common: settings, options and messages for a client. */
import { encode } from "../../base/bytes.ts";
import { type Clock, systemClock } from "../../base/clock.ts";
import { hasEightBit } from "../../base/scan.ts";
import { DEFAULT_DELIVERY, type DeliverySettings } from "../../config/config.ts";
import type { SmtpClient, Transaction } from "../../deliver/client.ts";
import { type ConnectOptions, openClient } from "../../deliver/connect.ts";
import { DeliveryFailure } from "../../deliver/failure.ts";
import type { Host } from "../../deliver/route.ts";
import { UnverifiableHosts } from "../../deliver/unverifiable.ts";
import { memoryContent } from "../../queue/content.ts";
import { Deadlines } from "../../transport/deadlines.ts";

/** Options for connecting, as `me.test`. */
export function connectOptions(
  settings: Partial<DeliverySettings> = {},
  clock: Clock = systemClock,
): ConnectOptions {
  return {
    hostname: "me.test",
    settings: { ...DEFAULT_DELIVERY, ...settings },
    deadlines: new Deadlines(clock),
    clock,
    unverifiable: new UnverifiableHosts(clock),
  };
}

/** A message from `a@me.test` to `b@mx.test`. */
export function transactionOf(
  content: string | Uint8Array = "Subject: x\r\n\r\nHello\r\n",
  parts: Partial<Transaction> = {},
): Transaction {
  const bytes = typeof content === "string" ? encode(content) : content;
  return {
    reversePath: "a@me.test",
    recipients: ["b@mx.test"],
    smtputf8: false,
    binary: false,
    eightBit: hasEightBit(bytes),
    size: bytes.length,
    content: memoryContent(bytes),
    ...parts,
  };
}

/** Connects, lets a test use the client, and hangs up. */
export async function withClient(
  host: Host,
  options: ConnectOptions,
  check: (client: SmtpClient) => Promise<void>,
): Promise<void> {
  const client = await openClient(host, options);
  try {
    await check(client);
  } finally {
    client.close();
  }
}

/** The failure with which a promise rejects. */
export async function failureOf(promise: Promise<unknown>): Promise<DeliveryFailure> {
  const error = await promise.then(() => undefined, (error: unknown) => error);
  if (error instanceof DeliveryFailure) return error;
  throw new Error("expected a DeliveryFailure", { cause: error });
}

/** Made-up facts. */
import { ulid } from "@std/ulid";
import type {
  AcceptedFact,
  AttemptFact,
  FinishedFact,
  RefusedFact,
  SessionFact,
} from "../../history/story.ts";

/** When the tests' facts begin. */
export const BEGIN = Date.UTC(2026, 0, 1);

const CLIENT = {
  address: "192.0.2.17",
  port: 51234,
  helo: "client.example.org",
  protocol: "ESMTPS",
};

/** A message was accepted. */
export function accepted(change: Partial<AcceptedFact> = {}): AcceptedFact {
  const at = change.at ?? BEGIN;
  return {
    kind: "accepted",
    at,
    id: ulid(at),
    took: 12,
    session: "S1",
    client: CLIENT,
    from: "alice@example.org",
    to: ["bob@example.net"],
    size: 4096,
    messageId: "<1@example.org>",
    subject: "Hello there",
    decisions: [{ about: "recipient", rule: "trust 192.0.2.0/24" }],
    ...change,
  };
}

/** It was delivered, or what `change` says. */
export function attempt(message: AcceptedFact, change: Partial<AttemptFact> = {}): AttemptFact {
  return {
    kind: "attempt",
    at: message.at + 20,
    id: message.id,
    took: 35,
    destination: "example.net",
    recipients: message.to,
    route: {
      why: "MX example.net",
      answers: ["MX example.net: 10 mx1.example.net", "A mx1.example.net: 198.51.100.3"],
      took: 3,
    },
    host: "mx1.example.net",
    address: "198.51.100.3:25",
    tls: { policy: "opportunistic", session: { version: "TLSv1.3", verified: true } },
    stages: { dns: 3, connect: 4, greeting: 3, ehlo: 1, tls: 5, envelope: 3, content: 10 },
    reply: "250 2.0.0 Ok: queued as ABCDEF",
    outcome: "delivered",
    delivered: message.to.length,
    next: "done",
    ...change,
  };
}

/** It is gone from the queue. */
export function finished(
  message: AcceptedFact,
  change: Partial<FinishedFact> = {},
): FinishedFact {
  const counts = { delivered: message.to.length, bounced: 0, removed: 0 };
  return { kind: "finished", at: message.at + 60, id: message.id, ...counts, ...change };
}

/** A recipient was refused. */
export function refused(change: Partial<RefusedFact> = {}): RefusedFact {
  return {
    kind: "refused",
    at: BEGIN,
    id: "S2",
    client: { address: "203.0.113.9", port: 4711, helo: "spam.example" },
    from: "mallory@example.com",
    to: "bob@example.net",
    reply: "550 5.7.1 Relaying denied",
    decision: { about: "recipient", rule: "not a local_domain" },
    ...change,
  };
}

/** A session ended. */
export function session(change: Partial<SessionFact> = {}): SessionFact {
  return {
    kind: "session",
    at: BEGIN,
    id: "S1",
    took: 40,
    client: CLIENT,
    listener: "127.0.0.1:25",
    role: "mx",
    messages: 1,
    ids: [],
    refusals: 0,
    received: 5000,
    sent: 300,
    end: "quit",
    ...change,
  };
}

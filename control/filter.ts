/**
 * Which of the messages in the queue are meant: a filter as it comes in a request,
 * and the test that is made of it. All that a filter names has to be so.
 *
 * @module
 */
import { z } from "zod";
import { parseDuration } from "../config/units.ts";
import { canonicalDomain } from "../protocol/domain.ts";
import type { Overview } from "../queue/queue.ts";
import { parsedText } from "./parsed_text.ts";

/** What a message does in the queue. */
export const STATES = ["active", "incoming", "deferred", "scheduled", "held", "captured"] as const;

const state = z.enum(STATES, { error: `expected one of ${STATES.join(", ")}` });

/** The longest text to look for, characters. */
const LONGEST = 1000;

const mailbox = z.string().min(1).max(LONGEST);

const age = parsedText((text) => parseDuration(text)).meta({
  examples: ["90s", "30m", "4h", "2d"],
});

/** A domain, in its canonical form. */
export const domainText = parsedText((text) => {
  const canonical = canonicalDomain(text);
  if (canonical === undefined) throw new TypeError("expected a domain, such as example.org");
  return canonical;
}).meta({ examples: ["example.org"] });

/** How the id of a message begins. */
export const idStart = z.string().regex(/^[0-9A-Z]{1,26}$/, "expected how an id begins");

/** The keys of a filter, in a query and in a body. */
export const FILTER_KEYS = {
  id: idStart.optional().describe("How its id begins"),
  sender: mailbox.optional().describe(
    "The sender's mailbox, in any case; `*` stands for any characters, `<>` for the null reverse-path",
  ),
  recipient: mailbox.optional().describe(
    "The mailbox of a recipient that is not finished, in any case; `*` stands for any characters",
  ),
  domain: domainText.optional().describe("The domain of a recipient that is not finished"),
  nextHop: z.string().min(1).max(LONGEST).optional().describe(
    "Where it goes: the next hop it was redirected to, or else the domain of a recipient",
  ),
  state: z.union([state, z.array(state).min(1)]).optional().describe(
    "What it does; of several, one",
  ),
  olderThan: age.optional().describe("It arrived longer ago than this"),
  newerThan: age.optional().describe("It arrived less long ago than this"),
  error: z.string().min(1).max(LONGEST).optional().describe(
    "A text in its last error, in any case",
  ),
};

/** A filter in a body. */
export const filterSchema = z.strictObject(FILTER_KEYS).meta({ id: "Filter" });

/** A filter, checked: ages in ms, the domain in its canonical form. */
export type Filter = z.output<typeof filterSchema>;

/** A filter as a client writes it. */
export type FilterInput = z.input<typeof filterSchema>;

type Test = (overview: Overview) => boolean;

/** The test of a filter as of `now`, ms since 1970. */
export function testOf(filter: Filter, now: number): Test {
  const tests = [...whoseTests(filter), ...whatTests(filter, now)];
  return (overview) => tests.every((test) => test(overview));
}

/** Tests of which it is, and whom it is from and for. */
function* whoseTests(filter: Filter): Generator<Test> {
  const { id: start, sender, recipient, domain, nextHop } = filter;
  if (start !== undefined) yield ({ id }) => id.startsWith(start);
  if (sender !== undefined) {
    const matches = pattern(sender === "<>" ? "" : sender);
    yield ({ reversePath }) => matches(reversePath);
  }
  if (recipient !== undefined) {
    const matches = pattern(recipient);
    yield ({ recipients }) => recipients.some(matches);
  }
  if (domain !== undefined) yield ({ domains }) => domains.includes(domain);
  if (nextHop !== undefined) {
    const hop = nextHop.toLowerCase();
    yield (overview) => destinationsOf(overview).includes(hop);
  }
}

/** Tests of how it is doing. */
function* whatTests({ state, olderThan, newerThan, error }: Filter, now: number): Generator<Test> {
  if (state !== undefined) {
    const states = [state].flat();
    yield (overview) => states.includes(overview.state);
  }
  if (olderThan !== undefined) yield ({ arrived }) => arrived < now - olderThan;
  if (newerThan !== undefined) yield ({ arrived }) => arrived > now - newerThan;
  if (error !== undefined) {
    const wanted = error.toLowerCase();
    yield ({ lastError }) => lastError?.toLowerCase().includes(wanted) ?? false;
  }
}

/** Where a message goes, as far as it is known without asking: its own next hop, or the domains of its recipients. */
export function destinationsOf({ nextHop, domains }: Overview): readonly string[] {
  return nextHop === undefined ? domains : [nextHop];
}

/** Tells whether a text is like a pattern, in any case; in time that grows with their lengths only. */
export function pattern(text: string): (candidate: string) => boolean {
  const [head = "", ...pieces] = text.toLowerCase().split("*");
  const tail = pieces.pop();
  if (tail === undefined) return (candidate) => candidate.toLowerCase() === head;
  return (candidate) => {
    const lower = candidate.toLowerCase();
    if (!lower.startsWith(head)) return false;
    let at = head.length;
    for (const piece of pieces) {
      const found = lower.indexOf(piece, at);
      if (found < 0) return false;
      at = found + piece.length;
    }
    return lower.length - tail.length >= at && lower.endsWith(tail);
  };
}

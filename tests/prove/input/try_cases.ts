/**
 * Tries every attack on the framing on sessions without sockets: in one write,
 * octet by octet, and cut in two at every place.
 *
 * @module
 */
import { faultIn } from "./judge.ts";
import { FRAMING_CASES, type FramingCase, scriptOf, SMUGGLER } from "./framing_cases.ts";
import { readReplies } from "./replies.ts";
import type { Cut } from "./script.ts";
import { type Observed, runOnSession, sessionMaker } from "./session_run.ts";

/** What came of it. */
export interface CaseFindings {
  /** How many attacks. */
  readonly cases: number;
  /** In how many ways they were sent, all in all. */
  readonly ways: number;
  /** What is wrong, in words; undefined when nothing is. */
  readonly fault?: string;
}

/** Tries them on the program in a directory, given by its URL; ends at the first that goes wrong. */
export async function tryCasesOnSessions(program: string): Promise<CaseFindings> {
  const make = await sessionMaker(program);
  const cases = FRAMING_CASES.filter((one) => !one.serverOnly);
  let ways = 0;
  for (const one of cases) {
    const script = scriptOf(one);
    for (const cut of cutsOf(one)) {
      ways++;
      const observed = await runOnSession(make, script, cut);
      const fault = faultIn(script, observed) ?? caseFault(one, observed);
      if (fault !== undefined) {
        return {
          cases: cases.length,
          ways,
          fault: `${one.name}, cut ${JSON.stringify(cut)}: ${fault}`,
        };
      }
    }
  }
  return { cases: cases.length, ways };
}

/** Not cut, cut at every place of the attack in turn, and at all of them. */
function cutsOf({ lead, attack }: FramingCase): Cut[] {
  const places = Array.from({ length: attack.length }, (_, i) => lead.length + i);
  const single = places.map((place): Cut => ({ kind: "at", places: [place] }));
  return [{ kind: "whole" }, ...single, { kind: "at", places }];
}

/** What is wrong with what came of an attack, in words. */
export function caseFault(
  { codes, messages }: FramingCase,
  observed: Pick<Observed, "said" | "messages">,
): string | undefined {
  const answer = codesOf(observed.said);
  if (!codes.test(answer)) return `it was answered ${answer}`;
  if (observed.messages.length !== messages) return `${observed.messages.length} messages`;
  const smuggled = observed.messages.some(({ reversePath }) => reversePath === SMUGGLER);
  return smuggled ? "a message was smuggled in" : undefined;
}

/** The codes of the replies but for the first, which answers EHLO; a space behind each. */
export function codesOf(said: string): string {
  const replies = readReplies(said);
  if (replies.kind === "fault") return replies.fault;
  return replies.replies.slice(1).map(({ code }) => `${code} `).join("");
}

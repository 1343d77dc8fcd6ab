/**
 * Holds what a server made of a dialogue against what the reference reads in the
 * same octets.
 *
 * @module
 */
import { concat } from "../../../base/bytes.ts";
import { LIMITS } from "../../protocol/talk.ts";
import { type Ending, type Exchange, readExchange, type SentMessage } from "./reference.ts";
import { readReplies } from "./replies.ts";
import type { Script } from "./script.ts";
import { latin1, type Observed, type TakenMessage } from "./session_run.ts";

/** What the reference makes of a dialogue. */
export interface Judged {
  /** What does not fit, in words; undefined where all does. */
  readonly fault?: string;
  /** The messages that were sent and acknowledged; none where something does not fit. */
  readonly messages: readonly SentMessage[];
  /** How the connection should have been left. */
  readonly ending?: Ending;
}

/** Reads a dialogue of which this was said by the server. */
export function judgedExchange(script: Script, said: string, limits: Exchange["limits"]): Judged {
  const replies = readReplies(said);
  if (replies.kind === "fault") return { ...replies, messages: [] };
  const sent = latin1(concat(script.stretches));
  const { tls, auth } = script;
  const resumptions = resumptionsOf(script);
  const reading = readExchange({ sent, resumptions, tls, auth, replies: replies.replies, limits });
  return reading.kind === "fault" ? { ...reading, messages: [] } : reading;
}

/** What is wrong with what a session made of a script, in words; undefined when nothing is. */
export function faultIn(script: Script, observed: Observed): string | undefined {
  const limits = { ...LIMITS, ...script.limits };
  const { fault, ending, messages } = judgedExchange(script, observed.said, limits);
  if (fault !== undefined) return fault;
  if (ending !== observed.ending) {
    return `the connection is ${observed.ending} and should be ${ending}`;
  }
  return differenceOf(messages, observed.messages);
}

/** Where each stretch but the first begins. */
function resumptionsOf({ stretches }: Script): number[] {
  let at = 0;
  return stretches.slice(0, -1).map((stretch) => at += stretch.length);
}

/** In what the messages taken are others than those sent, in words. */
export function differenceOf(
  sent: readonly SentMessage[],
  taken: readonly TakenMessage[],
): string | undefined {
  if (sent.length !== taken.length) return `${sent.length} sent, ${taken.length} taken`;
  const other = sent.findIndex((message, i) => {
    const { content, recipients, reversePath } = taken[i]!;
    return content !== message.content || recipients !== message.recipients ||
      !message.sender.includes(reversePath);
  });
  return other < 0 ? undefined : `message ${other + 1} is not the one that was sent`;
}

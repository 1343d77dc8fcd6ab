/**
 * What comes of asking a rule about somebody: go on, or a reply that refuses, and in
 * both cases the rule that decided it.
 *
 * @module
 */
import type { Decision } from "../history/story.ts";
import type { SmtpReply } from "../protocol/reply.ts";

/** What a rule says. */
export interface Judgement {
  /** The reply that refuses; absent where there is nothing against it. */
  readonly refusal?: SmtpReply;
  /** What was decided about, and by which rule. */
  readonly decision: Decision;
}

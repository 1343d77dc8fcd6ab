/**
 * What the crash proof knows, kept outside the spool and the server: every
 * submission and how it ended for its sender, and everything that next hops
 * took.
 *
 * @module
 */

/**
 * How a submission stands for its sender.
 * - `begun`: its content has not all been sent
 * - `sent`: all of it, final dot or last chunk, may have reached the server; no reply came
 * - `acknowledged`: 250
 * - `refused`: another reply
 */
export type SubmissionState = "begun" | "sent" | "acknowledged" | "refused";

/** One attempt to hand a message to the server. */
export interface Submission {
  /** Unlike any other: the message's token, a dot, and which attempt it is. */
  readonly id: string;
  /** Its recipients. */
  readonly recipients: readonly string[];
  /** Of its content. */
  readonly hash: string;
  /** How it stands. */
  state: SubmissionState;
}

/** Something a next hop took: a message or a bounce. */
export interface Taken {
  /** The submission that it is, or that it speaks of. */
  readonly submission: string;
  /** Its recipients; of a bounce, those it says were not reached. */
  readonly recipients: readonly string[];
  /** The run of the server that delivered it, as EHLO named it. */
  readonly deliveredBy: string;
  /** The run of the server that made it; of messages always "". */
  readonly madeBy: string;
  /** When its end came, ms since 1970. */
  readonly at: number;
  /** Whether the server was answered 250; else the next hop hung up without a word. */
  readonly told: boolean;
  /** The content's hash; of a bounce always "". */
  readonly hash: string;
}

/** The books. */
export class Ledger {
  /** By id. */
  readonly submissions = new Map<string, Submission>();
  /** In the order of their ends. */
  readonly taken: Taken[] = [];
  /** What cannot be a message of ours, in words; the first few. */
  readonly strange: string[] = [];
  /** Replies that no sender should get, in words; the first few. */
  readonly refusals: string[] = [];
  /** How many submissions have each state. */
  readonly counts: Record<SubmissionState, number> = {
    begun: 0,
    sent: 0,
    acknowledged: 0,
    refused: 0,
  };

  /** A submission begins. */
  begin(submission: Omit<Submission, "state">): Submission {
    const begun: Submission = { ...submission, state: "begun" };
    this.submissions.set(begun.id, begun);
    this.counts.begun++;
    return begun;
  }

  /** A submission gets on. */
  advance(submission: Submission, state: SubmissionState): void {
    this.counts[submission.state]--;
    this.counts[state]++;
    submission.state = state;
  }

  /** Something strange came to a next hop. */
  note(what: string): void {
    if (this.strange.length < MOST_NOTED) this.strange.push(what);
  }

  /** A sender got a reply that it should not get. */
  noteRefusal(reply: string): void {
    if (this.refusals.length < MOST_NOTED) this.refusals.push(reply);
  }
}

const MOST_NOTED = 10;

/**
 * The pieces that the views are put together from. Every text that a peer may have
 * sent goes through `Peer`; the templates escape. A control is a button that says in
 * its attributes what is to be asked of the API; the page's script asks it.
 *
 * @module
 */
import type { Child, FC } from "hono/jsx";
import type { Tone } from "../control/story_answer.ts";
import { untilText } from "../control/words.ts";
import type { MessageState } from "../queue/queue.ts";
import { exactTime, shown } from "./words.ts";

/** A text that somebody else wrote. */
export const Peer: FC<{ text: string; longest?: number }> = ({ text, longest }) => (
  <bdi>{shown(text, longest)}</bdi>
);

/** A mailbox of an envelope. */
export const Mailbox: FC<{ address: string }> = ({ address }) => (
  <span class="mailbox">{address === "" ? "<>" : <Peer text={address} />}</span>
);

/** A moment, as far away as it is. */
export const When: FC<{ at: number; now: number }> = ({ at, now }) => (
  <time datetime={new Date(at).toISOString()} title={exactTime(at)}>{untilText(at, now)}</time>
);

const STATE_TONES: Readonly<Record<MessageState, Tone>> = {
  active: "good",
  incoming: "good",
  deferred: "waiting",
  scheduled: "plain",
  held: "bad",
  captured: "plain",
};

/** What a message does. */
export const StateBadge: FC<{ state: MessageState }> = ({ state }) => (
  <span class={`badge ${STATE_TONES[state]}`}>{state}</span>
);

/** A text that is to be given with an action. */
export interface Field {
  /**
   * Its place in the body: `nextHop`, `to[]` for a list with commas, or `recipients.old`
   * and `recipients.new` for an object with what is new by what it replaces.
   */
  readonly name: string;
  readonly label: string;
  readonly value?: string;
  readonly hint?: string;
  readonly required?: boolean;
  /** What there is to choose from; absent where a text is typed. */
  readonly choices?: readonly { readonly value: string; readonly text: string }[];
}

/** What a button does. */
export interface Action {
  readonly label: string;
  readonly method: "POST" | "PUT" | "DELETE";
  readonly path: string;
  readonly body?: unknown;
  /** What is asked before. */
  readonly question: string;
  readonly fields?: readonly Field[];
  /** What is said after; `{done}` and the like are taken from the answer. */
  readonly said: string;
  /** Where to go then. */
  readonly then?: string;
  readonly danger?: boolean;
  /** What the button is about, for those who hear it without what stands around it. */
  readonly about?: string;
}

/** A button; without a script there is none. */
export const ActionButton: FC<{ action: Action }> = ({ action }) => {
  const { label, method, path, body, question, fields, said, then, danger, about } = action;
  return (
    <button
      type="button"
      class={danger ? "needs-script danger" : "needs-script"}
      data-method={method}
      data-path={path}
      data-body={body === undefined ? undefined : JSON.stringify(body)}
      data-question={question}
      data-fields={fields === undefined ? undefined : JSON.stringify(fields)}
      data-said={said}
      data-then={then}
      aria-label={about === undefined ? undefined : `${label}: ${about}`}
    >
      {label}
    </button>
  );
};

/** A number with what it counts. */
export const Tile: FC<{ count: number; label: string; href: string; tone?: Tone }> = (
  { count, label, href, tone = "plain" },
) => (
  <a class={`tile ${count > 0 ? tone : "plain"}`} href={href}>
    <strong>{count.toLocaleString("en")}</strong> <span>{label}</span>
  </a>
);

/** What stands where there is nothing; as a view of its own it has the view's heading. */
export const Nothing: FC<{ title: string; isView?: boolean; children?: Child }> = (
  { title, isView, children },
) => (
  <div class="nothing">
    {isView ? <h1>{title}</h1> : <p class="nothing-title">{title}</p>}
    <p>{children}</p>
  </div>
);

/**
 * The messages that match a filter, page by page, and what can be done to all of them.
 *
 * @module
 */
import type { FC } from "hono/jsx";
import { FILTER_KEYS, type FilterInput, filterSchema, STATES } from "../../control/filter.ts";
import { type Page, page } from "../../control/listing.ts";
import { Problem } from "../../control/problem.ts";
import { pathText, sizeText } from "../../control/words.ts";
import type { Overview } from "../../queue/queue.ts";
import type { View } from "../app.tsx";
import { ActionButton, Nothing, Peer, StateBadge, When } from "../parts.tsx";
import type { Site } from "../site.ts";
import { pathWith } from "../words.ts";

/** Messages on a page. */
const PAGE = 50;

type Query = Readonly<Record<string, string>>;

const LABELS = {
  sender: ["Sender", "*@example.org"],
  recipient: ["Recipient", "ann@example.net"],
  nextHop: ["Destination", "example.net"],
  error: ["Error", "timed out"],
  olderThan: ["Older than", "4h"],
} as const satisfies Partial<Record<keyof FilterInput, readonly [string, string]>>;

/** The view. */
export async function listView(site: Site, query: Query, signal: AbortSignal): Promise<View> {
  const given = Object.fromEntries(
    Object.keys(FILTER_KEYS).flatMap((key) => query[key] ? [[key, query[key]]] : []),
  );
  const filter = filterSchema.safeParse(given);
  if (!filter.success) {
    const [issue] = filter.error.issues;
    const problem = `${issue?.path.join(".")}: ${issue?.message}`;
    return view(<Filter given={given} problem={problem} />, 400);
  }
  const { cursor } = query;
  const now = site.target.clock.now();
  const question = {
    ...{ filter: filter.data, sort: "arrived", order: "asc", limit: PAGE } as const,
    ...(cursor ? { cursor } : {}),
  };
  try {
    const found = await page(site.target.queue, question, now, signal);
    return view(<Found {...{ given, found, now }} />);
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    return view(<Filter given={given} problem={error.message} />, 400);
  }
}

function view(body: View["body"], status: 200 | 400 = 200): View {
  return { title: "Messages", part: "queue", body, status };
}

const Found: FC<{ given: Query; found: Page; now: number }> = ({ given, found, now }) => (
  <>
    <Filter given={given} />
    <div class="between">
      <p>
        <strong>{found.matched.toLocaleString("en")}</strong>{" "}
        {found.matched === 1 ? "message matches" : "messages match"}
      </p>
      {found.matched === 0 ? null : <ToAll given={given} matched={found.matched} />}
    </div>
    {found.messages.length === 0
      ? <Nothing title="No message matches">Delivered mail is no longer in the queue.</Nothing>
      : <Messages messages={found.messages} now={now} />}
    {found.next === undefined ? null : (
      <p class="pages">
        <a class="button" href={pathWith("/queue", { ...given, cursor: found.next })}>Next page</a>
      </p>
    )}
  </>
);

const Filter: FC<{ given: Query; problem?: string }> = ({ given, problem }) => (
  <>
    <p class="crumbs">
      <a href="/">Queue</a>
    </p>
    <h1>Messages</h1>
    <form class="filter" method="get" action="/queue" data-keep>
      {Object.entries(LABELS).map(([key, [label, example]]) => (
        <p>
          <label for={`by-${key}`}>{label}</label>
          <input id={`by-${key}`} name={key} value={given[key] ?? ""} placeholder={example} />
        </p>
      ))}
      <p>
        <label for="by-state">State</label>
        <select id="by-state" name="state">
          <option value="">any</option>
          {STATES.map((state) => (
            <option value={state} selected={given["state"] === state}>{state}</option>
          ))}
        </select>
      </p>
      <p class="filter-buttons">
        <button type="submit" class="primary">Filter</button>
        <a class="button" href="/queue">All</a>
      </p>
    </form>
    {problem === undefined ? null : <p class="problem" role="alert">{problem}</p>}
  </>
);

/** What can be done to all that match. */
const ToAll: FC<{ given: Query; matched: number }> = ({ given, matched }) => {
  const messages = matched === 1 ? "the message" : `all ${matched} messages`;
  const actions = [
    ["retry", "Send all now", `Try ${messages} now?`, "are due now"],
    ["hold", "Hold all", `Hold ${messages}?`, "are held"],
    ["release", "Release all", `Release ${messages}?`, "are released"],
    ["remove", "Remove all", `Remove ${messages}? Nobody is told.`, "are removed"],
  ] as const;
  return (
    <div class="actions">
      {actions.map(([action, label, question, done]) => (
        <ActionButton
          action={{
            ...{ label, method: "POST", path: "/v1/queue/actions", question },
            body: { action, filter: given },
            said: `{done} of {matched} messages ${done}.`,
            danger: action === "remove",
          }}
        />
      ))}
    </div>
  );
};

/** A parked one is tried by no clock of its own. */
const NextTry: FC<{ one: Overview; now: number }> = ({ one, now }) => {
  if (one.due === Infinity) return <>when released</>;
  if (one.parked) return one.hostFailure ? <>when its destination answers</> : <>in turn</>;
  return one.due <= now ? <>now</> : <When at={one.due} now={now} />;
};

const Messages: FC<{ messages: readonly Overview[]; now: number }> = ({ messages, now }) => (
  <table class="rows">
    <caption class="unseen">Messages</caption>
    <thead>
      <tr>
        <th scope="col">From, to</th>
        <th scope="col">State</th>
        <th scope="col">Arrived</th>
        <th scope="col">Next try</th>
        <th scope="col" class="number">Size</th>
        <th scope="col">Last error</th>
      </tr>
    </thead>
    <tbody>
      {messages.map((one) => (
        <tr id={`message-${one.id}`}>
          <th scope="row">
            <a href={`/message/${one.id}`}>
              <Peer text={pathText(one.reversePath)} longest={100} />
            </a>
            <small class="to">
              to <Peer text={one.recipients.slice(0, 3).join(", ")} longest={160} />
              {one.recipients.length > 3 ? ` and ${one.recipients.length - 3} more` : ""}
            </small>
          </th>
          <td data-label="State">
            <StateBadge state={one.state} />
          </td>
          <td data-label="Arrived">
            <When at={one.arrived} now={now} />
          </td>
          <td data-label="Next try">
            <NextTry one={one} now={now} />
          </td>
          <td class="number" data-label="Size">{sizeText(one.size)}</td>
          <td class="error" data-label="Last error">
            {one.lastError === undefined ? "–" : <Peer text={one.lastError} longest={160} />}
          </td>
        </tr>
      ))}
    </tbody>
  </table>
);

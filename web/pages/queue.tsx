/**
 * The queue by destination: how much waits for each, since when, why, until when; and
 * what can be done to all of it at once.
 *
 * @module
 */
import type { FC } from "hono/jsx";
import { deliveryStates, type DestinationSummary } from "../../control/summary.ts";
import { sizeText } from "../../control/words.ts";
import type { DestinationState } from "../../deliver/steering.ts";
import type { QueueCounts } from "../../queue/queue.ts";
import type { View } from "../app.tsx";
import { type Action, ActionButton, Nothing, Peer, Tile, When } from "../parts.tsx";
import type { Site } from "../site.ts";
import { pathWith } from "../words.ts";

/** The most destinations that are shown. */
const MOST = 200;

/** The view. */
export async function queueView({ target, steering, capture }: Site): Promise<View> {
  const { counts, destinations } = await target.summaries.get();
  const now = target.clock.now();
  const stateOf = deliveryStates(steering.destinations());
  const held = new Set(steering.heldDomains().map(({ domain }) => domain));
  const missing = [...held].filter((domain) =>
    !destinations.some(({ destination }) => destination === domain)
  );
  const body = (
    <>
      <h1>Queue</h1>
      {capture() ? <Capturing /> : null}
      {steering.isAllHeld ? <p class="notice">All delivery is held.</p> : null}
      <Tiles counts={counts} />
      {destinations.length === 0
        ? (
          <Nothing title="Nothing waits">
            Mail that cannot be delivered at once is shown here.
          </Nothing>
        )
        : <Destinations {...{ destinations, stateOf, held, now }} />}
      {missing.length === 0 ? null : <HeldEmpty domains={missing} />}
    </>
  );
  return { title: "Queue", part: "queue", body };
}

const Capturing: FC = () => (
  <p class="notice">
    Mail that comes in is captured and not delivered: it is in the <a href="/inbox">inbox</a>.
  </p>
);

/** How much there is, by what it does. */
const Tiles: FC<{ counts: QueueCounts }> = ({ counts }) => (
  <div class="tiles">
    <Tile count={counts.messages - counts.captured} label="in the queue" href="/queue" />
    <Tile count={counts.active} label="being delivered" href="/queue?state=active" tone="good" />
    <Tile count={counts.incoming} label="about to go" href="/queue?state=incoming" tone="good" />
    <Tile count={counts.deferred} label="waiting" href="/queue?state=deferred" tone="waiting" />
    <Tile count={counts.held} label="held" href="/queue?state=held" tone="bad" />
    <Tile count={counts.scheduled} label="scheduled" href="/queue?state=scheduled" />
  </div>
);

const Destinations: FC<{
  destinations: readonly DestinationSummary[];
  stateOf: ReturnType<typeof deliveryStates>;
  held: ReadonlySet<string>;
  now: number;
}> = ({ destinations, stateOf, held, now }) => {
  // What is captured waits for nobody.
  const waiting = destinations.filter(({ messages, states }) => messages > (states.captured ?? 0));
  return (
    <table class="rows">
      <caption class="unseen">Mail by destination</caption>
      <thead>
        <tr>
          <th scope="col">Destination</th>
          <th scope="col" class="number">Messages</th>
          <th scope="col">Oldest</th>
          <th scope="col">Next try</th>
          <th scope="col">Last error</th>
          <th scope="col">
            <span class="unseen">Actions</span>
          </th>
        </tr>
      </thead>
      <tbody>
        {waiting.slice(0, MOST).map((one) => (
          <Row
            one={one}
            state={stateOf(one)}
            held={held.has(one.destination)}
            now={now}
          />
        ))}
      </tbody>
      {waiting.length > MOST
        ? (
          <tfoot>
            <tr>
              <td colspan={6}>
                and {waiting.length - MOST} destinations more: <a href="/queue">search the queue</a>
              </td>
            </tr>
          </tfoot>
        )
        : null}
    </table>
  );
};

const Row: FC<{
  one: DestinationSummary;
  state: DestinationState | undefined;
  held: boolean;
  now: number;
}> = ({ one, state, held, now }) => {
  const { destination, redirected, messages, states, size, oldest, due, lastError } = one;
  const heldMessages = states.held ?? 0;
  return (
    <tr id={`to-${destination}`}>
      <th scope="row">
        <a href={pathWith("/queue", { nextHop: destination })}>
          <Peer text={destination} />
        </a>
        {held ? <span class="badge bad">held</span> : null}
        {state?.state === "resting" ? <span class="badge waiting">resting</span> : null}
        {state?.state === "probing" ? <span class="badge waiting">probing</span> : null}
        {heldMessages > 0 && !held ? <span class="badge bad">{heldMessages} held</span> : null}
      </th>
      <td class="number" data-label="Messages">
        {messages.toLocaleString("en")} <small>{sizeText(size)}</small>
      </td>
      <td data-label="Oldest">
        <When at={oldest} now={now} />
      </td>
      <td data-label="Next try">
        <NextTry
          {...{ state, held, due, now }}
          active={states.active ?? 0}
          waits={heldMessages < messages}
        />
      </td>
      <td data-label="Last error" class="error">
        {lastError === undefined ? "–" : <Peer text={lastError} longest={160} />}
      </td>
      <td class="actions">
        {messageActions(destination, heldMessages, messages).map((action) => (
          <ActionButton action={action} />
        ))}
        {redirected ? null : <ActionButton action={holdAction(destination, held)} />}
      </td>
    </tr>
  );
};

const NextTry: FC<{
  state: DestinationState | undefined;
  held: boolean;
  due: number | undefined;
  now: number;
  active: number;
  /** Whether some wait for it to have room, or to answer. */
  waits: boolean;
}> = ({ state, held, due, now, active, waits }) => {
  if (held) return <>when released</>;
  if (active > 0) return <>now: {active} under way</>;
  if (state?.until !== undefined && state.until > now) return <When at={state.until} now={now} />;
  if (due === undefined) return waits ? <>in turn</> : <>when released</>;
  return due <= now ? <>now</> : <When at={due} now={now} />;
};

/** What can be done to the messages for a destination. */
function messageActions(
  destination: string,
  heldMessages: number,
  messages: number,
): Action[] {
  const about = destination;
  const filter = { nextHop: destination };
  const steer = { method: "POST", path: "/v1/queue/actions" } as const;
  return [
    {
      ...{ label: "Send now", ...steer, body: { action: "retry", filter }, about },
      question: `Try all ${messages} messages for ${destination} now?`,
      said: "{done} of {matched} messages are due now.",
    },
    ...(heldMessages > 0
      ? [{
        ...{ label: "Release messages", ...steer, body: { action: "release", filter }, about },
        question: `Release the ${heldMessages} held messages for ${destination}?`,
        said: "{done} of {matched} messages are released.",
      }]
      : []),
  ];
}

/** Stops all mail for a domain, or lets it go; a next hop has no such hold. */
function holdAction(domain: string, held: boolean): Action {
  const to = { path: `/v1/domains/${encodeURIComponent(domain)}/hold`, about: domain };
  return held
    ? {
      ...{ label: "Release", method: "DELETE", ...to },
      question: `Let mail for ${domain} go again?`,
      said: `Mail for ${domain} goes again.`,
    }
    : {
      ...{ label: "Hold", method: "PUT", ...to },
      question: `Stop all mail for ${domain}, waiting and new?`,
      said: `Mail for ${domain} is held.`,
    };
}

/** Domains that are held while nothing waits for them. */
const HeldEmpty: FC<{ domains: readonly string[] }> = ({ domains }) => (
  <section>
    <h2>Held, and nothing waits</h2>
    <ul class="list">
      {domains.map((domain) => (
        <li>
          <Peer text={domain} /> <ActionButton action={holdAction(domain, true)} />
        </li>
      ))}
    </ul>
  </section>
);

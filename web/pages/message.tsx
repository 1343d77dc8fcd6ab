/**
 * One message: where it is and why in a sentence, what can be done, its recipients,
 * its story as it happened, and its header section. Of one that is gone, the story.
 *
 * @module
 */
import type { FC } from "hono/jsx";
import { ControlClient } from "../../control/client.ts";
import { apiOf } from "../../control/api.ts";
import type { QueuedDetails } from "../../control/client.ts";
import { Problem } from "../../control/problem.ts";
import { type StoryText, storyText } from "../../control/story_text.ts";
import { sizeText } from "../../control/words.ts";
import type { StoryFact } from "../../history/story.ts";
import type { View } from "../app.tsx";
import {
  type Action,
  ActionButton,
  type Field,
  Mailbox,
  Nothing,
  Peer,
  StateBadge,
  When,
} from "../parts.tsx";
import type { Site } from "../site.ts";
import { exactTime, shown } from "../words.ts";

/** The most recipients that are shown. */
const MOST_RECIPIENTS = 200;
/** The most of a header section that is shown, characters. */
const LONGEST_HEADER = 16_384;

/** The view. */
export async function messageView(site: Site, id: string): Promise<View> {
  const isId = /^[0-9A-Z]{26}$/.test(id);
  const details = isId ? await queued(site, id) : undefined;
  const facts = isId ? await site.history?.story(id) ?? [] : [];
  if (details === undefined && facts.length === 0) return unknown(id);
  const now = site.target.clock.now();
  const { steering } = site;
  const present = details && {
    ...{ state: details.state, recipients: details.recipients },
    allHeld: steering.isAllHeld,
    heldDomains: steering.heldDomains().map(({ domain }) => domain),
    ...(details.nextHop !== undefined && { nextHop: details.nextHop }),
  };
  const story = storyText(facts, { now, time: exactTime, ...(present && { present }) });
  const subject = subjectOf(facts) ?? "";
  const body = (
    <>
      <p class="crumbs">
        <a href="/">Queue</a> / <a href="/queue">Messages</a>
      </p>
      <h1>{subject === "" ? `Message ${id}` : <Peer text={subject} longest={200} />}</h1>
      <p class={`answer ${story.answer.tone}`}>{shown(story.answer.text, 1000)}</p>
      {details === undefined ? null : <Controls details={details} />}
      {details === undefined ? null : <Facts details={details} now={now} />}
      <Timeline story={story} now={now} kept={site.history !== undefined} />
      {details === undefined ? null : <Header id={id} header={details.header} />}
    </>
  );
  return { title: `Message ${id}`, part: "queue", body };
}

/** The message, as the API shows it. */
async function queued({ target }: Site, id: string): Promise<QueuedDetails | undefined> {
  if (target.queue.overview(id) === undefined) return undefined;
  const app = apiOf(target, { by: "web" });
  using client = ControlClient.inProcess((request) => app.fetch(request));
  const details = await client.get(id);
  if (!(details instanceof Problem)) return details;
  if (details.code === "not_found") return undefined;
  throw details;
}

function unknown(id: string): View {
  return {
    ...{ title: "Not found", part: "queue", status: 404 },
    body: (
      <Nothing title="This message is not known here" isView>
        {shown(id, 40)} is not in the queue, and the history does not tell of it.
      </Nothing>
    ),
  };
}

function subjectOf(facts: readonly StoryFact[]): string | undefined {
  return facts.find((fact) => fact.kind === "accepted")?.subject;
}

const Controls: FC<{ details: QueuedDetails }> = ({ details }) => (
  <div class="actions main-actions">
    {details.captured
      ? <a class="button primary" href={`/inbox/${details.id}`}>Open in the inbox</a>
      : actionsFor(details).map((action) => <ActionButton key={action.label} action={action} />)}
  </div>
);

function actionsFor(details: QueuedDetails): Action[] {
  const { id, held, envelope: { reversePath } } = details;
  const steer = (action: string) => ({
    method: "POST" as const,
    path: "/v1/queue/actions",
    body: { action, ids: [id] },
  });
  const sender = reversePath === "" ? "Nobody is told: it has no sender." : "Its sender is told.";
  return [
    { label: "Send now", ...steer("retry"), question: "Try it now?", said: "It is due now." },
    held
      ? { label: "Release", ...steer("release"), question: "Release it?", said: "It is released." }
      : { label: "Hold", ...steer("hold"), question: "Hold it?", said: "It is held." },
    {
      ...{ label: "Redirect", ...steer("redirect"), said: "It is redirected, and due now." },
      question: "Send it to another host?",
      fields: [{ name: "nextHop", label: "Next hop", hint: "HOST or HOST:PORT", required: true }],
    },
    {
      ...{
        label: "Change recipient",
        ...steer("redirect"),
        said: "It goes there, and is due now.",
      },
      question: "Send it to somebody else?",
      fields: recipientFields(details),
    },
    {
      ...{ label: "Bounce", ...steer("bounce"), danger: true, said: "It is given up." },
      question: `Give it up? ${sender}`,
      fields: [{ name: "reason", label: "Reason", hint: "One line, for its sender" }],
    },
    {
      ...{ label: "Remove", ...steer("remove"), danger: true, said: "It is removed." },
      question: "Remove it? Nobody is told.",
    },
  ];
}

/** Which of those that wait, and who instead. */
function recipientFields({ recipients }: QueuedDetails): Field[] {
  const waiting = recipients.filter(({ status }) => status === "waiting");
  const choices = waiting.slice(0, MOST_RECIPIENTS).map(({ address }) => ({
    value: address,
    text: shown(address),
  }));
  return [
    { name: "recipients.old", label: "Instead of", choices },
    { name: "recipients.new", label: "New recipient", hint: "MAILBOX@DOMAIN", required: true },
  ];
}

const Facts: FC<{ details: QueuedDetails; now: number }> = ({ details, now }) => {
  const { id, state, arrived, envelope, size, recipients, nextHop } = details;
  return (
    <section class="card">
      <dl class="facts">
        <dt>State</dt>
        <dd>
          <StateBadge state={state} />
        </dd>
        <dt>From</dt>
        <dd>
          <Mailbox address={envelope.reversePath} />
        </dd>
        <dt>Arrived</dt>
        <dd>
          <When at={arrived} now={now} /> <small>{exactTime(arrived)}</small>
        </dd>
        <dt>Size</dt>
        <dd>{sizeText(size)}</dd>
        {nextHop === undefined ? null : (
          <>
            <dt>Next hop</dt>
            <dd>
              <Peer text={nextHop} />
            </dd>
          </>
        )}
        <dt>Id</dt>
        <dd>
          <code>{id}</code> · <a href={`/v1/queue/${id}/content`}>download</a>
        </dd>
      </dl>
      <h2>Recipients</h2>
      <ul class="recipients">
        {recipients.slice(0, MOST_RECIPIENTS).map((one) => (
          <li>
            <Mailbox address={one.address} />
            <span class={`badge ${RECIPIENT_TONES[one.status]}`}>{one.status}</span>
            {one.status === "waiting" && one.attempts > 0
              ? <small>tried {one.attempts}×</small>
              : null}
            {one.status === "waiting" && !details.held && one.nextAttempt > now
              ? (
                <small>
                  next <When at={one.nextAttempt} now={now} />
                </small>
              )
              : null}
            {one.lastError === undefined ? null : (
              <small class="error">
                <Peer text={one.lastError.text} />
              </small>
            )}
          </li>
        ))}
      </ul>
      {recipients.length > MOST_RECIPIENTS
        ? <p>and {recipients.length - MOST_RECIPIENTS} more</p>
        : null}
    </section>
  );
};

const RECIPIENT_TONES = {
  waiting: "waiting",
  delivered: "good",
  relayed: "good",
  failed: "bad",
  bounced: "bad",
} as const satisfies Record<QueuedDetails["recipients"][number]["status"], string>;

const Timeline: FC<{ story: StoryText; now: number; kept: boolean }> = ({ story, now, kept }) => (
  <section>
    <h2>Story</h2>
    {story.events.length === 0
      ? <p class="hint">{kept ? "Nothing is told of it yet." : "No history is kept here."}</p>
      : (
        <ol class="story">
          {story.events.map(({ at, tone, title, lines }) => (
            <li class={tone}>
              <p class="story-title">{shown(title, 1000)}</p>
              <p class="story-time">
                {exactTime(at)} · <When at={at} now={now} />
              </p>
              {lines.length === 0 ? null : (
                <dl>
                  {lines.map(({ label, text }) => (
                    <>
                      <dt>{label}</dt>
                      <dd>
                        <Peer text={text} longest={1000} />
                      </dd>
                    </>
                  ))}
                </dl>
              )}
            </li>
          ))}
        </ol>
      )}
  </section>
);

const Header: FC<{ id: string; header: string }> = ({ id, header }) => (
  <details id={`header-${id}`}>
    <summary>Header section</summary>
    <pre class="source" tabindex={0}>{shown(header.replaceAll("\r\n", "\n"), LONGEST_HEADER)}</pre>
  </details>
);

/**
 * The inbox: captured mail as a list, and one message of it as its HTML in a frame
 * that can do nothing, its text, its fields, its source and its attachments.
 *
 * @module
 */
import type { FC } from "hono/jsx";
import type { InboxEntry, OpenedMessage } from "../../control/inbox/inbox.ts";
import type { ParsedMessage } from "../../control/inbox/parse.ts";
import { Problem } from "../../control/problem.ts";
import { sizeText } from "../../control/words.ts";
import { decode } from "../../base/bytes.ts";
import type { Content } from "../../queue/queue.ts";
import type { View } from "../app.tsx";
import { ActionButton, Mailbox, Nothing, Peer, When } from "../parts.tsx";
import type { Site } from "../site.ts";
import { exactTime, pathWith, shown } from "../words.ts";

/** Messages of the list. */
const MOST = 100;
/** The most text and source that is shown, characters. */
const LONGEST_TEXT = 200_000;

const TABS = [["html", "HTML"], ["text", "Text"], ["headers", "Headers"], [
  "raw",
  "Source",
]] as const;

type Tab = (typeof TABS)[number][0];

/** The list. */
export async function inboxView(
  { target, capture }: Site,
  query: Readonly<Record<string, string>>,
): Promise<View> {
  const { q } = query;
  const found = await target.inbox?.find({ ...(q && { q }), limit: MOST }) ?? [];
  const now = target.clock.now();
  const body = (
    <>
      <div class="between">
        <h1>Inbox</h1>
        {found.length === 0 || q ? null : (
          <ActionButton
            action={{
              ...{ label: "Delete all", method: "DELETE", path: "/v1/messages", danger: true },
              ...{ question: "Delete all captured mail?", said: "{removed} messages are deleted." },
            }}
          />
        )}
      </div>
      <form class="search" method="get" action="/inbox" role="search" data-keep>
        <label class="unseen" for="q">Search</label>
        <input
          id="q"
          name="q"
          type="search"
          value={q ?? ""}
          placeholder="Subject, text or address"
        />
        <button type="submit">Search</button>
      </form>
      {found.length > 0
        ? <List entries={found} now={now} />
        : q
        ? <Nothing title="No message matches">Try fewer words.</Nothing>
        : <Empty capture={capture()} />}
    </>
  );
  return { title: "Inbox", part: "inbox", body };
}

const Empty: FC<{ capture: boolean }> = ({ capture }) =>
  capture
    ? <Nothing title="No mail yet">What your application sends appears here by itself.</Nothing>
    : (
      <Nothing title="No mail is captured">
        Start the server with --capture to catch mail here.
      </Nothing>
    );

const List: FC<{ entries: readonly InboxEntry[]; now: number }> = ({ entries, now }) => (
  <ul class="mails">
    {entries.map(({ id, author, from, to, subject, preview, at, attachments, released }) => (
      <li id={`mail-${id}`}>
        <a href={`/inbox/${id}`}>
          <span class="mail-from">
            <Peer text={author || from || "<>"} longest={80} />
          </span>
          <span class="mail-subject">
            <Peer text={subject || "(no subject)"} longest={120} />
          </span>
          <span class="mail-preview">
            <Peer text={preview} longest={140} />
          </span>
          <span class="mail-to">
            to <Peer text={to.slice(0, 3).join(", ")} longest={100} />
          </span>
          <span class="mail-when">
            {attachments > 0 ? <span class="badge plain">{attachments} attached</span> : null}
            {released.length > 0 ? <span class="badge good">released</span> : null}
            <When at={at} now={now} />
          </span>
        </a>
      </li>
    ))}
  </ul>
);

/** One message. */
export async function messageInboxView(
  { target }: Site,
  id: string,
  wanted: string | undefined,
): Promise<View> {
  try {
    const opened = await target.inbox?.open(id);
    if (opened === undefined) return missing();
    const raw = wanted === "raw" ? await startOf(await target.inbox!.content(id)) : "";
    const fallback: Tab = opened.parsed.html === undefined ? "text" : "html";
    const tab = TABS.find(([name]) => name === wanted)?.[0] ?? fallback;
    const now = target.clock.now();
    const title = shown(opened.entry.subject || "(no subject)", 100);
    return { title, part: "inbox", body: <Opened {...{ opened, tab, raw, now }} /> };
  } catch (error) {
    if (error instanceof Problem && error.code === "not_found") return missing();
    throw error;
  }
}

function missing(): View {
  return {
    ...{ title: "Not found", part: "inbox", status: 404 },
    body: (
      <Nothing title="This message is not in the inbox" isView>It may have been deleted.</Nothing>
    ),
  };
}

async function startOf(content: Content): Promise<string> {
  let text = "";
  for await (const chunk of content.stream()) {
    text += decode(chunk);
    if (text.length > LONGEST_TEXT) break;
  }
  return text.replaceAll("\r\n", "\n");
}

const Opened: FC<{ opened: OpenedMessage; tab: Tab; raw: string; now: number }> = (
  { opened: { entry, parsed }, tab, raw, now },
) => (
  <>
    <p class="crumbs">
      <a href="/inbox">Inbox</a>
    </p>
    <h1>
      <Peer text={entry.subject || "(no subject)"} longest={200} />
    </h1>
    <InboxActions entry={entry} />
    <Fields entry={entry} parsed={parsed} now={now} />
    <nav class="tabs" aria-label="Show">
      {TABS.map(([name, label]) => (
        <a
          href={pathWith(`/inbox/${entry.id}`, { show: name })}
          aria-current={name === tab ? "page" : undefined}
        >
          {label}
        </a>
      ))}
    </nav>
    <Shown {...{ id: entry.id, parsed, tab, raw }} />
    <Attachments id={entry.id} parsed={parsed} />
    <Links links={parsed.links} />
  </>
);

const InboxActions: FC<{ entry: InboxEntry }> = ({ entry: { id, to } }) => (
  <div class="actions main-actions">
    <ActionButton
      action={{
        ...{ label: "Release", method: "POST", path: `/v1/messages/${id}/release`, body: {} },
        question: "Send a copy for real?",
        fields: [{
          ...{ name: "to[]", label: "To", value: to.join(", "), required: true },
          hint: "Mailboxes with commas between them",
        }],
        said: "A copy is on its way: {id}.",
      }}
    />
    <a class="button" href={`/v1/messages/${id}/raw`}>Download</a>
    <a class="button" href={`/message/${id}`}>Story</a>
    <ActionButton
      action={{
        ...{ label: "Delete", method: "DELETE", path: `/v1/messages/${id}`, danger: true },
        ...{ question: "Delete it?", said: "It is deleted.", then: "/inbox" },
      }}
    />
  </div>
);

const Fields: FC<{ entry: InboxEntry; parsed: ParsedMessage; now: number }> = (
  { entry, parsed, now },
) => (
  <dl class="facts card">
    <dt>From</dt>
    <dd>
      <Peer text={parsed.from || "–"} />
    </dd>
    <dt>To</dt>
    <dd>
      <Peer text={parsed.to.join(", ") || "–"} longest={1000} />
    </dd>
    {parsed.cc.length === 0 ? null : (
      <>
        <dt>Cc</dt>
        <dd>
          <Peer text={parsed.cc.join(", ")} longest={1000} />
        </dd>
      </>
    )}
    <dt>Envelope</dt>
    <dd>
      <Mailbox address={entry.from} /> to <Peer text={entry.to.join(", ")} longest={1000} />
    </dd>
    <dt>Came</dt>
    <dd>
      <When at={entry.at} now={now} /> <small>{exactTime(entry.at)} · {sizeText(entry.size)}</small>
    </dd>
    {entry.released.map(({ id, at, to }) => (
      <>
        <dt>Released</dt>
        <dd>
          <When at={at} now={now} /> to <Peer text={to.join(", ")} /> as{" "}
          <a href={`/message/${id}`}>{id}</a>
        </dd>
      </>
    ))}
  </dl>
);

const Shown: FC<{ id: string; parsed: ParsedMessage; tab: Tab; raw: string }> = (
  { id, parsed, tab, raw },
) => {
  switch (tab) {
    case "html":
      if (parsed.html === undefined) return <p class="hint">It has no HTML.</p>;
      return (
        <iframe
          class="mail-frame"
          title="The message"
          sandbox=""
          referrerpolicy="no-referrer"
          src={`/v1/messages/${id}/html`}
          data-keep
        >
        </iframe>
      );
    case "text":
      return (
        <pre
          class="source wraps"
          tabindex={0}
        >{shown(parsed.text, LONGEST_TEXT) || "It has no text."}</pre>
      );
    case "headers":
      return (
        <dl class="facts headers card">
          {parsed.headers.map(({ name, value }) => (
            <>
              <dt>
                <Peer text={name} longest={80} />
              </dt>
              <dd>
                <Peer text={value} longest={2000} />
              </dd>
            </>
          ))}
        </dl>
      );
    case "raw":
      return <pre class="source" tabindex={0}>{shown(raw, LONGEST_TEXT)}</pre>;
    default:
      return tab satisfies never;
  }
};

const Attachments: FC<{ id: string; parsed: ParsedMessage }> = ({ id, parsed: { parts } }) =>
  parts.length === 0 ? null : (
    <section>
      <h2>Attachments</h2>
      <ul class="attachments">
        {parts.map(({ n, name, type, size }) => (
          <li>
            <a href={`/v1/messages/${id}/parts/${n}`} download>
              <Peer text={name} longest={100} />
            </a>
            <small>
              <Peer text={type} longest={60} /> · {sizeText(size)}
            </small>
          </li>
        ))}
      </ul>
    </section>
  );

const Links: FC<{ links: readonly string[] }> = ({ links }) =>
  links.length === 0 ? null : (
    <section>
      <h2>Links in it</h2>
      <ul class="links">
        {links.map((link) => (
          <li>
            <a href={link} target="_blank" rel="noopener noreferrer">
              <Peer text={link} longest={300} />
            </a>
          </li>
        ))}
      </ul>
    </section>
  );

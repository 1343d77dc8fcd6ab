/**
 * The table of what `queue` can do: from it come what its command lines may hold and
 * the help texts.
 *
 * @module
 */
import { STATES } from "../control/filter.ts";
import { SORTS } from "../control/listing.ts";

/** A flag of a command. */
export interface QueueFlag {
  readonly name: string;
  /** What its value is called; absent for a switch. */
  readonly value?: string;
  readonly help: string;
  readonly repeatable?: true;
}

/** The names of the commands. */
export type QueueCommandName =
  | "list"
  | "summary"
  | "show"
  | "explain"
  | "history"
  | "retry"
  | "hold"
  | "release"
  | "bounce"
  | "remove"
  | "redirect"
  | "import"
  | "export";

/** A command. */
export interface QueueCommand {
  readonly name: QueueCommandName;
  /** The words behind it. */
  readonly words: string;
  readonly leastWords: number;
  readonly mostWords: number;
  /** What it does, in one line. */
  readonly summary: string;
  /** The particulars. */
  readonly details?: readonly string[];
  readonly flags: readonly QueueFlag[];
}

/** Which messages; a name in a filter's own words is made of it. */
export const FILTER_FLAGS: readonly QueueFlag[] = [
  { name: "sender", value: "ADDRESS", help: "from this sender; * for any characters, <> for none" },
  { name: "recipient", value: "ADDRESS", help: "for this recipient; * for any characters" },
  { name: "domain", value: "NAME", help: "for recipients in this domain" },
  { name: "next-hop", value: "NAME", help: "going there: a domain, or a host redirected to" },
  { name: "state", value: "STATE,…", help: `in one of these states: ${STATES.join(", ")}` },
  { name: "older-than", value: "AGE", help: "that came longer ago, such as 30m, 4h, 2d" },
  { name: "newer-than", value: "AGE", help: "that came less long ago" },
  { name: "error", value: "TEXT", help: "with this text in the last error" },
];

/** Flags that every command takes. */
export const COMMON_FLAGS: readonly QueueFlag[] = [
  { name: "spool", value: "DIR", help: "the spool; default that of the configuration, or ./spool" },
  { name: "config", value: "FILE", help: "the server's configuration file" },
];

const JSON_FLAG: QueueFlag = { name: "json", help: "for programs: JSON" };
const LINES_FLAG: QueueFlag = { name: "json", help: "for programs: a line of JSON for each" };
const STEER_FLAGS: readonly QueueFlag[] = [
  ...FILTER_FLAGS,
  { name: "all", help: "every message" },
  { name: "yes", help: "do not ask" },
];

function steering(
  name: QueueCommandName,
  summary: string,
  details: readonly string[] = [],
  flags: readonly QueueFlag[] = [],
): QueueCommand {
  const words = "[ID…]";
  return {
    ...{ name, words, leastWords: 0, mostWords: Infinity, summary },
    flags: [...flags, ...STEER_FLAGS],
    details: [
      ...details,
      "It says first how many messages that are, and asks. What is being delivered is waited for.",
    ],
  };
}

/** Every command. */
export const QUEUE_COMMANDS: readonly QueueCommand[] = [
  {
    name: "list",
    words: "",
    leastWords: 0,
    mostWords: 0,
    summary: "the messages in the queue, the oldest first",
    flags: [
      ...FILTER_FLAGS,
      { name: "sort", value: "KEY", help: `in order of ${SORTS.join(", ")}` },
      { name: "reverse", help: "the other way round" },
      { name: "limit", value: "N", help: "at most so many; default 100 on a terminal, else all" },
      LINES_FLAG,
    ],
  },
  {
    name: "summary",
    words: "",
    leastWords: 0,
    mostWords: 0,
    summary: "the queue by destination: how much waits, since when, and why",
    flags: [{ name: "limit", value: "N", help: "at most so many destinations" }, JSON_FLAG],
  },
  {
    name: "explain",
    words: "ID",
    leastWords: 1,
    mostWords: 1,
    summary: "where a message is and why, also one that is gone: its whole story",
    flags: [JSON_FLAG],
  },
  {
    name: "history",
    words: "",
    leastWords: 0,
    mostWords: 0,
    summary: "what became of messages, also of those that are gone; the newest first",
    details: [
      "TIME is today, yesterday, 2h (ago), 14:30, 2026-11-22 or ISO 8601. With --outcome it is",
      "when that became of it, whenever the message was accepted.",
    ],
    flags: [
      { name: "from", value: "ADDRESS", help: "from this sender; *@DOMAIN, or <> for none" },
      { name: "to", value: "ADDRESS", help: "for this recipient, or *@DOMAIN" },
      { name: "message-id", value: "TEXT", help: "with this Message-ID" },
      { name: "id", value: "ID", help: "whose id begins so; with --refused: of this session" },
      { name: "refused", help: "what clients were refused instead: no message came of it" },
      { name: "client", value: "ADDRESS", help: "with --refused: by this IP address" },
      {
        name: "outcome",
        value: "OUTCOME",
        help: "of which this became: delivered, deferred, failed, removed or waiting",
      },
      {
        name: "on",
        value: "DAY",
        help: "accepted, tried or steered on this day, such as yesterday",
      },
      { name: "since", value: "TIME", help: "the same, then or later" },
      { name: "until", value: "TIME", help: "the same, before" },
      { name: "limit", value: "N", help: "at most so many messages; default 100, at most 1000" },
      LINES_FLAG,
    ],
  },
  {
    name: "show",
    words: "ID",
    leastWords: 1,
    mostWords: 1,
    summary: "a message in the queue: envelope, recipients, header section",
    flags: [{ name: "raw", help: "its content instead, octet for octet" }, JSON_FLAG],
  },
  steering("retry", "try messages now"),
  steering("hold", "keep messages from being delivered", [
    "With --domain and nothing else all mail for that domain stops, now and from now on; so does " +
    "all there is with --all. `release` takes it back.",
  ]),
  steering("release", "let messages that are held go again"),
  steering("bounce", "give messages up, and tell their senders", [], [
    { name: "reason", value: "TEXT", help: "what they are told" },
  ]),
  steering("remove", "delete messages; nobody is told"),
  steering("redirect", "send messages elsewhere", [], [
    { name: "to-host", value: "HOST[:PORT]", help: "to this host; `mx` for the usual ones again" },
    {
      name: "to-address",
      value: "OLD=NEW",
      help: "to another address instead of one; repeatable",
      repeatable: true,
    },
  ]),
  {
    name: "import",
    words: "FILE|-",
    leastWords: 1,
    mostWords: 1,
    summary: "queue a message from a file or standard input; prints its id",
    details: ["Who it is from and for stands in its header section where it is not said."],
    flags: [
      { name: "from", value: "ADDRESS", help: "the sender; <> for none" },
      { name: "to", value: "ADDRESS", help: "a recipient; repeatable", repeatable: true },
    ],
  },
  {
    name: "export",
    words: "[ID [FILE]]",
    leastWords: 0,
    mostWords: 2,
    summary: "write the content of a message to a file, or of all to a directory",
    details: ["Without FILE it goes to standard output. No file is replaced."],
    flags: [
      { name: "all", value: "DIR", help: "all that match, as DIR/ID.eml" },
      ...FILTER_FLAGS,
    ],
  },
];

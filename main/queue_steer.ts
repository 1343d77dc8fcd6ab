/**
 * `queue retry|hold|release|bounce|remove|redirect`: says how many messages that is
 * and which, asks, and does it. What could not be done to a message is told, and ends
 * nothing.
 *
 * @module
 */
import { visible } from "../base/printable.ts";
import { ConfigError } from "../config/source.ts";
import type { ActionResult } from "../control/act.ts";
import { type ActionInput, MOST_IDS } from "../control/action.ts";
import type { QueueEntry } from "../control/client.ts";
import type { FilterInput } from "../control/filter.ts";
import { steeringFor } from "../control/replacement.ts";
import { countText, listText, pathText } from "../control/words.ts";
import { canonicalDomain } from "../protocol/domain.ts";
import { CommandError, type Context, must, OK, USAGE, wholeId } from "./context.ts";
import { filterOf } from "./queue_filter.ts";
import { type Line, valueOf } from "./queue_line.ts";
import { stoppedIn, tellStopped } from "./stopped.ts";

/** What is done to messages. */
export type SteeringName = ActionInput["action"];

/** How each is asked for and told. */
const WORDS: Readonly<Record<SteeringName, readonly [string, string]>> = {
  retry: ["Try", "due now"],
  hold: ["Hold", "held"],
  release: ["Release", "released"],
  bounce: ["Give up and return", "given up; their senders are told"],
  remove: ["Remove, telling nobody,", "removed"],
  redirect: ["Redirect", "redirected"],
};

/** Why something was not done to a message. */
const NOT_DONE = {
  busy: "being delivered and not given back in time",
  gone: "gone by now",
  captured: "captured, which can only be removed",
  unaffected: "without such a recipient",
  failed: "that could not be recorded: see the server's log",
} as const;

/** Messages that are shown before it is asked. */
const EXAMPLES = 3;

/** Which messages: these, all that match, or those of these that match. */
type Choice = Pick<ActionInput, "ids" | "filter">;

/** How many messages a choice is, and which some of them are. */
interface Meant {
  readonly count: number;
  readonly examples: readonly QueueEntry[];
  readonly choice: Choice;
}

/** Steers. @throws {CommandError} @throws {ConfigError} */
export async function steerMessages(
  action: SteeringName,
  line: Line,
  context: Context,
): Promise<number> {
  const particulars = particularsOf(action, line);
  if (action === "hold" || action === "release") {
    const whole = await holdsDomain(action, line, context);
    if (whole !== undefined) return whole;
  }
  const choice = await choiceOf(action, line, context);
  const isMeant = recipientTest(particulars);
  const meant = await meantBy(choice, isMeant, line, context);
  if (meant.count === 0) {
    await context.terminal.line("No message in the queue matches.");
    return OK;
  }
  await announce(action, meant, context);
  const question = `${WORDS[action][0]} ${countText(meant.count, "message")}?`;
  if (!await isAgreed(question, line, context)) return OK;
  return await carryOut({ action, ...meant.choice, ...particulars }, context);
}

/** What only one action has. @throws {ConfigError} */
function particularsOf(action: SteeringName, line: Line): Partial<ActionInput> {
  if (action === "bounce") {
    const reason = valueOf(line, "reason");
    return reason === undefined ? {} : { reason };
  }
  if (action !== "redirect") return {};
  const host = valueOf(line, "to-host");
  const addresses = line.values.get("to-address") ?? [];
  if (host === undefined && addresses.length === 0) {
    throw new ConfigError(["queue redirect: expected --to-host HOST or --to-address OLD=NEW"]);
  }
  return {
    ...(host !== undefined && { nextHop: host === "mx" ? null : host }),
    ...(addresses.length > 0 && { recipients: Object.fromEntries(addresses.map(replacement)) }),
  };
}

function replacement(text: string): [string, string] {
  // A local part may hold a `=`; what is behind the last one is the new address.
  const at = text.indexOf("=", text.lastIndexOf("@", text.lastIndexOf("@") - 1));
  if (at > 0 && at < text.length - 1) return [text.slice(0, at), text.slice(at + 1)];
  throw new ConfigError([
    `--to-address "${text}": expected OLD=NEW, such as a@example.org=b@example.org`,
  ]);
}

/** @throws {ConfigError} unless it says for which messages, in one way */
async function choiceOf(action: SteeringName, line: Line, { client }: Context): Promise<Choice> {
  const filter = filterOf(line);
  const all = line.switches.has("all");
  const ways = [line.words.length > 0, filter !== undefined, all].filter(Boolean).length;
  if (ways !== 1) {
    const expected = "expected ids, or a filter such as --domain NAME, or --all";
    throw new ConfigError([`queue ${action}: ${ways === 0 ? "" : "too much: "}${expected}`]);
  }
  if (line.words.length === 0) return { filter: filter ?? {} };
  const ids: string[] = [];
  for (const word of line.words) ids.push(await wholeId(word, client));
  return { ids: [...new Set(ids)] };
}

/** Says how many messages that is, and shows some. */
async function announce(
  action: SteeringName,
  { count, examples }: Meant,
  { terminal }: Context,
): Promise<void> {
  await terminal.line(`${countText(count, "message")} to ${action}:`);
  for (const { id, reversePath, recipients } of examples) {
    const who = `from ${pathText(reversePath)} for ${listText(recipients)}`;
    await terminal.cutLine(`  ${id}  ${visible(who)}`);
  }
  if (count > examples.length) await terminal.line(`  and ${count - examples.length} more`);
}

/** A message that may be meant. */
type EntryTest = (entry: QueueEntry) => boolean;

/** Only of messages with such recipients can these be replaced; undefined where that does not matter. */
function recipientTest({ nextHop, recipients }: Partial<ActionInput>): EntryTest | undefined {
  if (nextHop !== undefined || recipients === undefined) return undefined;
  const kind = "redirect";
  const steeringOf = steeringFor({ kind, recipients: new Map(Object.entries(recipients)) });
  return (entry) => steeringOf(entry) !== undefined;
}

/** @throws {CommandError} when one of the ids is in no queue */
async function meantBy(
  { ids, filter }: Choice,
  isMeant: EntryTest | undefined,
  line: Line,
  { client }: Context,
): Promise<Meant> {
  if (ids !== undefined) {
    return { count: ids.length, examples: await examplesOf(ids, client), choice: { ids } };
  }
  if (isMeant || !line.switches.has("yes")) return await matchingNow(filter!, client, isMeant);
  const page = must(await client.list({ ...filter, limit: EXAMPLES }));
  return { count: page.matched, examples: page.messages, choice: { filter } };
}

async function examplesOf(ids: readonly string[], client: Context["client"]) {
  const examples: QueueEntry[] = [];
  for (const id of ids) {
    const { messages } = must(await client.list({ id, limit: 1 }));
    if (messages[0] === undefined) throw new CommandError(`there is no message ${id} in the queue`);
    if (examples.length < EXAMPLES) examples.push(messages[0]);
  }
  return examples;
}

/** Whoever is asked agrees to these messages, and not to those that come to match until the answer is given. */
async function matchingNow(
  filter: FilterInput,
  client: Context["client"],
  isMeant: EntryTest = () => true,
): Promise<Meant> {
  const ids: string[] = [];
  const examples: QueueEntry[] = [];
  for await (const answer of client.listAll(filter)) {
    const entry = must(answer);
    if (!isMeant(entry)) continue;
    ids.push(entry.id);
    if (examples.length < EXAMPLES) examples.push(entry);
  }
  return { count: ids.length, examples, choice: { ids, filter } };
}

/** @throws {CommandError} where nobody can be asked, and nobody has agreed beforehand */
async function isAgreed(question: string, line: Line, { terminal }: Context): Promise<boolean> {
  if (line.switches.has("yes")) return true;
  if (!terminal.canAsk) {
    await terminal.flush();
    throw new CommandError("nobody is there to be asked: --yes does it", USAGE);
  }
  const agreed = await terminal.agrees(question);
  if (!agreed) await terminal.line("Nothing was done.");
  return agreed;
}

async function carryOut(action: ActionInput, context: Context): Promise<number> {
  const { client, terminal } = context;
  const results: ActionResult[] = [];
  for (const part of partsOf(action)) {
    let last: ActionResult | undefined;
    for await (const answer of client.act(part)) last = must(answer);
    if (!last?.over) throw new CommandError("the server has not said what came of it");
    results.push(last);
  }
  const sum = (key: "matched" | keyof typeof NOT_DONE | "done") =>
    results.reduce((all, result) => all + result[key], 0);
  await terminal.line(`${countText(sum("done"), "message")} ${WORDS[action.action][1]}.`);
  if (isToGo(action)) await tellStopped(await stoppedIn(context), context);
  const changed = action.ids && action.filter ? action.ids.length - sum("matched") : 0;
  const parts = [
    ...(Object.keys(NOT_DONE) as (keyof typeof NOT_DONE)[])
      .flatMap((key) => sum(key) > 0 ? [`${sum(key)} ${NOT_DONE[key]}`] : []),
    ...(changed > 0 ? [`${changed} that matched and do not any more`] : []),
  ];
  if (parts.length === 0) return OK;
  await terminal.flush();
  const ids = results.flatMap(({ notDone }) => notDone.map(({ id }) => id));
  const some = ids.length > 0 ? ` (${listText(ids)})` : "";
  throw new CommandError(`not done: ${parts.join("; ")}${some}`);
}

/** An action on so many ids as one request may name, each. */
function* partsOf(action: ActionInput): Generator<ActionInput> {
  const { ids } = action;
  if (ids === undefined) return yield action;
  for (let at = 0; at < ids.length; at += MOST_IDS) {
    yield { ...action, ids: ids.slice(at, at + MOST_IDS) };
  }
}

/** Whether whoever asks for it expects mail to go. */
function isToGo({ action }: ActionInput): boolean {
  return action === "retry" || action === "release" || action === "redirect";
}

/**
 * With a domain and nothing else, or with all, mail is held or released as such, what
 * comes later included. Gives the exit status, or undefined where single messages are meant.
 */
async function holdsDomain(
  action: "hold" | "release",
  line: Line,
  context: Context,
): Promise<number | undefined> {
  const domain = valueOf(line, "domain");
  const all = line.switches.has("all");
  const filters = Object.keys(filterOf(line) ?? {});
  const isAlone = line.words.length === 0 && filters.length === (all ? 0 : 1);
  if (!isAlone || (!all && domain === undefined)) return undefined;
  return action === "hold"
    ? await holdAll(domain, line, context)
    : await releaseAll(domain, line, context);
}

async function holdAll(
  domain: string | undefined,
  line: Line,
  context: Context,
): Promise<number> {
  const { client, terminal } = context;
  const { matched } = must(await client.list({ ...(domain && { domain }), limit: 1 }));
  const what = domain === undefined ? "all mail" : `all mail for ${visible(domain)}`;
  const waiting = `${countText(matched, "message")} in the queue, and whatever comes`;
  await terminal.text(`This stops ${what}, now and from now on: ${waiting}.`);
  if (!await isAgreed(`Hold ${what}?`, line, context)) return OK;
  const { changed } = must(await client.hold(domain));
  const back = `queue release ${domain === undefined ? "--all" : `--domain ${visible(domain)}`}`;
  await terminal.text(`${changed ? "Held" : "Held already"}; ${back} takes it back.`);
  return OK;
}

async function releaseAll(
  domain: string | undefined,
  line: Line,
  context: Context,
): Promise<number | undefined> {
  const { client, terminal } = context;
  const { all, domains } = must(await client.holds());
  const name = domain && canonicalDomain(domain);
  if (domain === undefined ? !all : !domains.some((held) => held.domain === name)) return undefined;
  const what = domain === undefined ? "all mail" : `all mail for ${visible(domain)}`;
  if (!await isAgreed(`Let ${what} go again?`, line, context)) return OK;
  must(await client.release(domain));
  await terminal.text(`Released: ${what} goes again.`);
  const filter = { state: "held" as const, ...(domain && { domain }) };
  const { matched } = must(await client.list({ ...filter, limit: 1 }));
  if (matched > 0) {
    const where = domain === undefined ? "" : ` --domain ${visible(domain)}`;
    const single = `${countText(matched, "message")} held one by one`;
    await terminal.text(`${single} stay so: queue release --state held${where} releases them.`);
  }
  return OK;
}

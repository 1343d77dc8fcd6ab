/**
 * `plan FROM TO`: whether a message would be accepted, and where it would go. Asks the
 * server that runs, or, where none does, goes by the configuration. Nothing is sent.
 *
 * @module
 */
import { visible } from "../base/printable.ts";
import type { Config } from "../config/config.ts";
import { ConfigError } from "../config/source.ts";
import { ControlClient } from "../control/client.ts";
import { isMailbox } from "../control/mailbox_text.ts";
import { Problem } from "../control/problem.ts";
import type { MailPlan, PlanQuestion } from "../control/target.ts";
import type { Tone } from "../control/story_answer.ts";
import { hopText, pathText, spanText, untilText } from "../control/words.ts";
import { UsersError } from "../policy/users.ts";
import { SOCKET_NAME } from "../server/control.ts";
import { planMail } from "../server/plan_mail.ts";
import { CommandError, FAILED, jsonLine, must, OK, timeWriter } from "./context.ts";
import { COMMON_FLAGS, type QueueFlag } from "./queue_commands.ts";
import { flagLines } from "./queue_help.ts";
import { type Line, readLine, valueOf } from "./queue_line.ts";
import { type ConfigReader, withTerminal } from "./spool_context.ts";
import type { Terminal } from "./terminal.ts";

const FLAGS: readonly QueueFlag[] = [
  { name: "client", value: "ADDRESS", help: "the client's IP address; default 127.0.0.1" },
  { name: "user", value: "NAME", help: "the user who would have logged in" },
  { name: "require-tls", help: "with REQUIRETLS (RFC 8689)" },
  { name: "json", help: "for programs: JSON" },
  ...COMMON_FLAGS,
];

const GRAMMAR = { name: "plan", words: "FROM TO", leastWords: 2, mostWords: 2, flags: FLAGS };

function helpText(): string {
  return [
    "What would become of a message: accepted or not and by which rules, its route, hosts, TLS",
    "and retries. Asks name servers, and sends nothing. FROM may be <>.",
    "",
    "Usage: deno run -A main.ts plan FROM TO [options]",
    "",
    ...flagLines(FLAGS),
    "",
    "Exit status: 0 when it would be accepted and has a host to go to, or is captured; else 1.",
  ].join("\n");
}

/**
 * Runs what stands behind `plan`; gives the exit status.
 *
 * @throws {ConfigError} for a wrong command line
 * @throws {CommandError} when it cannot be planned
 */
export async function planCommand(
  args: readonly string[],
  readConfig: ConfigReader,
): Promise<number> {
  if (args.length === 0 || args.includes("--help") || args.includes("-h")) {
    console.log(helpText());
    return OK;
  }
  const line = readLine(args, GRAMMAR);
  const question = questionOf(line);
  const config = await readConfig({
    spool: valueOf(line, "spool"),
    configFile: valueOf(line, "config"),
  });
  const { plan, by } = await planned(config, question);
  return await withTerminal(async (terminal) => {
    if (line.switches.has("json")) await terminal.line(jsonLine(plan));
    else await tell(plan, by, question, terminal);
    const { receive, route, stays } = plan;
    const isOn = stays === "captured" || route.hosts.length > 0;
    return receive.accepted && isOn ? OK : FAILED;
  });
}

/** @throws {ConfigError} for what are no mailboxes */
function questionOf(line: Line): PlanQuestion {
  const [sender = "", to = ""] = line.words;
  const from = sender === "<>" ? "" : sender;
  const problems = [from, to].filter((mailbox) => mailbox !== "" && !isMailbox(mailbox))
    .map((mailbox) => `plan: "${mailbox}" is no address such as user@example.org`);
  if (to === "") problems.push("plan: expected a recipient");
  if (problems.length > 0) throw new ConfigError(problems);
  const user = valueOf(line, "user");
  const requireTls = line.switches.has("require-tls");
  return { from, to, client: valueOf(line, "client") ?? "127.0.0.1", user, requireTls };
}

/** The plan, and who made it. @throws {CommandError} */
async function planned(
  config: Config,
  question: PlanQuestion,
): Promise<{ plan: MailPlan; by: string }> {
  using client = ControlClient.onSocket(`${config.spool}/${SOCKET_NAME}`);
  const plan = await client.plan(question);
  if (!(plan instanceof Problem)) return { plan, by: "the running server" };
  if (plan.code !== "unreachable") must(plan);
  try {
    return { plan: await planMail(config, question), by: "the configuration; no server runs" };
  } catch (error) {
    if (!(error instanceof TypeError) && !(error instanceof UsersError)) throw error;
    throw new CommandError(error.message);
  }
}

async function tell(
  plan: MailPlan,
  by: string,
  question: PlanQuestion,
  terminal: Terminal,
): Promise<void> {
  const { receive, route: { destination, route, hosts, error, tls, retries, jitter } } = plan;
  const now = Date.now();
  const time = timeWriter({ now });
  const say = (label: string, text: string) => terminal.labelled(label, visible(text));
  const [tone, verdict] = verdictOf(plan, question);
  await terminal.text(visible(verdict), (part) => terminal.strong(terminal.toned(tone, part)));
  await terminal.text(`By ${by}. Nothing was sent.`, terminal.faint);
  await terminal.line("");
  await say("reply:", receive.reply);
  await each(receive.decisions.map(({ about, rule }) => `${about}: ${rule}`), "rules:", say);
  await say("destination:", destination);
  await say("route:", route.why);
  await each(route.answers, "DNS:", say);
  await each(route.skipped ?? [], "passed over:", say);
  const hops = hosts.map(({ name, address, port, unverifiable }) => {
    const at = address.includes(":") ? `[${address}]` : address;
    return `${hopText(name, `${at}:${port}`)}${unverifiable ? ` (${unverifiable})` : ""}`;
  });
  await each(hops, "hosts:", say);
  if (error !== undefined) await say("no host:", error.text);
  await say("TLS:", tls);
  await each(retriesText(retries, now, time), "retries:", say);
  if (jitter > 0 && retries.length > 0) {
    await say("", `each wait is up to ${Math.round(jitter * 100)} % shorter or longer`);
  }
}

/** Retries that are listed one by one. */
const LISTED = 6;

function retriesText(
  retries: MailPlan["route"]["retries"],
  now: number,
  time: (ms: number) => string,
): string[] {
  const text = ({ at, rule }: MailPlan["route"]["retries"][number]) =>
    `${time(at)} (${untilText(at, now)}): ${rule}`;
  const last = retries.at(-1);
  if (retries.length <= LISTED + 1 || last === undefined) return retries.map(text);
  const between = retries.length - LISTED - 1;
  const gap = `${between} more, the longest wait ${spanText(longestWait(retries))}`;
  return [...retries.slice(0, LISTED).map(text), gap, text(last)];
}

function longestWait(retries: MailPlan["route"]["retries"]): number {
  return Math.max(...retries.slice(1).map(({ at }, i) => at - retries[i]!.at));
}

async function each(
  texts: readonly string[],
  label: string,
  say: (label: string, text: string) => Promise<void>,
): Promise<void> {
  for (const [i, text] of texts.entries()) await say(i === 0 ? label : "", text);
}

function verdictOf(
  { receive, route: { hosts, error }, stays }: MailPlan,
  { from, to }: PlanQuestion,
): [Tone, string] {
  const mail = `Mail from ${pathText(from)} for ${to}`;
  if (!receive.accepted) return ["bad", `${mail} would be refused: ${receive.reply}`];
  if (stays !== undefined) {
    return ["waiting", `${mail} would be accepted and ${stayText(stays, to)}`];
  }
  if (hosts.length > 0) return ["good", `${mail} would be accepted and delivered`];
  const gone = from === "" ? "be given up at once" : "come back at once";
  const end = error?.permanent ? gone : "find no host for now";
  return ["bad", `${mail} would be accepted and ${end}: ${error?.text ?? "none is there"}`];
}

function stayText(stays: NonNullable<MailPlan["stays"]>, to: string): string {
  const domain = to.slice(to.lastIndexOf("@") + 1);
  switch (stays) {
    case "captured":
      return "captured: it would stay in the inbox until it is released there";
    case "all_held":
      return "held: all delivery is held (queue release --all)";
    case "domain_held":
      return `held: all mail for ${domain} is (queue release --domain ${domain})`;
    default:
      return stays satisfies never;
  }
}

/**
 * What the server would say to a client that brought a message: every rule that
 * decides, and the reply it would hear. Nothing is counted against a limit, no hook
 * is asked, and nothing is sent or kept.
 *
 * @module
 */
import { canonicalAddress } from "../base/ip_address.ts";
import { limitRule } from "../config/setting_text.ts";
import type { Decision } from "../history/story.ts";
import type { ClientInfo } from "../message/envelope.ts";
import type { Hooks } from "../policy/hooks.ts";
import type { Judgement } from "../policy/judgement.ts";
import { parsePath } from "../protocol/path.ts";
import { reply, replyText, type SmtpReply } from "../protocol/reply.ts";
import { NO_SPACE } from "./incoming.ts";
import type { ReceiveOptions } from "./receive.ts";

/** The message, and who would bring it. */
export interface PlannedMessage {
  /** The reverse-path; `""` for the null one. */
  readonly from: string;
  /** One recipient. */
  readonly to: string;
  /** The client's IP address. */
  readonly client: string;
  /** Who would have logged in, on a submission listener. */
  readonly user?: string;
}

/** What planning needs of what receiving does. */
export interface PlanRules extends Pick<ReceiveOptions, "relay" | "hooks" | "logins"> {
  readonly config: Pick<ReceiveOptions["config"], "limits">;
  readonly queue: Pick<ReceiveOptions["queue"], "hasRoom">;
}

/** What would become of it. */
export interface ReceivePlan {
  readonly accepted: boolean;
  /** The reply to RCPT, or the first one before it that refuses. */
  readonly reply: string;
  /** The rules, in the order in which they are asked; the last one has refused it where it is not accepted. */
  readonly decisions: readonly Decision[];
}

const WELCOME = reply(250, "2.1.5", "Recipient OK");

/** The hooks that would be asked. */
const ASKED: readonly (keyof Hooks)[] = ["connect", "mail", "rcpt", "message"];

/**
 * Plans.
 *
 * @throws {TypeError} when the client's address is none
 */
export async function planReceive(
  message: PlannedMessage,
  options: PlanRules,
): Promise<ReceivePlan> {
  const address = canonicalAddress(message.client);
  if (address === undefined) throw new TypeError(`client: not an IP address: "${message.client}"`);
  const client: ClientInfo = { address, port: 0, helo: "", protocol: "ESMTP", user: message.user };
  const decisions: Decision[] = [standing(client, options)];
  for await (const { refusal, decision } of judgements(message, client, options)) {
    if (decisions.every(({ rule }) => rule !== decision.rule)) decisions.push(decision);
    if (refusal !== undefined) return { accepted: false, reply: replyText(refusal), decisions };
  }
  for (const name of ASKED) {
    if (options.hooks[name] === undefined) continue;
    decisions.push({ about: "hook", rule: `hook ${name}, which is not asked for a plan` });
  }
  return { accepted: true, reply: replyText(WELCOME), decisions };
}

/** Whether the client is a stranger, for whom limits hold. */
function standing(client: ClientInfo, { relay, config }: PlanRules): Decision {
  const free = relay.freedom({ ...client, user: undefined });
  if (free !== undefined) return free;
  const rate = limitRule("messageRate", config.limits);
  return { about: "connection", rule: `not in trust, so limits hold: ${rate} and others` };
}

/** What is asked in turn; the first refusal ends it. */
async function* judgements(
  { from, to, user }: PlannedMessage,
  client: ClientInfo,
  options: PlanRules,
): AsyncGenerator<Judgement> {
  if (user !== undefined) yield await submitting(from, client, options);
  const sender = from === "" ? undefined : parsePath(`<${from}>`, 0, "5.1.7");
  if (sender?.ok === false) yield malformed("sender", sender.reply);
  if (!options.queue.hasRoom(0)) yield NO_SPACE;
  const recipient = parsePath(`<${to}>`, 0, "5.1.3");
  yield recipient.ok
    ? options.relay.judge(recipient.value, client)
    : malformed("recipient", recipient.reply);
}

function malformed(about: "sender" | "recipient", refusal: SmtpReply): Judgement {
  return { refusal, decision: { about, rule: "its address is none (RFC 5321 §4.1.2)" } };
}

/** What a submission listener says to a user who has logged in, in TLS. */
async function submitting(
  from: string,
  client: ClientInfo,
  { logins, relay }: PlanRules,
): Promise<Judgement> {
  const own = await logins.connection(relay.trusts(client.address), () => {}, client.user);
  const tls = { version: "TLSv1.3", verified: false };
  return own.judgeSender(from, { ...client, tls });
}

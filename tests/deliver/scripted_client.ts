/** What tests of one client and one scripted peer have in common. */
import { assert } from "@std/assert";
import type { SmtpClient, TransactionResult } from "../../deliver/client.ts";
import type { DeliveryError } from "../../queue/queue.ts";
import { connectOptions, withClient } from "../helpers/outgoing.ts";
import {
  greet,
  hearUpTo,
  say,
  ScriptedPeer,
  type Step,
  withPeer,
} from "../helpers/scripted_peer.ts";

/** Runs a script after the greeting, and gives what was heard to the check. */
export async function withScript(
  keywords: readonly string[],
  script: readonly Step[],
  check: (client: SmtpClient, peer: ScriptedPeer) => Promise<void>,
): Promise<void> {
  await withPeer([[...greet(...keywords), ...script]], async (peer) => {
    await withClient(peer.host, connectOptions(), (client) => check(client, peer));
  });
}

/** Why the recipient at a position was not served. */
export function errorOf(result: TransactionResult, index = 0): DeliveryError {
  const outcome = result.outcomes[index]!;
  assert(outcome.kind === "failed");
  return outcome.error;
}

/** What a peer's first client said after EHLO. */
export function commandsOf(peer: ScriptedPeer): string[] {
  return peer.sessions[0]!.commands.slice(1); // after EHLO
}

/** The replies to a group that ends with DATA, after hearing it whole. */
export function answerGroup(...replies: string[]): Step[] {
  return [hearUpTo("DATA\r\n"), say(...replies)];
}

/**
 * Plans by a configuration that no server runs with: what one that did would say to a
 * client, and where it would send its mail. Asks name servers, and sends nothing.
 *
 * @module
 */
import { type Clock, systemClock } from "../base/clock.ts";
import type { Config } from "../config/config.ts";
import type { MailPlan, PlanQuestion } from "../control/target.ts";
import { RelayPolicy } from "../policy/relay.ts";
import { openUsers } from "./front.ts";
import { Logins } from "./logins.ts";
import { planReceive } from "./plan_receive.ts";
import { Routing } from "./routing.ts";

/**
 * Plans a message.
 *
 * @throws {UsersError} when the file of the users cannot be read, or is none
 */
export async function planMail(
  config: Config,
  { requireTls, ...message }: PlanQuestion,
  clock: Clock = systemClock,
): Promise<MailPlan> {
  const userFile = await openUsers(config, {}, clock);
  const random = (length: number) => crypto.getRandomValues(new Uint8Array(length));
  const logins = new Logins({ config, userFile, hooks: {}, clock, random });
  const routing = new Routing(config, clock, () => []);
  const rules = { config, relay: new RelayPolicy(config), hooks: {}, logins };
  try {
    const [receive, route] = await Promise.all([
      planReceive(message, { ...rules, queue: { hasRoom: () => true } }),
      routing.plan(message.to, { requireTls }),
    ]);
    return { receive, route, ...(config.capture && { stays: "captured" }) };
  } finally {
    routing.close();
    logins.stop();
  }
}

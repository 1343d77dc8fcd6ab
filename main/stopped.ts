/**
 * Why mail does not go, whatever the single message is like: no server runs, or all
 * mail is held, or that for some domains. Whoever looks at the queue or wants
 * something sent has to know.
 *
 * @module
 */
import { Problem } from "../control/problem.ts";
import { listText } from "../control/words.ts";
import type { Context } from "./context.ts";

/** What stops mail. */
export interface Stopped {
  readonly noServer: boolean;
  readonly allHeld: boolean;
  readonly heldDomains: readonly string[];
}

/** Finds out. Where the API gives no answer nothing is known to be held. */
export async function stoppedIn({ client, isServed }: Context): Promise<Stopped> {
  const holds = await client.holds();
  const { all, domains } = holds instanceof Problem ? { all: false, domains: [] } : holds;
  const heldDomains = domains.map(({ domain }) => domain);
  return { noServer: !isServed, allHeld: all, heldDomains };
}

/** Says it to people, where there is something. */
export async function tellStopped(stopped: Stopped, { terminal }: Context): Promise<void> {
  for (const text of stoppedTexts(stopped)) {
    await terminal.text(text, (part) => terminal.toned("waiting", part));
  }
}

function stoppedTexts({ noServer, allHeld, heldDomains }: Stopped): string[] {
  const domains = `All mail for ${listText(heldDomains, 5)} is held: queue release --domain NAME`;
  return [
    ...(noServer ? ["No server runs: nothing is delivered until one is started."] : []),
    ...(allHeld ? ["All delivery is held: queue release --all"] : []),
    ...(!allHeld && heldDomains.length > 0 ? [domains] : []),
  ];
}

/**
 * The trial without file descriptors: the server may have few of them, and more
 * clients come than it has for them.
 *
 * @module
 */
import { within } from "../pause.ts";
import { Client, Refused } from "../rig/client.ts";
import { type Run, type Site, TAKEN } from "./site.ts";
import { bringAll, oneOfEach, resumes, type Trial } from "./trial.ts";

/** How many descriptors the server has. */
const DESCRIPTORS = 96;
/** How many clients come. */
const CLIENTS = 200;
/** How long a newcomer may wait for the first word, ms. */
const PATIENCE = 5000;

const TOO_MANY = "421 4.3.2 Out of file descriptors, try again later";
const LOCAL_ERROR = "451 4.3.0 ";

/** The trial, with the path of `prlimit`. */
export function descriptorTrial(prlimit: string): Trial {
  const under = [prlimit, `--nofile=${DESCRIPTORS}:${DESCRIPTORS}`];
  return { name: "EMFILE, by more clients than descriptors", run: (site) => trial(site, under) };
}

async function trial(site: Site, under: readonly string[]): ReturnType<Trial["run"]> {
  const run = await site.start({ reachable: false, under });
  await bringAll(site, run, "before");
  using crowd = await Crowd.gather(site, run);
  const { refused } = crowd;
  if (refused === 0) site.complaints.push("no newcomer was turned away");
  await crowd.bring(site);
  crowd[Symbol.dispose]();
  const resumed = await resumes(site, run);
  await bringAll(site, run, "after");
  await site.kill(run);
  await site.settle();
  return { faults: refused, refused, resumed };
}

/** Clients that stay. */
class Crowd implements Disposable {
  /** How many were turned away. */
  refused = 0;
  readonly #clients: Client[] = [];

  /** Connects them one after the other; each has to hear a greeting or that there are too many. */
  static async gather(site: Site, { port }: Run): Promise<Crowd> {
    const crowd = new Crowd();
    for (let i = 0; i < CLIENTS; i++) {
      const client = await greeting(port);
      if (client instanceof Client) {
        crowd.#clients.push(client);
        continue;
      }
      crowd.refused++;
      if (client.startsWith(TOO_MANY)) continue;
      site.complaints.push(`a newcomer heard ${client}`);
      break;
    }
    return crowd;
  }

  /** Hangs up. */
  [Symbol.dispose](): void {
    for (const client of this.#clients.splice(0)) client[Symbol.dispose]();
  }

  /** Those who are in bring mail: what needs no descriptor is taken, and what needs one is refused for now. */
  async bring(site: Site): Promise<void> {
    for (const [i, mail] of [...oneOfEach("crowd").values()].entries()) {
      const reply = await site.bringOver(this.#clients[i]!, mail);
      const isExpected = reply === TAKEN || reply.startsWith(LOCAL_ERROR);
      if (!isExpected) site.complaints.push(`${mail.name} got ${reply}`);
    }
  }
}

/** A client that was greeted, or what it heard instead. */
async function greeting(port: number): Promise<Client | string> {
  try {
    return await within(PATIENCE, Client.connect(port)) ?? "nothing";
  } catch (error) {
    return error instanceof Refused ? error.message : String(error);
  }
}

/**
 * The crowd of bad clients, in a thread of its own, so that the good one is not
 * held up by what they do. Posts {@linkcode CrowdNews}.
 *
 * @module
 */
import { pause } from "../pause.ts";
import { type End, type Kind, Member } from "./member.ts";

/** What crowd there is to be. */
export interface CrowdTask {
  readonly port: number;
  /** How many of each kind. */
  readonly counts: readonly (readonly [Kind, number])[];
  /** From one octet of a slow client to the next, ms. */
  readonly slowness: number;
}

/** What becomes of it. */
export type CrowdNews =
  /** All have connected, and done what they do at first. */
  | { readonly news: "settled"; readonly connected: number }
  /** All were closed. */
  | { readonly news: "ended"; readonly ends: readonly End[] };

/** How many connect at a time. */
const AT_ONCE = 50;

/** The crowd has settled when nobody has sent anything for so long, drops aside, ms. */
const CALM = 1000;

/** What a worker has of its global scope, which the type checker does not know. */
interface WorkerScope {
  onmessage: ((event: MessageEvent<CrowdTask>) => void) | null;
  postMessage(news: CrowdNews): void;
}

const scope = globalThis as unknown as WorkerScope;

async function gather({ port, counts, slowness }: CrowdTask): Promise<void> {
  const kinds = counts.flatMap(([kind, count]) => Array<Kind>(count).fill(kind));
  const members: Member[] = [];
  const left = shuffled(kinds).values();
  const connect = async () => {
    for (const kind of left) members.push(await Member.connect(port, kind, slowness));
  };
  await Promise.all(Array.from({ length: AT_ONCE }, connect));
  await calm(members);
  scope.postMessage({ news: "settled", connected: members.length });
  const ends = await Promise.all(members.map((member) => member.end));
  scope.postMessage({ news: "ended", ends });
}

/** Every kind spread over the whole; always the same way. */
function shuffled(kinds: readonly Kind[]): Kind[] {
  const stride = Math.floor(kinds.length * 0.618);
  const places = kinds.map((_, i) => (i * stride) % kinds.length);
  const distinct = new Set(places).size === kinds.length;
  return distinct ? places.map((place) => kinds[place]!) : [...kinds];
}

/** Resolves when nobody sends much any more. */
async function calm(members: readonly Member[]): Promise<void> {
  const sent = () => members.reduce((sum, member) => sum + member.sent, 0);
  for (let before = -1, now = sent(); now - before > members.length; now = sent()) {
    before = now;
    await pause(CALM);
  }
}

scope.onmessage = ({ data }) => void gather(data);

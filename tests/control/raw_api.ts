/** The API at a real address, and octets sent there by hand. */
import { assert } from "@std/assert";
import { concat, decode, encode } from "../../base/bytes.ts";
import { apiOf } from "../../control/api.ts";
import { ControlListener } from "../../control/listener.ts";
import type { ProblemBody } from "../../control/problem.ts";
import { type Rig, rigOf } from "./rig.ts";

/** The token that {@linkcode withRawApi} asks for. */
export const TOKEN = "0123456789abcdef";
/** The field that shows it. */
export const BEARER = `Authorization: Bearer ${TOKEN}\r\n`;

/** An API at a real address. */
export interface RawApi {
  readonly rig: Rig;
  readonly port: number;
}

/** An answer as it was sent. */
export interface RawAnswer {
  readonly status: number;
  /** The status line and fields. */
  readonly head: string;
  readonly body: string;
}

/** Listens for one test. */
export async function withRawApi(check: (api: RawApi) => Promise<void>): Promise<void> {
  const rig = rigOf();
  const app = apiOf(rig.target, { by: "api", token: TOKEN, hostname: "mx.example.org" });
  const load = () => Promise.resolve((request: Request) => app.fetch(request));
  const listener = await ControlListener.onTcp({ hostname: "127.0.0.1", port: 0 }, load);
  try {
    await check({ rig, port: listener.port! });
  } finally {
    await listener.close();
  }
}

/** Sends what is given, an octet a character, and gives all that comes until the server closes. */
export async function talk(port: number, text: string): Promise<string> {
  using connection = await Deno.connect({ hostname: "127.0.0.1", port });
  const octets = Uint8Array.from(text, (character) => character.charCodeAt(0));
  // A server that has heard enough closes before it has read all of it.
  const sent = new Response(octets).body!.pipeTo(connection.writable, { preventClose: true });
  sent.catch(() => {});
  const chunks: Uint8Array[] = [];
  try {
    for await (const chunk of connection.readable) chunks.push(chunk);
  } catch (error) {
    if (!(error instanceof Deno.errors.ConnectionReset)) throw error;
  }
  return decode(concat(chunks));
}

/** The answers in what came; interim ones (1xx) left out. */
export function answersIn(text: string): RawAnswer[] {
  const answers: RawAnswer[] = [];
  let rest = text;
  while (rest !== "") {
    const end = rest.indexOf("\r\n\r\n");
    const head = rest.slice(0, end);
    const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(head)?.[1]);
    assert(end > 0 && status > 0, `no answer: ${rest.slice(0, 200)}`);
    const size = Number(/^content-length: (\d+)$/im.exec(head)?.[1] ?? 0);
    const octets = encode(rest.slice(end + 4));
    const body = decode(octets.subarray(0, size));
    rest = decode(octets.subarray(size));
    if (status >= 200) answers.push({ status, head, body });
  }
  return answers;
}

/** What an answer says is the problem. @throws {Error} when it is no problem in the form that the document has */
export function problemIn({ head, body }: RawAnswer): ProblemBody["error"] {
  assert(/^content-type: application\/json$/im.test(head), head);
  const { error } = JSON.parse(body) as ProblemBody;
  assert(typeof error.code === "string" && typeof error.message === "string", body);
  return error;
}

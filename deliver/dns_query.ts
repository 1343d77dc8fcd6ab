/**
 * One DNS question put to name servers directly (RFC 1035), because
 * `Deno.resolveDns` does not tell "no such domain" from "the server failed".
 * Here the answer's rcode is seen. Throws when no server gave a definite answer
 * in time.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { createSocket } from "node:dgram";
import { isIPv6 } from "node:net";
import dnsPacket from "dns-packet";
import { concat } from "../base/bytes.ts";
import { isLoopback } from "../base/ip_address.ts";
import type { Clock } from "../base/clock.ts";
import type { NameServer } from "../config/config.ts";
import { canonicalAddress } from "./address_guard.ts";

/** The record types that are asked for. */
export type QueryType = "MX" | "A" | "AAAA";

/** A record of an answer, in the form that its type has. */
export interface WireRecord {
  /** Its owner. */
  readonly name: string;
  /** E.g. `MX`. */
  readonly type: string;
  /** An address or name; of MX its parts; other types have other forms. */
  readonly data: unknown;
}

/** A definite answer: the rcode was NOERROR, perhaps with no records, or NXDOMAIN. */
export interface DefiniteAnswer {
  /** Whether the name exists: false for NXDOMAIN. */
  readonly exists: boolean;
  /** The records of the type asked for, at the end of the chain of CNAMEs. */
  readonly records: readonly WireRecord[];
  /** Whether a name server says that it has validated all of this (DNSSEC), with nobody between it and us. */
  readonly proven: boolean;
}

/** How no definite answer came: the name server's rcode, none in time, or anything else. */
export type DnsFailureKind = "servfail" | "refused" | "timeout" | "failed";

/** No name server gave a definite answer; its message says why. */
export class DnsFailure extends Error {
  readonly kind: DnsFailureKind;

  /** Makes one. */
  constructor(kind: DnsFailureKind, message: string) {
    super(message);
    this.name = "DnsFailure";
    this.kind = kind;
  }
}

/** The rcodes that are told apart (RFC 1035 §4.1.1). */
const FAILURE_KINDS: ReadonlyMap<string, DnsFailureKind> = new Map([
  ["SERVFAIL", "servfail"],
  ["REFUSED", "refused"],
]);

/** As much of a DNS message as is used here. */
interface DnsMessage {
  readonly id: number;
  readonly type: "query" | "response";
  readonly rcode: string;
  readonly flag_tc: boolean;
  readonly flag_ad: boolean;
  readonly questions: readonly { name: string; type: string; class: string }[];
  readonly answers: readonly WireRecord[];
}

/** The package's codec, which ships no types. Both functions throw on what they cannot read or write. */
interface DnsCodec {
  encode(message: object): Uint8Array;
  decode(octets: Buffer): DnsMessage;
  readonly RECURSION_DESIRED: number;
  readonly AUTHENTIC_DATA: number;
}
const codec: DnsCodec = dnsPacket;

/** How CNAMEs are followed when a server does not do it itself; a loop ends here. */
const LONGEST_CNAME_CHAIN = 8;
/** The wait before a datagram is sent again, ms. */
const RESEND_AFTER = 2000;
/** How many name servers are asked, as the system's own resolver has it (MAXNS). */
const MOST_SERVERS = 3;

/** How a question is put. */
export interface QueryOptions {
  /** Who is asked, in this order. */
  readonly servers: readonly NameServer[];
  /** Times the repetitions. */
  readonly clock: Clock;
  /** When to give up, ms since 1970. */
  readonly deadline: number;
  /** Ends it early. */
  readonly signal: AbortSignal;
}

/**
 * Asks the servers one after another until one gives a definite answer,
 * following CNAMEs. `name` is absolute: no search domain is ever added.
 *
 * @throws {DnsFailure} when none did in time.
 */
export async function queryDns(
  name: string,
  type: QueryType,
  options: QueryOptions,
): Promise<DefiniteAnswer> {
  let target = name;
  let proven = true;
  for (let links = 0; links <= LONGEST_CNAME_CHAIN; links++) {
    const { message, server } = await askServers(target, type, options);
    // RFC 6840 §5.8: anybody between a name server and us could have set the bit.
    proven &&= message.flag_ad && isLoopback(server.host);
    if (message.rcode === "NXDOMAIN") return { exists: false, records: [], proven };
    const end = endOfChain(target, message.answers);
    const records = message.answers.filter((record) =>
      record.type === type && sameName(record.name, end)
    );
    if (records.length > 0 || sameName(end, target)) return { exists: true, records, proven };
    target = end;
  }
  throw new DnsFailure("failed", `CNAME chain of ${name} is too long`);
}

/** Where the CNAMEs of an answer lead from a name; a loop among them is left after a bounded number of links. */
function endOfChain(name: string, answers: readonly WireRecord[]): string {
  let end = name;
  for (let links = 0; links <= LONGEST_CNAME_CHAIN; links++) {
    const link = answers.find((record) => record.type === "CNAME" && sameName(record.name, end));
    if (link === undefined) return end;
    end = String(link.data);
  }
  throw new DnsFailure("failed", `CNAME chain of ${name} is too long`);
}

/** Whether two names are the same (RFC 4343), a final dot aside. */
function sameName(a: string, b: string): boolean {
  return a.toLowerCase().replace(/\.$/, "") === b.toLowerCase().replace(/\.$/, "");
}

async function askServers(
  name: string,
  type: QueryType,
  options: QueryOptions,
): Promise<{ message: DnsMessage; server: NameServer }> {
  const servers = options.servers.slice(0, MOST_SERVERS);
  let failure = new DnsFailure("failed", "no name server is known");
  for (const [i, server] of servers.entries()) {
    if (options.signal.aborted) break;
    const left = options.deadline - options.clock.now();
    try {
      // A silent server leaves the ones after it their share of the time.
      const message = await askServer(name, type, server, left / (servers.length - i), options);
      if (message.rcode === "NOERROR" || message.rcode === "NXDOMAIN") return { message, server };
      const kind = FAILURE_KINDS.get(message.rcode) ?? "failed";
      failure = new DnsFailure(kind, `name server ${server.host} answered ${message.rcode}`);
    } catch (error) {
      const kind = error instanceof DnsFailure ? error.kind : "failed";
      const why = error instanceof Error ? error.message : error;
      failure = new DnsFailure(kind, `name server ${server.host}: ${why}`);
    }
  }
  throw failure;
}

/** Asks one server by UDP, and by TCP when the answer did not fit (RFC 7766). */
async function askServer(
  name: string,
  type: QueryType,
  server: NameServer,
  time: number,
  { clock, signal }: QueryOptions,
): Promise<DnsMessage> {
  const query = newQuery(name, type);
  const controller = new AbortController();
  const end = (): void => controller.abort();
  const cancel = clock.after(time, end);
  signal.addEventListener("abort", end);
  try {
    const message = await askByUdp(query, server, clock, controller.signal);
    return message.flag_tc ? await askByTcp(query, server, controller.signal) : message;
  } catch (error) {
    throw controller.signal.aborted ? new DnsFailure("timeout", "timed out") : error;
  } finally {
    cancel();
    signal.removeEventListener("abort", end);
  }
}

/** A question on the wire, and what its answer is recognised by. */
interface Query {
  readonly id: number;
  readonly name: string;
  readonly type: QueryType;
  readonly octets: Uint8Array;
}

function newQuery(name: string, type: QueryType): Query {
  // Unpredictable, as the port is, so that nobody off the path can answer (RFC 5452).
  const id = crypto.getRandomValues(new Uint16Array(1))[0]!;
  const octets = codec.encode({
    type: "query",
    id,
    // RFC 6840 §5.7: the second asks to be told whether the answer was validated.
    flags: codec.RECURSION_DESIRED | codec.AUTHENTIC_DATA,
    questions: [{ name, type, class: "IN" }],
  });
  return { id, name, type, octets };
}

/** The message, when these octets are an answer to this question; undefined for anything else. */
function answerTo(query: Query, octets: Buffer): DnsMessage | undefined {
  let message: DnsMessage;
  try {
    message = codec.decode(octets);
  } catch {
    return undefined;
  }
  const question = message.questions[0];
  const answers = message.type === "response" && message.id === query.id &&
    message.questions.length === 1 && question?.type === query.type && question.class === "IN" &&
    sameName(question.name, query.name);
  return answers ? message : undefined;
}

/** Asks by UDP, again and again until the signal. What does not answer the question is ignored, so that nothing but the answer can end the wait. */
async function askByUdp(
  query: Query,
  server: NameServer,
  clock: Clock,
  signal: AbortSignal,
): Promise<DnsMessage> {
  const socket = createSocket(isIPv6(server.host) ? "udp6" : "udp4");
  const from = canonicalAddress(server.host);
  const { promise, resolve, reject } = Promise.withResolvers<DnsMessage>();
  let cancelResend = (): void => {};
  const send = (): void => {
    socket.send(query.octets, server.port, server.host);
    cancelResend = clock.after(RESEND_AFTER, send);
  };
  const end = (): void => reject(new Error("no answer"));
  socket.on("error", reject);
  socket.on("message", (octets, sender) => {
    if (sender.port !== server.port || canonicalAddress(sender.address) !== from) return;
    const message = answerTo(query, octets);
    if (message !== undefined) resolve(message);
  });
  signal.addEventListener("abort", end);
  try {
    send();
    return await promise;
  } finally {
    cancelResend();
    signal.removeEventListener("abort", end);
    await new Promise<void>((closed) => socket.close(closed));
  }
}

/** Asks by TCP: each message has its length in two octets before it (RFC 1035 §4.2.2). */
async function askByTcp(
  query: Query,
  server: NameServer,
  signal: AbortSignal,
): Promise<DnsMessage> {
  const connection = await Deno.connect({ hostname: server.host, port: server.port, signal });
  const end = (): void => closeQuietly(connection);
  signal.addEventListener("abort", end);
  try {
    const size = query.octets.length;
    await writeAll(connection, concat([new Uint8Array([size >> 8, size & 255]), query.octets]));
    const length = await readExactly(connection, 2);
    const octets = await readExactly(connection, length[0]! * 256 + length[1]!);
    const message = answerTo(query, octets);
    if (message === undefined) throw new Error("broken answer");
    return message;
  } finally {
    signal.removeEventListener("abort", end);
    closeQuietly(connection);
  }
}

function closeQuietly(connection: Deno.Conn): void {
  try {
    connection.close();
  } catch {
    // Closed already, by the deadline.
  }
}

async function writeAll(connection: Deno.Conn, octets: Uint8Array): Promise<void> {
  for (let at = 0; at < octets.length;) at += await connection.write(octets.subarray(at));
}

async function readExactly(connection: Deno.Conn, size: number): Promise<Buffer> {
  const octets = Buffer.alloc(size);
  for (let at = 0; at < size;) {
    const read = await connection.read(octets.subarray(at));
    if (read === null) throw new Error("connection closed before the answer");
    at += read;
  }
  return octets;
}

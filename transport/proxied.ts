/**
 * Connections that come by way of a proxy: the header that it sends first says who
 * the client is, and everything from limits to the Received field goes by that. One
 * without a header fails with {@linkcode ProxyError}.
 *
 * @module
 */
import { type Bytes, concat } from "../base/bytes.ts";
import type { Clock } from "../base/clock.ts";
import type { Connection } from "./connection.ts";
import { proxyFacts } from "./proxy_header.ts";

/** A connection to a proxies' listener that cannot be served. */
export class ProxyError extends Error {
  /** Says why. */
  constructor(why: string) {
    super(why);
    this.name = "ProxyError";
  }
}

/** For the whole header, ms: a proxy has it at hand. */
const HEADER_TIMEOUT = 10_000;

const READ_SIZE = 512;

/**
 * Reads the header of a proxy; the connection is its client's from then on, unless
 * the proxy speaks for itself.
 *
 * @throws {ProxyError} when there is none. {@linkcode TimeoutError} when it does not come.
 */
export async function introduce(connection: Connection, clock: Clock): Promise<void> {
  const end = clock.now() + HEADER_TIMEOUT;
  let octets: Bytes = new Uint8Array(0);
  while (true) {
    const buffer = new Uint8Array(READ_SIZE);
    const n = await connection.read(buffer, end - clock.now());
    if (n === null) throw new ProxyError("it ended without a PROXY header");
    octets = concat([octets, buffer.subarray(0, n)]);
    const facts = proxyFacts(octets);
    switch (facts.kind) {
      case "partial":
        break;
      case "none":
        throw new ProxyError(facts.why);
      case "header":
        connection.introduce(facts.client ?? connection.remote, octets.subarray(facts.length));
        return;
      default:
        facts satisfies never;
    }
  }
}

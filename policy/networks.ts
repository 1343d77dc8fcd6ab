/**
 * Sets of networks in CIDR notation. A network that is not well-formed is
 * refused when the set is made, not when an address is looked up.
 *
 * @module
 */
import { BlockList, isIP } from "node:net";

/** The most verdicts kept, some 100 octets each; past it they are forgotten, all at once. */
const MOST_VERDICTS = 4096;

/** Networks that an address may belong to. */
export class Networks {
  /** All of them, which most addresses are in none of. */
  #all = new BlockList();
  /** Each by itself, as it was written. */
  #each: (readonly [string, BlockList])[] = [];
  /**
   * What was found for addresses, null for nothing: each connection asks several times for
   * its own, and the look-up in a `BlockList` costs more than the rest of accepting a connection.
   */
  #verdicts = new Map<string, string | null>();

  /** @throws {TypeError} naming the network that is not `address` or `address/bits`. */
  constructor(networks: readonly string[]) {
    for (const network of networks) this.#add(network);
  }

  /** Whether the address is in one of the networks. What is no address is in none. */
  has(address: string): boolean {
    return this.find(address) !== undefined;
  }

  /** The first network, as it was written, that the address is in. */
  find(address: string): string | undefined {
    const known = this.#verdicts.get(address);
    if (known !== undefined) return known ?? undefined;
    const version = isIP(address);
    if (version === 0) return undefined;
    const found = this.#lookUp(address, version === 6 ? "ipv6" : "ipv4");
    if (this.#verdicts.size >= MOST_VERDICTS) this.#verdicts.clear();
    this.#verdicts.set(address, found ?? null);
    return found;
  }

  #lookUp(address: string, family: "ipv4" | "ipv6"): string | undefined {
    if (!this.#all.check(address, family)) return undefined;
    return this.#each.find(([, list]) => list.check(address, family))?.[0];
  }

  #add(network: string): void {
    const [address = "", bits, ...rest] = network.split("/");
    const version = isIP(address);
    const longest = version === 6 ? 128 : 32;
    const length = bits === undefined ? longest : /^\d{1,3}$/.test(bits) ? Number(bits) : NaN;
    if (version === 0 || rest.length > 0 || !(length <= longest)) {
      throw new TypeError(`not a network in CIDR notation: ${JSON.stringify(network)}`);
    }
    const own = new BlockList();
    for (const list of [this.#all, own]) {
      list.addSubnet(address, length, version === 6 ? "ipv6" : "ipv4");
    }
    this.#each.push([network, own]);
  }
}

/**
 * Which addresses mail is never carried to, whatever the DNS says: addresses
 * that are not on the public Internet, and our own listeners. Judges only;
 * nothing here fails, and what is not an IP address is forbidden.
 *
 * @module
 */
import { BlockList, isIP, isIPv4 } from "node:net";
import type { Clock } from "../base/clock.ts";

/** IPv4 ranges that are not the public Internet (IANA special-purpose registry, RFC 6890). */
const SPECIAL_IPV4: readonly (readonly [network: string, prefix: number])[] = [
  ["0.0.0.0", 8], // "this network", unspecified
  ["10.0.0.0", 8], // private, RFC 1918
  ["100.64.0.0", 10], // shared, RFC 6598
  ["127.0.0.0", 8], // loopback
  ["169.254.0.0", 16], // link-local, RFC 3927
  ["172.16.0.0", 12], // private
  ["192.0.0.0", 24], // protocol assignments, RFC 6890
  ["192.0.2.0", 24], // documentation, RFC 5737
  ["192.88.99.0", 24], // 6to4 relays, withdrawn by RFC 7526
  ["192.168.0.0", 16], // private
  ["198.18.0.0", 15], // benchmarking, RFC 2544
  ["198.51.100.0", 24], // documentation
  ["203.0.113.0", 24], // documentation
  ["224.0.0.0", 4], // multicast
  ["240.0.0.0", 4], // reserved, and the broadcast address
];

/** Parts of the global unicast range that are special all the same. Outside 2000::/3 nothing is global unicast. */
const SPECIAL_IPV6: readonly (readonly [network: string, prefix: number])[] = [
  ["2001::", 23], // protocol assignments: Teredo, ORCHID, benchmarking
  ["2001:db8::", 32], // documentation, RFC 3849
  ["3fff::", 20], // documentation, RFC 9637
];

/** The IPv6 ranges within which an address is public, unless listed above. */
const PUBLIC_IPV6: readonly (readonly [network: string, prefix: number])[] = [
  ["2000::", 3], // global unicast, RFC 4291
  ["64:ff9b::", 96], // IPv4 behind NAT64, RFC 6052
  ["::ffff:0:0", 96], // IPv4-mapped
];

const special = specialAddresses();
const publicIpv6 = new BlockList();
for (const [network, prefix] of PUBLIC_IPV6) publicIpv6.addSubnet(network, prefix, "ipv6");

/** The special ranges, those of IPv4 also where IPv6 addresses embed them: mapped, NAT64 and 6to4. */
function specialAddresses(): BlockList {
  const list = new BlockList();
  for (const [network, prefix] of SPECIAL_IPV6) list.addSubnet(network, prefix, "ipv6");
  for (const [network, prefix] of SPECIAL_IPV4) {
    list.addSubnet(network, prefix, "ipv4");
    list.addSubnet(`::ffff:${network}`, 96 + prefix, "ipv6");
    list.addSubnet(`64:ff9b::${network}`, 96 + prefix, "ipv6");
    const [a, b, c, d] = network.split(".").map(Number) as [number, number, number, number];
    const high = (a * 256 + b).toString(16);
    const low = (c * 256 + d).toString(16);
    list.addSubnet(`2002:${high}:${low}::`, 16 + prefix, "ipv6");
  }
  return list;
}

/** Whether an address is not on the public Internet: loopback, private, link-local, multicast, reserved, …; so is what is not an IP address. */
export function isSpecialAddress(address: string): boolean {
  if (isIPv4(address)) return special.check(address, "ipv4");
  // A zone (`%eth0`) belongs to a link-local address only.
  if (isIP(address) === 0 || address.includes("%")) return true;
  return !publicIpv6.check(address, "ipv6") || special.check(address, "ipv6");
}

/** The one way to write an IP address that others are compared with: IPv6 as RFC 5952 has it, IPv4-mapped as IPv4, no zone. What is not an IP address comes back as it is. */
export function canonicalAddress(address: string): string {
  if (isIP(address) !== 6) return address;
  const zone = address.indexOf("%");
  const plain = zone < 0 ? address : address.slice(0, zone);
  const canonical = new URL(`http://[${plain}]`).hostname.slice(1, -1);
  const mapped = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(canonical);
  if (mapped === null) return canonical;
  const high = parseInt(mapped[1]!, 16);
  const low = parseInt(mapped[2]!, 16);
  return [high >> 8, high & 255, low >> 8, low & 255].join(".");
}

/** Where a listener of ours listens. */
export interface ListenerAddress {
  /** Its IP address; `0.0.0.0` or `::` for every interface. */
  readonly hostname: string;
  /** Its port. */
  readonly port: number;
}

/** What the guard says of an address and port: `own` is a listener of ours, `forbidden` is not on the public Internet. */
export type Verdict = "allowed" | "forbidden" | "own";

/** What a guard needs to know. */
export interface GuardOptions {
  /** Whether special addresses are allowed; our own listeners never are. */
  readonly allowPrivate: boolean;
  /** Where we listen now. */
  readonly listeners: () => readonly ListenerAddress[];
  /** Says when to look at this machine's addresses again. */
  readonly clock: Clock;
  /** The addresses of this machine; its network interfaces' where not given. */
  readonly machineAddresses?: () => readonly string[];
}

/** How long the list of this machine's addresses is used, ms: reading it costs as much as relaying a message. */
const MACHINE_ADDRESSES_TTL = 10_000;

/** Judges addresses before anything connects to them. */
export class AddressGuard {
  readonly #options: GuardOptions;
  #machine: ReadonlySet<string> = new Set();
  #machineExpires = -Infinity;

  /** Makes one. */
  constructor(options: GuardOptions) {
    this.#options = options;
  }

  /** Judges an IP address and port. */
  judge(address: string, port: number): Verdict {
    if (this.isOwn(address, port)) return "own";
    if (this.#options.allowPrivate) return "allowed";
    return isSpecialAddress(address) ? "forbidden" : "allowed";
  }

  /** Whether connecting there would reach a listener of ours. */
  isOwn(address: string, port: number): boolean {
    const target = canonicalAddress(address);
    return this.#options.listeners().some((listener) =>
      listener.port === port &&
      (isWildcard(listener.hostname)
        ? this.#isThisMachine(target)
        : canonicalAddress(listener.hostname) === target)
    );
  }

  #isThisMachine(address: string): boolean {
    // Connecting to the unspecified address reaches this machine, as all of 127/8 does.
    if (isWildcard(address) || address === "::1" || address.startsWith("127.")) return true;
    const now = this.#options.clock.now();
    if (now >= this.#machineExpires) {
      const addresses = (this.#options.machineAddresses ?? interfaceAddresses)();
      this.#machine = new Set(addresses.map(canonicalAddress));
      this.#machineExpires = now + MACHINE_ADDRESSES_TTL;
    }
    return this.#machine.has(address);
  }
}

function isWildcard(address: string): boolean {
  return address === "0.0.0.0" || address === "::";
}

function interfaceAddresses(): string[] {
  return Deno.networkInterfaces().map((face) => face.address);
}

/**
 * Networks in CIDR notation (RFC 4632 §3.1, RFC 4291 §2.3). What is not one
 * throws a `TypeError` that says what was expected.
 *
 * @module
 */
import { isIP } from "node:net";

/**
 * A network such as `192.0.2.0/24` or `2001:db8::/32`; a single address stands
 * for itself. Gives it with its prefix length.
 *
 * @throws {TypeError} when it is not one, or when its address has bits set
 * beyond the prefix: `10.1.2.3/8` may be meant as one host, and trusting the
 * sixteen million around it would be the wrong guess.
 */
export function parseNetwork(text: string): string {
  const [, address, prefix] = /^([^/]*)(?:\/(\d{1,3}))?$/.exec(text) ?? [];
  const version = isIP(address ?? "");
  if (address === undefined || version === 0 || address.includes("%")) {
    throw new TypeError("expected an IP address or a network such as 192.0.2.0/24");
  }
  const width = version === 4 ? 32 : 128;
  const length = Number(prefix ?? width);
  if (length > width) throw new TypeError(`expected a prefix length from 0 to ${width}`);
  const bits = version === 4 ? ipv4Bits(address) : ipv6Bits(address);
  if (BigInt.asUintN(width - length, bits) !== 0n) {
    throw new TypeError(
      `the address has bits set beyond its /${length}; for one host write /${width}`,
    );
  }
  if (version === 6 && length >= 96 && bits >> 32n === 0xffffn) {
    throw new TypeError("an IPv4-mapped network never matches: write it as IPv4");
  }
  return `${address}/${length}`;
}

/** An IPv4 address as a number of 32 bits. */
function ipv4Bits(address: string): bigint {
  return address.split(".").reduce((bits, octet) => (bits << 8n) | BigInt(octet), 0n);
}

/** An IPv6 address as a number of 128 bits. */
function ipv6Bits(address: string): bigint {
  // URL writes a dotted IPv4 tail in hexadecimal, which leaves one form to read.
  const [head, tail] = new URL(`http://[${address}]`).hostname.slice(1, -1).split("::");
  const before = groups(head);
  const after = groups(tail);
  const zeros = Array<string>(8 - before.length - after.length).fill("0");
  return [...before, ...zeros, ...after]
    .reduce((bits, group) => (bits << 16n) | BigInt(`0x${group}`), 0n);
}

/** The groups of one side of `::`. */
function groups(side: string | undefined): string[] {
  return side === undefined || side === "" ? [] : side.split(":");
}

/** TLS ClientHellos, made by hand. */
import { concat, encode } from "../../base/bytes.ts";

/** Octets with their length before them. */
function vector(size: number, octets: Uint8Array): Uint8Array {
  const length = Uint8Array.from({ length: size }, (_, i) => octets.length >> 8 * (size - 1 - i));
  return concat([length, octets]);
}

/** An extension of some type (RFC 8446 §4.2). */
export function extension(type: number, content: Uint8Array): Uint8Array {
  return concat([Uint8Array.of(type >> 8, type), vector(2, content)]);
}

/** The extension with a server name, or a name of another type. */
export function serverName(name: string, type = 0): Uint8Array {
  return extension(0, vector(2, concat([Uint8Array.of(type), vector(2, encode(name))])));
}

/** A ClientHello as a handshake message; other extensions stand before and behind. */
export function hello(...extensions: Uint8Array[]): Uint8Array {
  const all = concat([
    extension(10, new Uint8Array(4)),
    ...extensions,
    extension(43, new Uint8Array(3)),
  ]);
  const body = concat([
    Uint8Array.of(3, 3),
    new Uint8Array(32),
    vector(1, new Uint8Array(32)),
    vector(2, new Uint8Array(30)),
    vector(1, new Uint8Array(1)),
    vector(2, all),
  ]);
  return concat([Uint8Array.of(1), vector(3, body)]);
}

/** A handshake message in records of some octets each. */
export function records(message: Uint8Array, size = 16384): Uint8Array {
  const parts: Uint8Array[] = [];
  for (let at = 0; at < message.length; at += size) {
    parts.push(concat([Uint8Array.of(22, 3, 1), vector(2, message.subarray(at, at + size))]));
  }
  return concat(parts);
}

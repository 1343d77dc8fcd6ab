/**
 * Passwords as they are kept: hashed by Argon2id (RFC 9106), which is the hardest
 * to guess from a stolen file, or as keys for SCRAM-SHA-256 (RFC 5803), which let
 * a client prove the password without sending it. Text that is neither throws a
 * `TypeError`; no error holds any of it.
 *
 * @module
 */
import { type Bytes, encode } from "../base/bytes.ts";
import {
  fromBase64,
  HASH_LENGTH,
  LEAST_ITERATIONS,
  sameOctets,
  type ScramKeys,
  scramKeys,
} from "../protocol/sasl/scram.ts";

/** What Argon2id is made with. */
export interface Argon2Cost {
  /** KiB. */
  readonly memory: number;
  /** Passes over it. */
  readonly passes: number;
  /** Lanes. */
  readonly lanes: number;
}

/** A password as it is kept. */
export type StoredPassword =
  | {
    readonly kind: "argon2id";
    readonly cost: Argon2Cost;
    readonly salt: Bytes;
    readonly hash: Bytes;
  }
  | { readonly kind: "scram"; readonly keys: ScramKeys };

/** What OWASP's Password Storage Cheat Sheet asks for: some 40 ms. */
export const ARGON2_COST: Argon2Cost = { memory: 19_456, passes: 2, lanes: 1 };

/** Rounds of PBKDF2 for new keys, some 15 ms: the most that a client with Cyrus SASL goes through. */
export const SCRAM_ITERATIONS = 65_536;

/** Octets of a new salt. */
export const SALT_LENGTH = 16;

/** What a file may ask of the machine at each login: 1 GiB, a minute. */
const MOST = { memory: 1_048_576, passes: 1000, lanes: 16, iterations: 100_000_000 };

/** Hashes a password by Argon2id. @param password prepared by SASLprep */
export async function storeArgon2id(
  password: string,
  salt: Bytes,
  cost: Argon2Cost = ARGON2_COST,
): Promise<StoredPassword> {
  return { kind: "argon2id", cost, salt, hash: await argon2id(password, salt, cost) };
}

/** Makes the keys of a password for SCRAM-SHA-256. @param password prepared by SASLprep */
export async function storeScram(
  password: string,
  salt: Bytes,
  iterations: number = SCRAM_ITERATIONS,
): Promise<StoredPassword> {
  return { kind: "scram", keys: await scramKeys(password, salt, iterations) };
}

/** Whether a password is the one that is kept. @param password prepared by SASLprep */
export async function matches(stored: StoredPassword, password: string): Promise<boolean> {
  switch (stored.kind) {
    case "argon2id":
      return sameOctets(await argon2id(password, stored.salt, stored.cost), stored.hash);
    case "scram": {
      const { salt, iterations, storedKey } = stored.keys;
      return sameOctets((await scramKeys(password, salt, iterations)).storedKey, storedKey);
    }
    default:
      return stored satisfies never;
  }
}

/** WebCrypto's Argon2id (Modern Algorithms in the Web Cryptography API), which the type library does not know yet. */
async function argon2id(password: string, salt: Bytes, cost: Argon2Cost): Promise<Bytes> {
  const { subtle } = crypto;
  const format = "raw-secret" as "raw";
  const key = await subtle.importKey(format, encode(password), "Argon2id", false, ["deriveBits"]);
  const { memory, passes, lanes } = cost;
  const algorithm = { name: "Argon2id", nonce: salt, memory, passes, parallelism: lanes };
  return new Uint8Array(await subtle.deriveBits(algorithm, key, 8 * HASH_LENGTH));
}

/** The PHC string of an Argon2id hash, or RFC 5803's form of SCRAM keys. */
export function formatPassword(stored: StoredPassword): string {
  if (stored.kind === "scram") {
    const { salt, iterations, storedKey, serverKey } = stored.keys;
    const [s, stored64, server64] = [salt, storedKey, serverKey].map((octets) => octets.toBase64());
    return `SCRAM-SHA-256$${iterations}:${s}$${stored64}:${server64}`;
  }
  const { cost: { memory, passes, lanes }, salt, hash } = stored;
  const [s, h] = [salt, hash].map((octets) => octets.toBase64({ omitPadding: true }));
  return `$argon2id$v=19$m=${memory},t=${passes},p=${lanes}$${s}$${h}`;
}

const ARGON2ID = /^\$argon2id\$v=19\$m=(\d{1,9}),t=(\d{1,9}),p=(\d{1,9})\$([^$]+)\$([^$]+)$/;
const SCRAM = /^SCRAM-SHA-256\$(\d{1,9}):([^$:]+)\$([^$:]+):([^$:]+)$/;

/**
 * Reads what {@linkcode formatPassword} writes.
 *
 * @throws {TypeError} when it is neither form, or asks for more or less than a machine should give.
 */
export function parsePassword(text: string): StoredPassword {
  const stored = parseArgon2id(text) ?? parseScram(text);
  if (stored !== undefined) return stored;
  throw new TypeError("expected a hash as `user add` writes it: $argon2id$… or SCRAM-SHA-256$…");
}

function parseArgon2id(text: string): StoredPassword | undefined {
  const [, m, t, p, salt, hash] = ARGON2ID.exec(text) ?? [];
  const cost = { memory: Number(m), passes: Number(t), lanes: Number(p) };
  const { memory, passes, lanes } = cost;
  const isPossible = memory >= 8 * lanes && memory <= MOST.memory && passes >= 1 &&
    passes <= MOST.passes && lanes >= 1 && lanes <= MOST.lanes;
  const [saltOctets, hashOctets] = [unpadded(salt), unpadded(hash)];
  if (!isPossible || saltOctets === undefined || saltOctets.length < 8) return undefined;
  if (hashOctets?.length !== HASH_LENGTH) return undefined;
  return { kind: "argon2id", cost, salt: saltOctets, hash: hashOctets };
}

function parseScram(text: string): StoredPassword | undefined {
  const [, i, s, stored, server] = SCRAM.exec(text) ?? [];
  const iterations = Number(i);
  const [salt, storedKey, serverKey] = [s, stored, server].map((part) => fromBase64(part ?? " "));
  if (!(iterations >= LEAST_ITERATIONS && iterations <= MOST.iterations)) return undefined;
  if (salt === undefined || salt.length < 8 || salt.length > 64) return undefined;
  if (storedKey?.length !== HASH_LENGTH || serverKey?.length !== HASH_LENGTH) return undefined;
  return { kind: "scram", keys: { salt, iterations, storedKey, serverKey } };
}

/** Octets of base64 without padding, as PHC strings have it. */
function unpadded(text = " "): Bytes | undefined {
  return fromBase64(text + "=".repeat((4 - text.length % 4) % 4));
}

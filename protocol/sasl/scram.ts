/**
 * What both sides of SCRAM-SHA-256 (RFC 5802, RFC 7677) share: the keys that a
 * password gives, the messages, and the octets that proof and signature are made
 * of. A message that is not well-formed is `undefined`.
 *
 * @module
 */
import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import { type Bytes, encode, isAscii } from "../../base/bytes.ts";

/** What is kept of a password: enough to check a client's proof, and not to make one. */
export interface ScramKeys {
  /** At random, for this user and password. */
  readonly salt: Uint8Array;
  /** Rounds of PBKDF2. */
  readonly iterations: number;
  /** H(ClientKey), 32 octets. */
  readonly storedKey: Uint8Array;
  /** 32 octets. */
  readonly serverKey: Uint8Array;
}

/** Octets of a SHA-256 hash. */
export const HASH_LENGTH = 32;

/** The least rounds (RFC 7677 §4). */
export const LEAST_ITERATIONS = 4096;

/** The one channel binding that the runtime lets a server know (RFC 5929 §4): it exports no keying material. */
export const END_POINT = "tls-server-end-point";

/** HMAC-SHA-256. */
export function hmac(key: Uint8Array, text: string): Bytes {
  return new Uint8Array(createHmac("sha256", key).update(text).digest());
}

/** SHA-256. */
export function sha256(octets: Uint8Array): Bytes {
  return new Uint8Array(createHash("sha256").update(octets).digest());
}

/** Whether two hashes are equal, in a time that does not tell where they differ. */
export function sameOctets(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}

/** Hi(): PBKDF2 with HMAC-SHA-256. @param password prepared by SASLprep */
export async function saltedPassword(
  password: string,
  salt: Uint8Array,
  iterations: number,
): Promise<Bytes> {
  const key = await crypto.subtle.importKey("raw", encode(password), "PBKDF2", false, [
    "deriveBits",
  ]);
  const algorithm = { name: "PBKDF2", hash: "SHA-256", salt: new Uint8Array(salt), iterations };
  return new Uint8Array(await crypto.subtle.deriveBits(algorithm, key, 8 * HASH_LENGTH));
}

/** The key whose hash is the StoredKey. */
export function clientKeyOf(salted: Uint8Array): Bytes {
  return hmac(salted, "Client Key");
}

/** The key that proves the server. */
export function serverKeyOf(salted: Uint8Array): Bytes {
  return hmac(salted, "Server Key");
}

/** The keys of a password. @param password prepared by SASLprep */
export async function scramKeys(
  password: string,
  salt: Uint8Array,
  iterations: number,
): Promise<ScramKeys> {
  const salted = await saltedPassword(password, salt, iterations);
  const storedKey = sha256(clientKeyOf(salted));
  return { salt, iterations, storedKey, serverKey: serverKeyOf(salted) };
}

/** The octets of one XOR those of the other, which is as long. */
export function xor(a: Uint8Array, b: Uint8Array): Bytes {
  return Uint8Array.from(a, (octet, i) => octet ^ b[i]!);
}

/** What a client says of channel binding (RFC 5801 §4): it has none; it could, and the server did not offer it; this one. */
export type BindingFlag =
  | { readonly kind: "none" }
  | { readonly kind: "not offered" }
  | { readonly kind: "bound"; readonly name: string };

/** The GS2 header of a first message. */
export interface Gs2Header {
  /** Of channel binding. */
  readonly flag: BindingFlag;
  /** Whom to act for; `""` for nobody else. */
  readonly actingFor: string;
  /** Its length in the text, the comma at its end included. */
  readonly length: number;
}

/** Reads `gs2-cbind-flag "," [ "a=" saslname ] ","` at the start of a text. */
export function parseGs2Header(text: string): Gs2Header | undefined {
  const match = /^(?:(n|y)|p=([A-Za-z0-9.-]+)),(?:a=([^,]+))?,/.exec(text);
  if (match === null) return undefined;
  const [header, letter, name = "", actingFor = ""] = match;
  const unescaped = unescapeName(actingFor);
  if (unescaped === undefined) return undefined;
  return { flag: flagOf(letter, name), actingFor: unescaped, length: header.length };
}

function flagOf(letter: string | undefined, name: string): BindingFlag {
  if (letter === undefined) return { kind: "bound", name };
  return { kind: letter === "y" ? "not offered" : "none" };
}

/** A saslname: `=2C` is a comma and `=3D` an equals sign; no other `=` stands in one. */
function unescapeName(name: string): string | undefined {
  if (/=(?!2C|3D)/.test(name)) return undefined;
  return name.replaceAll("=2C", ",").replaceAll("=3D", "=");
}

/** A name as a saslname. */
export function escapeName(name: string): string {
  return name.replaceAll("=", "=3D").replaceAll(",", "=2C");
}

/** A client's first message. */
export interface ClientFirst {
  /** Its GS2 header, taken apart. */
  readonly header: Gs2Header;
  /** The text without the GS2 header, which goes into the proof. */
  readonly bare: string;
  /** The user's name, not prepared. */
  readonly user: string;
  /** The client's nonce. */
  readonly nonce: string;
}

/** Reads it. An extension that must be understood (`m=`) is not. */
export function parseClientFirst(text: string): ClientFirst | undefined {
  const header = parseGs2Header(text);
  if (header === undefined) return undefined;
  const bare = text.slice(header.length);
  const [, name, nonce] = /^n=([^,]+),r=([!-+--~]{1,128})(?:,[A-Za-z]=[^,]+)*$/.exec(bare) ?? [];
  const user = unescapeName(name ?? "");
  if (user === undefined || user === "" || nonce === undefined) return undefined;
  return { header, bare, user, nonce };
}

/** A client's last message. */
export interface ClientFinal {
  /** The GS2 header again, and what the client takes the channel for. */
  readonly binding: Uint8Array;
  /** The nonce of both. */
  readonly nonce: string;
  /** The text before the proof. */
  readonly withoutProof: string;
  /** 32 octets. */
  readonly proof: Uint8Array;
}

/** Reads it. */
export function parseClientFinal(text: string): ClientFinal | undefined {
  const match = /^(c=([^,]+),r=([!-+--~]+)(?:,[A-Za-z]=[^,]+)*),p=([^,]+)$/.exec(text);
  if (match === null) return undefined;
  const [, withoutProof = "", channel = "", nonce = "", proofText = ""] = match;
  const binding = fromBase64(channel);
  const proof = fromBase64(proofText);
  if (binding === undefined || proof?.length !== HASH_LENGTH) return undefined;
  return { binding, nonce, withoutProof, proof };
}

/** A server's first message. */
export interface ServerFirst {
  /** The client's nonce with the server's behind it. */
  readonly nonce: string;
  /** The user's. */
  readonly salt: Uint8Array;
  /** Rounds of PBKDF2. */
  readonly iterations: number;
}

/** Reads it. */
export function parseServerFirst(text: string): ServerFirst | undefined {
  const match = /^r=([!-+--~]+),s=([^,]+),i=([1-9][0-9]{0,8})(?:,[A-Za-z]=[^,]+)*$/.exec(text);
  const salt = fromBase64(match?.[2] ?? "");
  if (match === null || salt === undefined) return undefined;
  return { nonce: match[1]!, salt, iterations: Number(match[3]) };
}

/** Octets of base64 with its padding and nothing else in it; undefined for any other text. */
export function fromBase64(text: string): Bytes | undefined {
  // The runtime's own reading lets white space through.
  if (!isAscii(text) || /\s/.test(text)) return undefined;
  try {
    return Uint8Array.fromBase64(text, { lastChunkHandling: "strict" });
  } catch {
    return undefined;
  }
}

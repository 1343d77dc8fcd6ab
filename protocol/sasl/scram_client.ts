/**
 * SCRAM-SHA-256 as a client (RFC 5802, RFC 7677), without channel binding. The
 * server is believed only once it has shown that it knows the user too. A server
 * that says anything else than it should makes a {@linkcode ScramError}.
 *
 * @module
 */
import {
  clientKeyOf,
  escapeName,
  fromBase64,
  hmac,
  LEAST_ITERATIONS,
  parseServerFirst,
  saltedPassword,
  sameOctets,
  serverKeyOf,
  sha256,
  xor,
} from "./scram.ts";

/** The most rounds that are gone through for a server: some seconds. */
const MOST_ITERATIONS = 10_000_000;

/** That there is no channel binding, and nobody else to act for. */
const GS2_HEADER = "n,,";

/** The server does not keep to the mechanism, or does not know the password. Its message says which. */
export class ScramError extends Error {
  /** Makes one. */
  constructor(message: string) {
    super(message);
    this.name = "ScramError";
  }
}

/** A client's side of one exchange. Its steps are to be taken in their order. */
export class ScramClient {
  readonly #bare: string;
  readonly #nonce: string;
  readonly #password: string;
  #signature: Uint8Array | undefined;

  /**
   * Begins one.
   *
   * @param user and password, prepared by SASLprep
   * @param nonce printable US-ASCII without a comma, never given twice
   */
  constructor(user: string, password: string, nonce: string) {
    this.#nonce = nonce;
    this.#password = password;
    this.#bare = `n=${escapeName(user)},r=${nonce}`;
  }

  /** The first message. */
  first(): string {
    return GS2_HEADER + this.#bare;
  }

  /** The answer to the server's first message. @throws {ScramError} */
  async final(challenge: string): Promise<string> {
    const server = parseServerFirst(challenge);
    if (server === undefined) throw new ScramError("its challenge cannot be read");
    const { nonce, salt, iterations } = server;
    if (!nonce.startsWith(this.#nonce) || nonce === this.#nonce) {
      throw new ScramError("it did not add to our nonce");
    }
    if (iterations < LEAST_ITERATIONS || iterations > MOST_ITERATIONS) {
      throw new ScramError(`it asks for ${iterations} iterations`);
    }
    const salted = await saltedPassword(this.#password, salt, iterations);
    const withoutProof = `c=${btoa(GS2_HEADER)},r=${nonce}`;
    const said = `${this.#bare},${challenge},${withoutProof}`;
    this.#signature = hmac(serverKeyOf(salted), said);
    const clientKey = clientKeyOf(salted);
    const proof = xor(clientKey, hmac(sha256(clientKey), said));
    return `${withoutProof},p=${proof.toBase64()}`;
  }

  /** Looks at the server's last message. @throws {ScramError} when it did not know the user's keys. */
  verify(last: string): void {
    const given = fromBase64(/^v=([^,]+)/.exec(last)?.[1] ?? "");
    const isServer = given !== undefined && this.#signature !== undefined &&
      sameOctets(given, this.#signature);
    if (!isServer) throw new ScramError("it did not prove that it knows the password");
  }
}

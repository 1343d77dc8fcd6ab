/**
 * Who has logged in with the token. A browser then shows a random id instead, in a
 * cookie that no script can read and no other site can have sent. Ids are forgotten
 * after a while, at the log-out, and with the server.
 *
 * @module
 */
import { createHash, timingSafeEqual } from "node:crypto";
import type { FC } from "hono/jsx";
import type { Clock } from "../base/clock.ts";

/** How long a browser stays logged in, ms. */
const LIFETIME = 12 * 60 * 60 * 1000;
/** How many are; the oldest makes room. */
const MOST = 100;
const COOKIE = "smtp_session";

/** Those who are logged in. */
export class Sessions {
  readonly #token: string;
  readonly #clock: Clock;
  readonly #random: (length: number) => Uint8Array;
  /** Until when, ms since 1970, by id. */
  readonly #until = new Map<string, number>();

  constructor(token: string, clock: Clock, random: (length: number) => Uint8Array) {
    this.#token = token;
    this.#clock = clock;
    this.#random = random;
  }

  /** The cookie of a new session; undefined unless the token is right. */
  logIn(token: string): string | undefined {
    if (!timingSafeEqual(digest(token), digest(this.#token))) return undefined;
    const id = this.#random(32).toBase64({ alphabet: "base64url", omitPadding: true });
    if (this.#until.size >= MOST) this.#until.delete(this.#until.keys().next().value!);
    this.#until.set(id, this.#clock.now() + LIFETIME);
    return cookie(id, LIFETIME / 1000);
  }

  /** The cookie that ends a session. */
  logOut(request: Request): string {
    this.#until.delete(idIn(request));
    return cookie("", 0);
  }

  /** Whether a request comes from one who is logged in. */
  has(request: Request): boolean {
    const until = this.#until.get(idIn(request));
    return until !== undefined && until > this.#clock.now();
  }
}

function cookie(id: string, seconds: number): string {
  return `${COOKIE}=${id}; Path=/; HttpOnly; SameSite=Strict; Max-Age=${seconds}`;
}

function idIn({ headers }: Request): string {
  return new RegExp(`(?:^|;\\s*)${COOKIE}=([\\w-]+)`).exec(headers.get("cookie") ?? "")?.[1] ?? "";
}

/** Of equal length, as a comparison in constant time wants them. */
function digest(text: string): Uint8Array {
  return createHash("sha256").update(text).digest();
}

/** The form. */
export const LoginForm: FC<{ failed: boolean }> = ({ failed }) => (
  <form class="card login" method="post" action="/login">
    <h1>Log in</h1>
    {failed ? <p class="problem" role="alert">That is not the token.</p> : null}
    <label for="token">Token</label>
    <input
      id="token"
      name="token"
      type="password"
      autocomplete="current-password"
      required
      autofocus
    />
    <p class="hint">It is in the file that api_token_file names.</p>
    <button type="submit" class="primary">Log in</button>
  </form>
);

/** A server for submission, as tests of users' programs need it: with what lets each mechanism in, and time that goes on. */
import type { Hooks } from "../../mod.ts";
import { type LoginSite, PASSWORD, withLogins } from "../server/login_site.ts";
import { isBearer } from "./submission_clients.ts";

const TOKEN = "ya29.vF9dft4qmTc2Nvb3RlckBhdHRhdmlzdGEuY29tCg";

const token: Hooks["token"] = (token, user) => token === TOKEN ? { user, from: [user] } : undefined;

/** What a user knows, for a mechanism. */
export function secretFor(mechanism: string): string {
  return isBearer(mechanism) ? TOKEN : PASSWORD;
}

/** A server that listens for submission by STARTTLS, and in TLS from the first octet. */
export function withSite(
  mechanism: string,
  check: (site: LoginSite) => Promise<void>,
): Promise<void> {
  const listen = ["submission://127.0.0.1:0", "submissions://127.0.0.1:0"];
  // As for users of an application, who have no passwords here.
  const hooks = isBearer(mechanism) ? { token } : {};
  return withLogins({ listen, hooks }, check);
}

/** The longest that a refusal waits, ms. */
const LONGEST_DELAY = 8000;

/** Time goes on whenever a refusal waits. */
export async function withTimePassing(
  { clock }: LoginSite,
  work: () => Promise<void>,
): Promise<void> {
  // The deadlines of connections have one timer, however many there are.
  const timers = clock.timers + 1;
  const watch = setInterval(() => clock.timers > timers && clock.advance(LONGEST_DELAY), 5);
  try {
    await work();
  } finally {
    clearInterval(watch);
  }
}

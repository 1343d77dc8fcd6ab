/**
 * AUTH as a client (RFC 4954): SCRAM-SHA-256 where it is offered, which does not
 * tell the password and makes the host prove itself, or else PLAIN, or else LOGIN.
 * Only for a connection whose host was verified. What a host answers is a result;
 * errors are those of the conversation.
 *
 * @module
 */
import { decode, encode } from "../base/bytes.ts";
import type { Extensions } from "../protocol/ehlo.ts";
import { reply, type SmtpReply } from "../protocol/reply.ts";
import { plainResponse } from "../protocol/sasl/plain.ts";
import { saslPrep } from "../protocol/sasl/prep.ts";
import { fromBase64 } from "../protocol/sasl/scram.ts";
import { ScramClient, ScramError } from "../protocol/sasl/scram_client.ts";

/** What AUTH is done with. */
export interface Credentials {
  /** The name. */
  readonly user: string;
  /** The password. */
  readonly password: string;
}

/** What came of it. */
export type LoginOutcome =
  /** The host knows who we are. */
  | { readonly kind: "in" }
  /** It offers no mechanism that is known here. */
  | { readonly kind: "no mechanism" }
  /** It does not want us; the reply repeats no secret. */
  | { readonly kind: "refused"; readonly reply: SmtpReply }
  /** It does not keep to SCRAM, or does not know the password itself. */
  | { readonly kind: "not believed"; readonly why: string };

/** Sends a line and gives the reply. */
type Ask = (line: string) => Promise<SmtpReply>;

/** Speaks one mechanism to its last reply. @throws {ScramError} */
type Mechanism = (ask: Ask, credentials: Credentials, nonce: string) => Promise<SmtpReply>;

const SUCCESS = 235;
const CHALLENGE = 334;

/**
 * Logs in. A host that offers SCRAM and refuses it may keep this password in a form
 * that it cannot be used with, so the password itself is tried after that.
 *
 * @param nonce printable US-ASCII without a comma, never given twice
 */
export async function logIn(
  extensions: Extensions,
  credentials: Credentials,
  ask: Ask,
  nonce: string,
): Promise<LoginOutcome> {
  let refusal: SmtpReply | undefined;
  for (const mechanism of mechanismsFor(extensions)) {
    try {
      const answer = await mechanism(ask, credentials, nonce);
      if (answer.code === SUCCESS) return { kind: "in" };
      refusal = withoutSecrets(answer, credentials);
      if (answer.code < 500) break;
    } catch (error) {
      if (!(error instanceof ScramError)) throw error;
      return { kind: "not believed", why: error.message };
    }
  }
  return refusal === undefined ? { kind: "no mechanism" } : { kind: "refused", reply: refusal };
}

/** Those to try, in their order. */
function mechanismsFor({ authMechanisms: offered }: Extensions): readonly Mechanism[] {
  const mechanisms: Mechanism[] = offered.includes("SCRAM-SHA-256") ? [scram] : [];
  if (offered.includes("PLAIN")) mechanisms.push(plain);
  else if (offered.includes("LOGIN")) mechanisms.push(login);
  return mechanisms;
}

function plain(ask: Ask, { user, password }: Credentials): Promise<SmtpReply> {
  return ask(`AUTH PLAIN ${plainResponse(user, password)}`);
}

/** What it asks for is not looked at: the name comes first, whatever it is called. */
async function login(ask: Ask, { user, password }: Credentials): Promise<SmtpReply> {
  let answer = await ask("AUTH LOGIN");
  if (answer.code === CHALLENGE) answer = await ask(base64(user));
  if (answer.code === CHALLENGE) answer = await ask(base64(password));
  return answer;
}

async function scram(
  ask: Ask,
  { user, password }: Credentials,
  nonce: string,
): Promise<SmtpReply> {
  const client = new ScramClient(saslPrep(user) ?? user, saslPrep(password) ?? password, nonce);
  const first = await ask(`AUTH SCRAM-SHA-256 ${base64(client.first())}`);
  if (first.code !== CHALLENGE) return first;
  const last = await ask(base64(await client.final(challengeOf(first))));
  if (last.code !== CHALLENGE) return notTrusted(last);
  client.verify(challengeOf(last));
  return await ask("");
}

/** Success that comes without the server's own proof is none (RFC 5802 §5). @throws {ScramError} */
function notTrusted(answer: SmtpReply): SmtpReply {
  if (answer.code !== SUCCESS) return answer;
  throw new ScramError("it did not prove that it knows the password");
}

function base64(text: string): string {
  return encode(text).toBase64();
}

/** The text of a challenge; one that cannot be decoded is none of SCRAM's messages. */
function challengeOf({ lines }: SmtpReply): string {
  return decode(fromBase64(lines[0] ?? "") ?? encode(""));
}

/** The reply without its text where that repeats a secret: errors are logged and bounced. */
function withoutSecrets(answer: SmtpReply, { user, password }: Credentials): SmtpReply {
  const text = answer.lines.join("\n").toLowerCase();
  const secrets = [password, base64(password), plainResponse(user, password)];
  if (!secrets.some((secret) => text.includes(secret.toLowerCase()))) return answer;
  return reply(answer.code, answer.enhanced ?? "", "(text not shown: it repeats the password)");
}

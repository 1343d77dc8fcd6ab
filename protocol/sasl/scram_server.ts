/**
 * SCRAM-SHA-256 and SCRAM-SHA-256-PLUS as a server (RFC 5802, RFC 7677): the
 * client proves that it knows the password without sending it, and the server
 * that it knows the user. A name that nobody has gets the same messages, and
 * fails where a wrong password does.
 *
 * @module
 */
import { concat, decodeStrict, encode } from "../../base/bytes.ts";
import {
  failed,
  NOTHING,
  type SaslContext,
  type SaslExchange,
  type SaslFailure,
} from "./exchange.ts";
import {
  type BindingFlag,
  type ClientFinal,
  END_POINT,
  hmac,
  parseClientFinal,
  parseClientFirst,
  sameOctets,
  type ScramKeys,
  sha256,
  xor,
} from "./scram.ts";

/** The mechanism without channel binding. */
export function scram(initial: Uint8Array | undefined, context: SaslContext): SaslExchange {
  return exchange(initial, context, false);
}

/** The mechanism with it. */
export function scramPlus(initial: Uint8Array | undefined, context: SaslContext): SaslExchange {
  return exchange(initial, context, true);
}

async function* exchange(
  initial: Uint8Array | undefined,
  context: SaslContext,
  plus: boolean,
): SaslExchange {
  const firstText = decodeStrict(initial ?? (yield NOTHING)) ?? "";
  const first = parseClientFirst(firstText);
  if (first === undefined) return failed("malformed");
  const { user, header } = first;
  const obstacle = bindingFailure(header.flag, context, plus);
  if (obstacle !== undefined) return failed(obstacle, user);
  const keys = await context.credentials.scramKeys(user);
  const nonce = first.nonce + context.nonce();
  const challenge = `r=${nonce},s=${keys.salt.toBase64()},i=${keys.iterations}`;
  const final = parseClientFinal(decodeStrict(yield encode(challenge)) ?? "");
  if (final === undefined) return failed("malformed", user);
  const said = `${first.bare},${challenge},${final.withoutProof}`;
  const gs2 = firstText.slice(0, header.length);
  const forItself = header.actingFor === "" || header.actingFor === user;
  const isProven = hasProof(final, keys, said);
  const isBound = sameBinding(final, gs2, plus ? context.endPoint : undefined);
  if (!isProven || !isBound || !forItself || final.nonce !== nonce) return failed("refused", user);
  yield encode(`v=${hmac(keys.serverKey, said).toBase64()}`);
  return { kind: "authenticated", user };
}

/** What stands against the client's idea of channel binding (RFC 5802 §6). */
function bindingFailure(
  flag: BindingFlag,
  { plusOffered, endPoint }: SaslContext,
  plus: boolean,
): SaslFailure | undefined {
  switch (flag.kind) {
    case "none":
      return plus ? "malformed" : undefined;
    case "not offered":
      // Somebody in between took the offer away.
      return plus ? "malformed" : plusOffered ? "refused" : undefined;
    case "bound":
      if (!plus) return "malformed";
      return flag.name === END_POINT && endPoint !== undefined ? undefined : "binding";
    default:
      return flag satisfies never;
  }
}

/** Whether the client means this channel: its GS2 header once more, and the binding's octets. */
function sameBinding(
  { binding }: ClientFinal,
  gs2: string,
  endPoint: Uint8Array | undefined,
): boolean {
  return sameOctets(binding, concat([encode(gs2), endPoint ?? NOTHING]));
}

/** Whether the proof is that of the one who knows the password (RFC 5802 §3). */
function hasProof({ proof }: ClientFinal, { storedKey }: ScramKeys, said: string): boolean {
  const clientKey = xor(proof, hmac(storedKey, said));
  return sameOctets(sha256(clientKey), storedKey);
}

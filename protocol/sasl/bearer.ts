/**
 * The SASL mechanisms whose credential is a bearer token of OAuth 2.0:
 * OAUTHBEARER (RFC 7628) and XOAUTH2, its forerunner, which Google's and
 * Microsoft's clients speak. What a token is worth is for the application to say.
 *
 * @module
 */
import { encode } from "../../base/bytes.ts";
import {
  failed,
  letIn,
  NOTHING,
  type SaslContext,
  type SaslExchange,
  type SaslResult,
  textOf,
} from "./exchange.ts";
import { parseGs2Header } from "./scram.ts";

/** b64token (RFC 6750 §2.1). */
const BEARER = /^bearer ([A-Za-z0-9._~+/-]+=*)$/i;

/** What is said before the failure of the exchange (RFC 7628 §3.2.2); the client answers it with a dummy. */
const OAUTHBEARER_ERROR = encode('{"status":"invalid_token"}');
const XOAUTH2_ERROR = encode('{"status":"401","schemes":"bearer"}');

/** A token and who it is said to be for. */
interface Claim {
  readonly user: string;
  readonly token: string;
}

/** `gs2-header kvsep *(key "=" value kvsep) kvsep` (RFC 7628 §3.1). */
export function parseOAuthBearer(text: string): Claim | undefined {
  const [header = "", ...pairs] = text.split("\x01");
  const gs2 = parseGs2Header(header);
  if (gs2 === undefined || gs2.length !== header.length || gs2.flag.kind === "bound") {
    return undefined;
  }
  const token = tokenOf(valuesOf(pairs));
  return token === undefined ? undefined : { user: gs2.actingFor, token };
}

/** `user=` user kvsep `auth=Bearer ` token kvsep kvsep. */
export function parseXOAuth2(text: string): Claim | undefined {
  const values = valuesOf(text.split("\x01"));
  const user = values?.get("user");
  const token = tokenOf(values);
  return user === undefined || token === undefined ? undefined : { user, token };
}

/** The pairs of a message that ends with an empty one; undefined when they are not that, or a key comes twice. */
function valuesOf(pairs: readonly string[]): ReadonlyMap<string, string> | undefined {
  const values = new Map<string, string>();
  if (pairs.at(-1) !== "" || pairs.at(-2) !== "") return undefined;
  for (const pair of pairs.slice(0, -2)) {
    const equals = pair.indexOf("=");
    const key = pair.slice(0, equals);
    if (equals < 1 || values.has(key)) return undefined;
    values.set(key, pair.slice(equals + 1));
  }
  return values;
}

function tokenOf(values: ReadonlyMap<string, string> | undefined): string | undefined {
  return BEARER.exec(values?.get("auth") ?? "")?.[1];
}

/** RFC 7628. */
export async function* oauthBearer(
  initial: Uint8Array | undefined,
  context: SaslContext,
): SaslExchange {
  const claim = parseOAuthBearer(textOf(initial ?? (yield NOTHING)) ?? "");
  const result = await judge(claim, context);
  if (result.kind === "failed" && result.why === "refused") yield OAUTHBEARER_ERROR;
  return result;
}

/** XOAUTH2, as Google describes it. */
export async function* xOAuth2(
  initial: Uint8Array | undefined,
  context: SaslContext,
): SaslExchange {
  const claim = parseXOAuth2(textOf(initial ?? (yield NOTHING)) ?? "");
  const result = await judge(claim, context);
  if (result.kind === "failed" && result.why === "refused") yield XOAUTH2_ERROR;
  return result;
}

async function judge(
  claim: Claim | undefined,
  { credentials }: SaslContext,
): Promise<SaslResult> {
  if (claim === undefined) return failed("malformed");
  const { token, user } = claim;
  return letIn(await credentials.token(token, user), user);
}

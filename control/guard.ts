/**
 * Who may ask. A browser that shows somebody else's page can send requests here, and
 * with a name server of its own even under a name of its own (DNS rebinding); so the
 * host must be one of ours, nothing is changed for another origin, and where a token
 * is set, it is asked for. Whoever may not is thrown a {@linkcode Problem}.
 *
 * @module
 */
import { createHash, timingSafeEqual } from "node:crypto";
import { isIP } from "node:net";
import { Problem } from "./problem.ts";

/** Whom an end of the API answers. */
export interface Admission {
  /** Who asks there, as it is recorded with what is done, see {@linkcode SteerFact}. */
  readonly by: string;
  /** What has to be shown as `Authorization: Bearer TOKEN`; absent where reaching the end is right enough. */
  readonly token?: string;
  /** A name by which it may be asked for, besides `localhost` and IP addresses. */
  readonly hostname?: string;
}

const SAFE_METHODS: ReadonlySet<string> = new Set(["GET", "HEAD"]);

/** What `Sec-Fetch-Site` says of requests that no foreign page makes. */
const OWN_SITES: ReadonlySet<string> = new Set(["same-origin", "none"]);

/** Lets a request pass. @throws {Problem} `wrong_host`, `forbidden` or, unless it is open to all, `unauthorized` */
export function admit(request: Request, { token, hostname }: Admission, open: boolean): void {
  checkHost(request.headers.get("host") ?? "", hostname);
  // A target that is a whole URL counts for more than the field (RFC 9112 §3.2.2).
  checkHost(new URL(request.url).host, hostname);
  if (!SAFE_METHODS.has(request.method)) checkOrigin(request);
  if (token !== undefined && !open) checkToken(request.headers.get("authorization"), token);
}

/** A page can make a name of its own mean our address, but not an address or `localhost`. */
function checkHost(field: string, hostname: string | undefined): void {
  const name = hostIn(field);
  if (name === "localhost" || name === hostname?.toLowerCase() || isIP(name) !== 0) return;
  throw new Problem("wrong_host", "this server is asked for by its address or its own name", {
    key: "Host",
  });
}

/** The host of a Host field, without its port and brackets (RFC 9110 §7.2). */
function hostIn(field: string): string {
  const [, literal, name] = /^(?:\[([^\]]*)\]|([^:[\]]*))(?::\d{1,5})?$/.exec(field) ?? [];
  return (literal ?? name ?? "").toLowerCase();
}

/** Programs send neither field; browsers send one or both with every request that is not safe. */
function checkOrigin({ headers }: Request): void {
  const site = headers.get("sec-fetch-site");
  const origin = headers.get("origin");
  const isOwn = (site === null || OWN_SITES.has(site)) &&
    (origin === null || originHost(origin) === headers.get("host")?.toLowerCase());
  if (!isOwn) throw new Problem("forbidden", "a page of another origin may change nothing here");
}

function originHost(origin: string): string | undefined {
  return /^https?:\/\/([^/]+)$/.exec(origin.toLowerCase())?.[1];
}

function checkToken(authorization: string | null, token: string): void {
  const [, shown] = /^bearer +([!-~]+) *$/i.exec(authorization ?? "") ?? [];
  if (shown !== undefined && timingSafeEqual(digest(shown), digest(token))) return;
  throw new Problem("unauthorized", "the API's token is needed: Authorization: Bearer TOKEN");
}

/** Of equal length, as a comparison in constant time wants them. */
function digest(text: string): Uint8Array {
  return createHash("sha256").update(text).digest();
}

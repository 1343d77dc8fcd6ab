/** Secrets and content are planted wherever they come in, and looked for wherever something is told or kept: of the real program, at the level that says most. */
import { assert, assertEquals } from "@std/assert";
import { run } from "../helpers/program.ts";
import { until } from "../helpers/waiting.ts";
import { filesBelow, isIn, type Places, placesOf } from "./canaries.ts";
import { eventually } from "./operate_site.ts";
import { CANARY, type SecretsSite, SENDER, withSecrets } from "./secrets_site.ts";

/** Where a text of the message may stand, by the start of the place; secrets may stand nowhere. */
const ALLOWED: ReadonlyMap<string, RegExp> = new Map([
  // Deno itself puts the URLs of HTTP requests into spans: docs/operate.md warns of it.
  [CANARY.tokenInUrl, /^traces$/],
  [CANARY.body, /^spool\/[^/]+\.eml/],
  [CANARY.field, /^spool\/[^/]+\.eml|^GET \/v1\/queue\/\w+$|^queue show/],
  [
    CANARY.subject,
    /^spool\/(?:[^/]+\.eml|history\/)|^GET \/v1\/(?:queue\/\w+|history.*|messages\/\w+\/story)$|^queue (?:show|history|explain)/,
  ],
]);

/** What goes wrong while logging in, each over a connection of its own: the lines, and the code of the last reply. */
const MISHAPS: readonly (readonly [lines: readonly string[], code: string])[] = [
  [[`AUTH PLAIN ${btoa(`\0${SENDER}\0${CANARY.failed}`)}`], "535"],
  [["AUTH LOGIN", btoa(CANARY.asName), btoa(CANARY.asName)], "535"],
  [[`AUTH PLAIN ${CANARY.notBase64}!`], "501"],
  [["AUTH LOGIN", `${CANARY.notBase64}!`], "501"],
  [[`AUTH PLAIN ${btoa(CANARY.tooLong.repeat(800))}`], "500"],
  [["AUTH LOGIN", btoa(CANARY.tooLong.repeat(800))], "500"],
  [["AUTH NONE", btoa(SENDER), btoa(CANARY.outOfStep)], "500"],
  [[`PASS ${CANARY.outOfStep}`, CANARY.outOfStep], "500"],
  [[`AUTH PLAIN ${btoa(CANARY.outOfStep)} ${CANARY.outOfStep}`], "501"],
];

async function mishap(
  site: SecretsSite,
  [lines, code]: readonly [readonly string[], string],
): Promise<void> {
  using peer = await site.connectTls();
  let reply = "";
  for (const line of lines) reply = await peer.ask(line);
  assertEquals(reply.slice(0, 3), code, lines.join().slice(0, 60));
  await peer.ask("QUIT");
}

/** A client that logs in where it cannot: before TLS, and where nobody can. */
async function inPlaintext(site: SecretsSite): Promise<void> {
  for (const [listener, code] of [[0, "538"], [1, "502"]] as const) {
    using peer = await site.connect(listener);
    const reply = await peer.ask(`AUTH PLAIN ${btoa(`\0${SENDER}\0${CANARY.inPlaintext}`)}`);
    assertEquals(reply.slice(0, 3), code);
    await peer.ask(CANARY.inPlaintext);
    await peer.ask("QUIT");
  }
}

/** All that was told, by its place. */
class Told {
  readonly places = new Map<string, string>();
  readonly #site: SecretsSite;

  constructor(site: SecretsSite) {
    this.#site = site;
  }

  /** Asks the API; what it answers is kept. */
  async ask(path: string, token: string = CANARY.token, init: RequestInit = {}): Promise<string> {
    const api = this.#site.address(/API is served.*?(http:\/\/127\.0\.0\.1:\d+)/);
    const headers = { ...init.headers, authorization: `Bearer ${token}` };
    const answer = await fetch(api + path, { ...init, headers });
    const text = JSON.stringify([...answer.headers]) + await answer.text();
    const method = init.method ?? "GET";
    // A refusal may say what it refuses to the one who said it.
    if (!path.includes("?token=")) this.places.set(`${method} ${path}`, text);
    return text;
  }

  /** Runs a command; what it says is kept. */
  async command(...args: readonly string[]): Promise<void> {
    const { stdout, stderr } = await run([...args, "--config", this.#site.file]);
    this.places.set(args.join(" "), stdout + stderr.join("\n"));
  }
}

/** Has everybody asked who can tell something. */
async function askAll(told: Told, id: string): Promise<void> {
  const paths = ["queue", `queue/${id}`, "queue/summary", `messages/${id}/story`, "history"];
  const others = ["history/refusals", "history/sessions", "status", "holds", "openapi.json"];
  for (const path of [...paths, ...others]) await told.ask(`/v1/${path}`);
  await told.ask("/metrics");
  await told.ask("/v1/plan", CANARY.token, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ from: SENDER, to: "bob@there.test" }),
  });
  await told.ask("/v1/queue/nothing");
  await told.ask("/v1/queue/", CANARY.wrongToken);
  await told.ask(`/v1/queue?token=${CANARY.tokenInUrl}`);
  await told.command("queue", "list");
  await told.command("queue", "summary");
  await told.command("queue", "show", id);
  await told.command("queue", "explain", id);
  await told.command("queue", "history");
  await told.command("queue", "history", "--refused", "--json");
  await told.command("plan", SENDER, "bob@there.test");
}

/** The state of the message. */
async function stateOf(told: Told, id: string): Promise<string | undefined> {
  return /"state":\s*"(\w+)"/.exec(await told.ask(`/v1/queue/${id}`))?.[1];
}

/** The smarthost refuses us, is named wrongly, then rightly; everybody is asked before and after. */
async function live(site: SecretsSite, reload: () => void, told: Told): Promise<void> {
  const id = await site.submit();
  await Promise.all([...MISHAPS.map((one) => mishap(site, one)), inPlaintext(site)]);
  await eventually(async () => await stateOf(told, id) === "deferred");
  await askAll(told, id);
  for (const [place, text] of await filesBelow(site.spool, "spool/")) told.places.set(place, text);
  await site.configure(`["smtp://us:${CANARY.listed}@127.0.0.1:25"]`);
  reload();
  await until(() => site.said.includes("expected text in quotes"));
  await told.command("queue", "list", "--sender", SENDER);
  await site.configureRelay(CANARY.relay);
  reload();
  await until(() => /\breloaded\b/.test(site.said));
  await told.ask("/v1/queue/actions", CANARY.token, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ action: "retry", ids: [id] }),
  });
  await eventually(async () => await stateOf(told, id) === undefined);
  await told.ask(`/v1/messages/${id}/story`);
  await told.command("queue", "explain", id, "--json");
}

/** Where each canary stands that may not stand there. */
function leaks(places: Places): string[] {
  return Object.values(CANARY).flatMap((canary) =>
    placesOf(canary, places)
      .filter((place) => !ALLOWED.get(canary)?.test(place))
      .map((place) => `${canary} in ${place}`)
  );
}

for (const format of ["json", "pretty"] as const) {
  Deno.test(`no secret and no content is told or kept where it does not belong, log in ${format}`, async () => {
    let told: Told | undefined;
    const places = new Map<string, string>();
    await withSecrets(
      format,
      (site, reload) => live(site, reload, told = new Told(site)),
      async (site, traces) => {
        for (const [place, text] of told!.places) places.set(place, text);
        for (const [place, text] of await filesBelow(site.spool, "spool/")) {
          places.set(`${place} after`, text);
        }
        places.set("log", site.said).set("traces", traces.received);
        assert(traces.spans.length > 0);
      },
    );
    assertEquals(leaks(places), []);
    const found = placesOf(SENDER, places);
    for (const place of ["log", "GET /v1/queue", "GET /v1/history", "queue list"]) {
      assert(found.includes(place), `${place} not among ${found}`);
    }
    assert(
      found.some((place) => place.startsWith("spool/history/")),
      found.join(),
    );
    assert(!found.includes("GET /metrics") && !found.includes("traces"));
    for (const canary of [CANARY.body, CANARY.field, CANARY.subject]) {
      assert(placesOf(canary, places).length > 0, canary);
    }
  });
}

Deno.test("what is looked for is found in every form that it may come in", () => {
  const secret = CANARY.login;
  const forms = [
    secret.toUpperCase(),
    btoa(secret),
    btoa(`\0a\0${secret}`),
    btoa(`ab\0ab\0${secret}x`),
  ];
  for (const form of forms) assert(isIn(secret, `..${form}..`), form);
  assert(!isIn(secret, CANARY.failed + btoa(CANARY.failed)));
});

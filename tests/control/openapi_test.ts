/** The OpenAPI document: that it is one, and that answers are as it says. */
import { Validator } from "@seriousme/openapi-schema-validator";
import { assert, assertEquals } from "@std/assert";
import { Ajv2020 } from "ajv/2020";
import { openApiDocument } from "../../control/openapi.ts";
import { INBOX_ROUTES } from "../../control/routes/inbox.ts";
import { ROUTES } from "../../control/routes.ts";
import type { MailPlan } from "../../control/target.ts";
import type { AcceptedFact } from "../../history/story.ts";
import { refused, session } from "../history/facts.ts";
import { changes, claimOne, deferred, put } from "../queue/fixtures.ts";
import { type Rig, rigOf } from "./rig.ts";

type Operation = {
  operationId: string;
  responses: Record<string, { content: Record<string, { schema?: unknown }> }>;
};

/** The document as it is served. */
async function documentOf({ ask }: Rig) {
  return await (await ask("/v1/openapi.json")).json() as {
    paths: Record<string, Record<string, Operation>>;
    components: { schemas: Record<string, unknown> };
  };
}

/** What an answer to an operation is to look like, as a function that lists what is wrong. */
function checkOf(document: Awaited<ReturnType<typeof documentOf>>, path: string, method: string) {
  const operation = document.paths[path]![method]!;
  const { schema } = operation.responses["200"]!.content["application/json"]!;
  const ajv = new Ajv2020({ strict: false });
  const check = ajv.compile({ ...(schema as object), components: document.components });
  return (answer: unknown) => check(answer) ? [] : check.errors ?? [];
}

const PLAN: MailPlan = {
  receive: {
    accepted: true,
    reply: "250 2.1.5 OK",
    decisions: [{ about: "connection", rule: "trust 127.0.0.0/8" }],
  },
  route: {
    destination: "example.com",
    route: { why: "MX example.com", answers: ["MX example.com: 10 mx.example.com"], took: 3 },
    hosts: [],
    tls: "opportunistic",
    retries: [{ retry: 1, at: 0, rule: "retry.first" }],
    jitter: 0.1,
  },
};

/** A rig that has something to tell of everything. */
async function toldRig(): Promise<{ rig: Rig; id: string }> {
  const accepted: AcceptedFact = {
    kind: "accepted",
    at: 0,
    id: "0".repeat(26),
    took: 1,
    client: { address: "192.0.2.1", port: 1, helo: "x", protocol: "ESMTP" },
    from: "a@example.org",
    to: ["b@example.com"],
    size: 1,
    decisions: [],
  };
  const history = {
    story: () => Promise.resolve([accepted]),
    refusals: () => Promise.resolve([refused()]),
    sessions: () => Promise.resolve([session()]),
    find: () =>
      Promise.resolve({
        messages: [{
          accepted,
          recipients: [{ address: "b@example.com", outcome: "waiting" as const }],
        }],
        lookedBackTo: 0,
      }),
  };
  const rig = rigOf({
    history,
    plan: () => Promise.resolve(PLAN),
    reload: () => Promise.resolve({ changes: ["trust: + 10.0.0.0/8"] }),
  });
  const { id } = await put(rig.queue, "Subject: x\r\n\r\n");
  const claim = await claimOne(rig.queue);
  await claim.settle(changes(deferred(rig.clock.now() + 60_000)));
  claim.release();
  await put(rig.queue, "x", ["held@example.net"], true);
  await rig.target.holds.holdDomain("example.org");
  return { rig, id };
}

Deno.test("the document is an OpenAPI 3.1 document", async () => {
  const result = await new Validator().validate(openApiDocument(ROUTES, "1.2.3"));
  assertEquals(result.errors ?? [], []);
  assert(result.valid);
});

Deno.test("every operation has a name and a line of its own", () => {
  for (const key of ["name", "summary"] as const) {
    const texts = ROUTES.map((route) => route[key]);
    assertEquals(new Set(texts).size, texts.length, key);
  }
});

/** A request for every route whose answer is JSON; the others have no schema. */
const REQUESTS: [method: string, template: string, path: string, body?: unknown][] = [
  ["get", "/v1/queue/summary", "/v1/queue/summary"],
  ["get", "/v1/queue", "/v1/queue?sort=size&limit=1"],
  ["get", "/v1/queue/{id}", "/v1/queue/ID"],
  ["post", "/v1/queue/actions", "/v1/queue/actions", {
    action: "hold",
    ids: ["ID", "0".repeat(26)],
  }],
  ["post", "/v1/queue/import", "/v1/queue/import?from=&to=a@example.org"],
  ["get", "/v1/holds", "/v1/holds"],
  ["put", "/v1/hold", "/v1/hold"],
  ["delete", "/v1/hold", "/v1/hold"],
  ["put", "/v1/domains/{domain}/hold", "/v1/domains/example.net/hold"],
  ["delete", "/v1/domains/{domain}/hold", "/v1/domains/example.net/hold"],
  ["get", "/v1/messages/{id}/story", "/v1/messages/ID/story"],
  ["get", "/v1/history", "/v1/history?to=*@example.com&since=2026-01-01"],
  ["get", "/v1/history/refusals", "/v1/history/refusals?from=<>&client=192.0.2.1&limit=5"],
  ["get", "/v1/history/sessions", "/v1/history/sessions?id=S1&until=2026-01-01"],
  ["post", "/v1/plan", "/v1/plan", { from: "", to: "b@example.com" }],
  ["post", "/v1/reload", "/v1/reload"],
  ["get", "/v1/status", "/v1/status"],
  ["get", "/readyz", "/readyz"],
];

for (const [method, template, path, body] of REQUESTS) {
  Deno.test(`${method.toUpperCase()} ${template} is answered as the document says`, async () => {
    const { rig, id } = await toldRig();
    const check = checkOf(await documentOf(rig), template, method);
    const isImport = template.endsWith("/import");
    const response = await rig.ask(path.replace("ID", id), {
      method: method.toUpperCase(),
      headers: { "content-type": isImport ? "message/rfc822" : "application/json" },
      ...(body !== undefined && { body: JSON.stringify(body).replace("ID", id) }),
      ...(isImport && { body: new TextEncoder().encode("Subject: x\n\nx") }),
    });
    const answer = await response.json();
    assertEquals(response.status, 200, JSON.stringify(answer));
    assertEquals(check(answer), []);
    assert(check({ wrong: true }).length > 0, "anything would do");
  });
}

Deno.test("every route with an answer in JSON is among those that were asked, but for the inbox", () => {
  const asked = REQUESTS.map(([method, template]) => `${method.toUpperCase()} ${template}`);
  const routes = ROUTES.filter((route) =>
    "application/json" in route.answers && !INBOX_ROUTES.includes(route)
  )
    .map(({ method, path }) => `${method} ${path}`);
  assertEquals(asked.toSorted(), routes.toSorted());
});

Deno.test("a problem is as the document says", async () => {
  const rig = rigOf();
  const { components } = await documentOf(rig);
  const check = new Ajv2020({ strict: false }).compile(components.schemas.Problem as object);
  for (
    const path of ["/v1/none", "/v1/queue?limit=0", "/v1/messages/" + "0".repeat(26) + "/story"]
  ) {
    assert(check(await (await rig.ask(path)).json()), path);
  }
});

Deno.test("docs/api.md has a row for every route, with what it does", async () => {
  const page = (await Deno.readTextFile(new URL("../../docs/api.md", import.meta.url)))
    .replace(/ {2,}/g, " ");
  const rows = [...page.matchAll(/^\| `([A-Z]+ \/\S+)` \| (.*?) \|$/gm)].map((row) =>
    `${row[1]} ${row[2]}`
  );
  assertEquals(rows, ROUTES.map(({ method, path, summary }) => `${method} ${path} ${summary}`));
});

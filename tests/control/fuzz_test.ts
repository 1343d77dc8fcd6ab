/** Every route by a real server, asked for whatever its description allows, and for what it does not. */
import { assert, assertEquals, assertLess } from "@std/assert";
import { Ajv2020 } from "ajv/2020";
import fc from "fast-check";
import { Problem, type ProblemBody } from "../../control/problem.ts";
import { type Server, start } from "../../mod.ts";
import { capturedLog } from "../helpers/captured_log.ts";
import { withTempDir } from "../helpers/temp_dir.ts";
import { type ApiDocument, type Known, type MadeRequest, requestsOf } from "./requests.ts";

const TOKEN = "a-token-that-nobody-guesses";
/** Requests for each operation. */
const RUNS = 60;

/** A message with an attachment. */
const MESSAGE = `Subject: x
Message-ID: <1@example.org>
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=b

--b
Content-Type: text/html

<p>Hi.
--b
Content-Type: text/plain
Content-Disposition: attachment; filename=a.txt

a
--b--
`;

/** A server with a queue that goes nowhere, an inbox and a history. */
interface Site {
  readonly server: Server;
  readonly ask: (path: string, init?: RequestInit) => Promise<Response>;
}

async function withSite(check: (site: Site) => Promise<void>): Promise<void> {
  await withTempDir(async (spool) => {
    const server = await start({
      ...{ listen: "127.0.0.1:0", spool, stopGrace: 1000, hold: true, capture: true },
      ...{ api: "127.0.0.1:0", apiToken: TOKEN },
    });
    const ask = (path: string, init: RequestInit = {}) =>
      fetch(`${server.control.api}${path}`, {
        ...init,
        headers: { authorization: `Bearer ${TOKEN}`, ...init.headers },
      });
    try {
      await check({ server, ask });
    } finally {
      await server.stop();
    }
  });
}

/** Two messages in the inbox and a copy of each in the queue; the names of all that there is then. */
async function something({ server, ask }: Site): Promise<Known> {
  const ids: string[] = [];
  for (const to of ["bob@example.com", "carol@example.net"]) {
    const { id } = await server.send({ from: "anna@example.org", to: [to], content: MESSAGE });
    const init = { method: "POST", headers: { "content-type": "application/json" }, body: "{}" };
    const copy = await (await ask(`/v1/messages/${id}/release`, init)).json();
    ids.push(id, copy.id);
  }
  const addresses = ["bob@example.com", "*@example.com", "anna@example.org", "<>"];
  const times = ["0", "2026-01-01", String(Date.now())];
  return {
    id: [...ids, ids[0]!.slice(0, 8), "0".repeat(26)],
    ids: [...ids, "0".repeat(26)],
    ...{ sender: addresses, recipient: addresses, from: addresses, to: addresses },
    address: ["bob@example.com", "dora@example.com", "not one"],
    ...{ domain: ["example.com", "EXAMPLE.net", "bücher.example"], nextHop: ["relay.example:25"] },
    ...{ state: ["held", "incoming,captured", "captured"], error: ["x"], kinds: ["accepted"] },
    ...{ olderThan: ["1s", "2d"], newerThan: ["1h"], since: times, until: times },
    ...{ subject: ["x"], q: ["Hi"], messageId: ["<1@example.org>"], client: ["192.0.2.1"] },
    // Nothing is waited for here.
    ...{ wait: ["0s"], n: ["0"], cursor: ["W10"], reason: ["No"], helo: ["client.example"] },
  };
}

/** Tells what is wrong with answers to an operation. */
function checkOf({ components, paths }: ApiDocument, template: string, method: string) {
  const ajv = new Ajv2020({ strict: false });
  const isProblem = ajv.compile({ ...components.schemas.Problem, components });
  const { content } = paths[template]![method]!.responses["200"]!;
  const checks = new Map(
    Object.entries(content).flatMap(([type, { schema }]) =>
      schema === undefined ? [] : [[type, ajv.compile({ ...schema, components })] as const]
    ),
  );
  return async (response: Response) => {
    assertEquals(response.headers.get("x-content-type-options"), "nosniff");
    const type = response.headers.get("content-type")!.split(";")[0]!;
    if (type === "text/event-stream") return await response.body!.cancel();
    const text = await response.text();
    if (response.status !== 200) {
      const answer: ProblemBody = JSON.parse(text);
      assert(isProblem(answer), text);
      const { code, message } = answer.error;
      assertEquals(response.status, new Problem(code, message).status);
      assert(code !== "internal", text);
      return;
    }
    assert(type in content || "application/octet-stream" in content, `${type} is not described`);
    const lines = type === "application/x-ndjson" ? text.split("\n").slice(0, -1) : [text];
    const check = checks.get(type);
    if (check === undefined) return;
    for (const line of lines) {
      assert(check(JSON.parse(line)), `${line.slice(0, 500)}: ${JSON.stringify(check.errors)}`);
    }
  };
}

/** Asks for an operation again and again; tells whether it was ever done. */
async function tryOut(
  site: Site,
  document: ApiDocument,
  operation: readonly [template: string, method: string],
): Promise<boolean> {
  const check = checkOf(document, ...operation);
  const requests = requestsOf(document, operation, await something(site));
  let isDone = false;
  const ask = async ({ path, init }: MadeRequest) => {
    const response = await site.ask(path, init);
    isDone ||= response.ok;
    await check(response);
  };
  await fc.assert(fc.asyncProperty(requests, ask), { numRuns: RUNS });
  return isDone;
}

Deno.test("whatever is asked for is answered as the description says, or refused with a problem that names it, and breaks nothing", async () => {
  const records = await capturedLog("error", () =>
    withSite(async (site) => {
      const document: ApiDocument = await (await site.ask("/v1/openapi.json")).json();
      const operations = Object.entries(document.paths).flatMap(([template, methods]) =>
        Object.keys(methods).map((method) => [template, method] as const)
      );
      const done: string[] = [];
      for (const operation of operations) {
        if (await tryOut(site, document, operation)) done.push(operation.join(" "));
      }
      // Nearly all of them; which is left to chance, but that requests were not all wrong is not.
      assertLess(operations.length / 2, done.length);
    }));
  assertEquals(records, []);
});

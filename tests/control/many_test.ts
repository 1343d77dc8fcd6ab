/** Long lists and many who ask at once, while the queue is at work. */
import { assertEquals, assertLess } from "@std/assert";
import nodemailer from "nodemailer";
import type { ListRequest } from "../../control/client.ts";
import { start } from "../../mod.ts";
import { capturedLog } from "../helpers/captured_log.ts";
import { MailHost } from "../helpers/mail_host.ts";
import { withTempDir } from "../helpers/temp_dir.ts";
import { put } from "../queue/fixtures.ts";
import { until } from "../transport/running.ts";
import { good, type Rig, rigOf } from "./rig.ts";

const LONG = 20_000;
/** Of what there is so much comes, goes and changes between two looks at it. */
const CHANGED = 50;

/** A long queue in which half of the messages come and go; the others stay, and change. */
class LivelyQueue {
  readonly rig: Rig = rigOf();
  /** What stays in it. */
  readonly staying: string[] = [];
  readonly #going: string[] = [];
  #come = 0;
  #changed = 0;

  /** Fills it. */
  async fill(): Promise<void> {
    for (let i = 0; i < LONG; i++) {
      const id = await this.#bring();
      (i % 2 === 0 ? this.staying : this.#going).push(id);
    }
  }

  /** Lets some come and some go, and holds or releases some of the others. */
  async stir(): Promise<void> {
    const { queue } = this.rig;
    for (let i = 0; i < CHANGED; i++) {
      this.#going.push(await this.#bring());
      const [gone] = this.#going.splice((i * 7919) % this.#going.length, 1);
      assertEquals(await queue.steer(gone!, { kind: "remove" }), "done");
      const changed = this.staying[this.#changed++ * 31 % this.staying.length]!;
      await queue.steer(changed, { kind: i % 2 === 0 ? "hold" : "release" });
    }
  }

  async #bring(): Promise<string> {
    const n = this.#come++;
    if (n % 10 === 0) this.rig.clock.advance(1);
    const { id } = await put(this.rig.queue, "x".repeat(n % 100), [`u${n}@d${n % 1000}.example`]);
    return id;
  }
}

/** Each that stayed was seen, and none was seen twice. */
function checkSeen(seen: readonly string[], staying: readonly string[]): void {
  const all = new Set(seen);
  assertEquals(all.size, seen.length, "a message was listed twice");
  assertEquals(staying.filter((id) => !all.has(id)), []);
}

const ORDERS: readonly ListRequest[] = [
  { sort: "arrived" },
  { sort: "arrived", order: "desc" },
  { sort: "size", order: "desc" },
  { sort: "domain" },
];

for (const order of ORDERS) {
  const name = Object.values(order).join(", ");
  Deno.test(`of ${LONG} messages each that stays is on one page of the list (${name}), while others come, go and change`, async () => {
    const lively = new LivelyQueue();
    await lively.fill();
    const seen: string[] = [];
    let cursor: string | undefined;
    do {
      const page = good(await lively.rig.client.list({ ...order, limit: 1000, cursor }));
      seen.push(...page.messages.map(({ id }) => id));
      cursor = page.next;
      await lively.stir();
    } while (cursor !== undefined);
    checkSeen(seen, lively.staying);
  });
}

Deno.test(`of ${LONG} messages each that stays is on one line of the list, while others come, go and change`, async () => {
  const lively = new LivelyQueue();
  await lively.fill();
  const seen: string[] = [];
  for await (const entry of lively.rig.client.listAll({ sort: "arrived" })) {
    seen.push(good(entry).id);
    if (seen.length % 1000 === 0) await lively.stir();
  }
  checkSeen(seen, lively.staying);
});

const CLIENTS = 200;
const MESSAGES = 300;
const TOKEN = "a-token-that-nobody-guesses";
/** What each client asks for, in its turn. */
const QUESTIONS = [
  "/v1/queue?limit=1000",
  "/v1/queue/summary",
  "/v1/history?to=*@example.net",
  "/v1/status",
  "/metrics",
  "/v1/history/sessions",
];

/** Clients that each ask all questions over a connection of their own; who is put off comes back when somebody has left. */
class Clients {
  readonly #api: string;
  #left = Promise.withResolvers<void>();
  /** How often one was put off. */
  putOff = 0;

  constructor(api: string) {
    this.#api = api;
  }

  /** Asks until all is answered. */
  async askAll(): Promise<void> {
    let questions: readonly string[] = QUESTIONS;
    while (questions.length > 0) {
      const left = this.#left.promise;
      const rest = await this.#ask(questions);
      if (rest.length === questions.length) {
        this.putOff++;
        await left;
      }
      questions = rest;
    }
    this.#left.resolve();
    this.#left = Promise.withResolvers();
  }

  /** Asks over one connection for as long as it is answered; gives what is left. */
  async #ask(questions: readonly string[]): Promise<readonly string[]> {
    using client = Deno.createHttpClient({ poolMaxIdlePerHost: 1 });
    for (const [i, question] of questions.entries()) {
      const headers = { authorization: `Bearer ${TOKEN}` };
      const response = await fetch(this.#api + question, { client, headers });
      const text = await response.text();
      if (response.ok) continue;
      assertEquals([response.status, JSON.parse(text).error.code], [503, "overloaded"]);
      return questions.slice(i);
    }
    return [];
  }
}

Deno.test(`${CLIENTS} clients that ask at once all get their answers, and every message is delivered once meanwhile`, async () => {
  await using host = new MailHost();
  const records = await capturedLog("error", () =>
    withTempDir(async (spool) => {
      const server = await start({
        ...{ listen: "127.0.0.1:0", spool, stopGrace: 1000, api: "127.0.0.1:0", apiToken: TOKEN },
        ...{ smarthost: `smtp://127.0.0.1:${host.host.port}`, allowPrivate: true },
      });
      const { port } = server.addresses[0]!;
      const mailer = nodemailer.createTransport({
        ...{ host: "127.0.0.1", port, ignoreTLS: true, pool: true, maxMessages: Infinity },
      });
      try {
        const mail = Array.from({ length: MESSAGES }, (_, i) =>
          mailer.sendMail({ from: "a@example.org", to: `u${i}@example.net`, text: "Hi." }));
        const clients = new Clients(server.control.api!);
        const asked = Array.from({ length: CLIENTS }, () =>
          clients.askAll());
        await Promise.all([...mail, ...asked]);
        assertLess(0, clients.putOff);
        await until(() => host.messages.length >= MESSAGES);
        const recipients = host.messages.flatMap(({ recipients }) => recipients);
        assertEquals(new Set(recipients).size, MESSAGES);
        assertEquals(recipients.length, MESSAGES);
      } finally {
        mailer.close();
        await server.stop();
      }
    }));
  assertEquals(records, []);
});

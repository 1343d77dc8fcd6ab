/** Users' programs log in and submit: each mechanism that each of them knows, by STARTTLS and in TLS from the first octet. */
import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import type { Hooks } from "../../mod.ts";
import { MAIL_CLIENTS } from "../helpers/mail_clients.ts";
import { hasPostfix, Postfix } from "../helpers/postfix.ts";
import { until } from "../helpers/waiting.ts";
import { ANNA, type LoginSite, PASSWORD, withLogins } from "../server/login_site.ts";
import { received } from "../server/receiving.ts";
import {
  isBearer,
  type Submission,
  SUBMISSION_CLIENTS,
  type SubmissionClient,
} from "./submission_clients.ts";

const TOKEN = "ya29.vF9dft4qmTc2Nvb3RlckBhdHRhdmlzdGEuY29tCg";
const CONTENT = [
  `From: <${ANNA}>`,
  "To: <recipient@there.test>",
  "Date: Thu, 01 Jan 2026 00:00:00 +0000",
  "Message-ID: <1@example.org>",
  "Subject: Submitted",
  "",
  ".dots and text",
  "",
].join("\r\n");

const token: Hooks["token"] = (token, user) => token === TOKEN ? { user, from: [user] } : undefined;

/** A server that listens for submission by STARTTLS, and in TLS from the first octet. */
function withSite(mechanism: string, check: (site: LoginSite) => Promise<void>): Promise<void> {
  const listen = ["submission://127.0.0.1:0", "submissions://127.0.0.1:0"];
  // As for users of an application, who have no passwords here.
  const hooks = isBearer(mechanism) ? { token } : {};
  return withLogins({ listen, hooks }, check);
}

function submission(site: LoginSite, implicitTls: boolean, secret: string): Submission {
  const { port } = implicitTls ? site.mx : site.addr;
  const to = "recipient@there.test";
  return { port, implicitTls, user: ANNA, secret, from: ANNA, to, content: CONTENT };
}

function check(client: SubmissionClient, implicitTls: boolean): void {
  const { name, mechanism } = client;
  const how = implicitTls ? "in TLS from the first octet" : "after STARTTLS";
  Deno.test({
    name: `${name} logs in by ${mechanism} ${how} and submits`,
    ignore: !client.installed,
    fn: () =>
      withSite(mechanism, async (site) => {
        const secret = isBearer(mechanism) ? TOKEN : PASSWORD;
        await client.submit(submission(site, implicitTls, secret));
        const { message, text } = await received(site.queue);
        assertEquals(message.envelope.client.user, ANNA);
        assertMatch(text, /\bwith ESMTPSA\b/);
        assert(text.endsWith(CONTENT), text);
      }),
  });
}

for (const client of SUBMISSION_CLIENTS) for (const tls of [false, true]) check(client, tls);

/** The longest that a refusal waits, ms. */
const LONGEST_DELAY = 8000;

/** Time goes on whenever a refusal waits. */
async function withTimePassing({ clock }: LoginSite, work: () => Promise<void>): Promise<void> {
  // The deadlines of connections have one timer, however many there are.
  const timers = clock.timers + 1;
  const watch = setInterval(() => clock.timers > timers && clock.advance(LONGEST_DELAY), 5);
  try {
    await work();
  } finally {
    clearInterval(watch);
  }
}

for (const client of SUBMISSION_CLIENTS.filter(({ mechanism }) => mechanism !== "LOGIN")) {
  Deno.test({
    name: `${client.name} with a wrong secret is refused by ${client.mechanism}, and sends nothing`,
    ignore: !client.installed,
    fn: () =>
      withSite(client.mechanism, (site) =>
        withTimePassing(site, async () => {
          await assertRejects(() => client.submit(submission(site, false, "wrong")), Error);
          assertEquals(site.queue.counts().messages, 0);
        })),
  });
}

for (const mechanism of ["SCRAM-SHA-256", "PLAIN", "LOGIN"]) {
  Deno.test({
    name: `Postfix logs in by ${mechanism} and hands its mail on`,
    ignore: !hasPostfix,
    fn: () =>
      withSite(mechanism, async (site) => {
        const relay = { port: site.addr.port, user: ANNA, password: PASSWORD, mechanism };
        await Postfix.use([], async ({ host }) => {
          const nodemailer = MAIL_CLIENTS.find(({ name }) => name === "nodemailer")!;
          const to = ["recipient@there.test"];
          await nodemailer.send({ port: host.port, tls: false, from: ANNA, to, content: CONTENT });
          await until(() => site.queue.counts().messages === 1);
        }, { relay });
        const { message, text } = await received(site.queue);
        assertEquals(message.envelope.client.user, ANNA);
        assertMatch(text, /^Received: from mx\.postfix\.test [^]*?\bwith ESMTPSA\b/);
      }),
  });
}

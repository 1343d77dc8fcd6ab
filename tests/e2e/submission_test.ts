/** Users' programs log in and submit: each mechanism that each of them knows, by STARTTLS and in TLS from the first octet. */
import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { ANNA, type LoginSite } from "../server/login_site.ts";
import { received } from "../server/receiving.ts";
import {
  type Submission,
  SUBMISSION_CLIENTS,
  type SubmissionClient,
} from "./submission_clients.ts";
import { secretFor, withSite, withTimePassing } from "./submission_site.ts";

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
        await client.submit(submission(site, implicitTls, secretFor(mechanism)));
        const { message, text } = await received(site.queue);
        assertEquals(message.envelope.client.user, ANNA);
        assertMatch(text, /\bwith ESMTPSA\b/);
        assert(text.endsWith(CONTENT), text);
      }),
  });
}

for (const client of SUBMISSION_CLIENTS) for (const tls of [false, true]) check(client, tls);

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

/** The programs with which people write mail log in and submit, by STARTTLS and in TLS from the first octet. */
import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { ANNA, type LoginSite } from "../server/login_site.ts";
import { received } from "../server/receiving.ts";
import { CERTIFICATE } from "../transport/running.ts";
import { secretFor, withSite, withTimePassing } from "./submission_site.ts";
import { type Letter, USER_AGENTS, type UserAgent } from "./user_agents.ts";

const TO = "recipient@there.test";
const BODY = "At noon?\n.a dot\n..\nYours, Anna\n";

function letter(site: LoginSite, implicitTls: boolean, secret: string): Letter {
  const { port } = implicitTls ? site.mx : site.addr;
  const common = { user: ANNA, secret, from: ANNA, to: TO, certificate: CERTIFICATE.cert };
  return { ...common, port, implicitTls, subject: "Lunch", body: BODY };
}

function check(agent: UserAgent, implicitTls: boolean): void {
  const { name, mechanism, installed } = agent;
  const how = implicitTls ? "in TLS from the first octet" : "after STARTTLS";
  Deno.test({
    name: `${name} logs in by ${mechanism} ${how}, and its letter is taken`,
    ignore: !installed,
    fn: () =>
      withSite(mechanism, async (site) => {
        await agent.send(letter(site, implicitTls, secretFor(mechanism)));
        const { message: { envelope }, text } = await received(site.queue);
        assertEquals([envelope.reversePath, envelope.recipients], [ANNA, [TO]]);
        assertEquals(envelope.client.user, ANNA);
        assertMatch(text, /\bwith ESMTPSA\b/);
        assertMatch(text, /^Subject: Lunch\r$/m);
        assert(text.endsWith(`\r\n\r\n${BODY.replaceAll("\n", "\r\n")}`), text);
      }),
  });
}

for (const agent of USER_AGENTS) for (const tls of [false, true]) check(agent, tls);

for (const agent of USER_AGENTS.filter(({ mechanism }) => mechanism === "PLAIN")) {
  Deno.test({
    name: `${agent.name} with a wrong password fails, and sends nothing`,
    ignore: !agent.installed,
    fn: () =>
      withSite(agent.mechanism, (site) =>
        withTimePassing(site, async () => {
          const error = await assertRejects(() => agent.send(letter(site, false, "wrong")), Error);
          assertMatch(error.message, /authentication/i);
          assertEquals(site.queue.counts().messages, 0);
        })),
  });
}

/** The server as a client that logs in: to Postfix with Cyrus SASL, by each mechanism that both know. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { makeAuthority } from "../helpers/certificates.ts";
import { DnsServer } from "../helpers/dns_server.ts";
import { hasPostfixLogin, Postfix } from "../helpers/postfix.ts";
import { withTempDir } from "../helpers/temp_dir.ts";
import { type Outcome, TestServer } from "./test_server.ts";

const HOST = "mx.postfix.test";
const USER = "relay";
const PASSWORD = "open sesame: 100%";

/** Sends a message by way of a Postfix that offers these mechanisms, with a password. */
async function relayThrough(
  mechanisms: readonly string[],
  password: string,
): Promise<{ outcome: Outcome; messages: string[] }> {
  const authority = await makeAuthority();
  const certificate = await authority.issue([HOST]);
  const login = { user: USER, password: PASSWORD, mechanisms, certificate };
  let result: { outcome: Outcome; messages: string[] } | undefined;
  await Postfix.use([], (postfix) =>
    withTempDir(async (spool) => {
      await using dns = await DnsServer.start();
      dns.host(HOST, postfix.host.address);
      await using server = await TestServer.start({
        spool,
        dns: `127.0.0.1:${dns.nameServer.port}`,
        smarthost: `smtp://${USER}%40${HOST}:${
          encodeURIComponent(password)
        }@${HOST}:${postfix.host.port}`,
        caCerts: [authority.cert],
      });
      await server.send({ from: "a@here.test", to: "b@there.test", content: "Subject: x\n\nx\n" });
      result = { outcome: await server.outcome(), messages: await postfix.messages() };
    }), { login });
  return result!;
}

function check(name: string, fn: () => Promise<void>): void {
  Deno.test({ name, ignore: !hasPostfixLogin, fn });
}

for (const mechanism of ["SCRAM-SHA-256", "PLAIN", "LOGIN"]) {
  check(`Postfix lets us in by ${mechanism}, and takes the message`, async () => {
    const { outcome, messages } = await relayThrough([mechanism], PASSWORD);
    assertEquals(outcome.kind, "delivered");
    assertEquals(messages.length, 1);
    assertMatch(messages[0]!, new RegExp(`sasl_method=${mechanism}`));
    assertMatch(messages[0]!, new RegExp(`sasl_username=${USER}@`));
  });
}

check("of several mechanisms SCRAM-SHA-256 is taken", async () => {
  const { messages } = await relayThrough(["PLAIN", "LOGIN", "SCRAM-SHA-256"], PASSWORD);
  assertMatch(messages[0]!, /sasl_method=SCRAM-SHA-256/);
});

check("a password that Postfix refuses makes mail wait", async () => {
  const { outcome, messages } = await relayThrough(["SCRAM-SHA-256", "PLAIN"], "wrong");
  assert(outcome.kind === "deferred", outcome.kind);
  assertMatch(outcome.error.text, /^535 5\.7\.8 /);
  assertEquals(messages, []);
});

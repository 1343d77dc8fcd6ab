/** How a client connects to a smarthost: what it demands before it gives a password, and what it makes of refusals. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import type { Smarthost } from "../../config/config.ts";
import { openClient } from "../../deliver/connect.ts";
import type { Host } from "../../deliver/route.ts";
import { makeAuthority } from "../helpers/certificates.ts";
import { connectOptions, failureOf, transactionOf, withClient } from "../helpers/outgoing.ts";
import {
  asksForTls,
  greet,
  hear,
  hearTheEnd,
  hearUpTo,
  rejected,
  say,
  sayRaw,
  secured,
  startTls,
  type Step,
  takeMail,
  withPeer,
} from "../helpers/scripted_peer.ts";

const authority = await makeAuthority();
const good = await authority.issue(["mx.test"]);
const wrongName = await authority.issue(["other.test"]);
const expired = await authority.issue(["mx.test"], "expired");
const untrusted = await (await makeAuthority()).issue(["mx.test"]);

const caCerts = [authority.cert];

/** A smarthost with a password; where it is comes from the peer. */
const account: Smarthost = {
  host: "mx.test",
  port: 25,
  implicitTls: false,
  user: "user",
  password: "secret word",
};

/** How a handshake begins: a record of TLS 1.0, with which every version starts. */
const CLIENT_HELLO = "\x16\x03";

Deno.test("a smarthost with a password gets it over verified TLS only, by AUTH PLAIN", async () => {
  const script = [
    ...secured(good, "AUTH LOGIN PLAIN"),
    hear(`AUTH PLAIN ${btoa("\0user\0secret word")}`),
    say("235 2.7.0 welcome"),
    ...takeMail(),
  ];
  await withPeer([script], async ({ host }) => {
    await withClient(host, connectOptions({ caCerts, smarthost: account }), async (client) => {
      assertEquals((await client.transact(transactionOf())).outcomes[0]!.kind, "delivered");
    });
  });
});

Deno.test("a host that single messages were redirected to never gets the smarthost's password, nor needs its TLS", async () => {
  const script = [...secured(good, "AUTH PLAIN"), ...takeMail()];
  const plain = [...greet("AUTH PLAIN"), ...takeMail()];
  for (const smarthost of [account, { ...account, implicitTls: true }]) {
    for (const peer of [script, plain]) {
      await withPeer([peer], async ({ host }) => {
        const redirect: Host = { ...host, isRedirect: true };
        await withClient(redirect, connectOptions({ caCerts, smarthost }), async (client) => {
          assertEquals((await client.transact(transactionOf())).outcomes[0]!.kind, "delivered");
        });
      });
    }
  }
});

Deno.test("a smarthost with a password that cannot be verified gets neither password nor mail", async () => {
  const noTls = [...greet("AUTH PLAIN"), hearTheEnd()];
  const refuses = [
    ...greet("STARTTLS", "AUTH PLAIN"),
    hear("STARTTLS"),
    say("454 no"),
    hearTheEnd(),
  ];
  const cases: [Step[], string, string][] = [
    [noTls, "starttls", "4.7.4"],
    [refuses, "starttls", ""],
    [rejected(wrongName), "tls", "4.7.5"],
    [rejected(expired), "tls", "4.7.5"],
    [rejected(untrusted), "tls", "4.7.5"],
    [[...asksForTls, hearUpTo(CLIENT_HELLO), sayRaw("not TLS\r\n")], "tls", "4.7.5"],
  ];
  for (const [script, stage, enhanced] of cases) {
    await withPeer([script], async ({ host, sessions }) => {
      const options = connectOptions({ caCerts, smarthost: account });
      const failure = await failureOf(openClient(host, options));
      assertEquals([failure.stage, failure.error.enhanced ?? ""], [stage, enhanced]);
      assertEquals([failure.error.scope, failure.error.permanent], ["host", false]);
      assertEquals(sessions.length, 1);
    });
  }
});

Deno.test("a smarthost that was unverified once is still verified before it gets a password", async () => {
  await withPeer([rejected(untrusted)], async ({ host, sessions }) => {
    const options = connectOptions({ caCerts, smarthost: account });
    options.unverifiable.add(host, "its certificate expired");
    const { error } = await failureOf(openClient(host, options));
    assertMatch(error.text, /certificate/);
    assertEquals(sessions.length, 1);
  });
});

Deno.test("a smarthost whose name cannot be verified is not even connected to with a password", async () => {
  const host: Host = { name: "-mx-.test", address: "127.0.0.1", port: 1 };
  const { error } = await failureOf(openClient(host, connectOptions({ smarthost: account })));
  assertEquals([error.enhanced, error.scope, error.permanent], ["4.7.5", "host", false]);
});

Deno.test("a smarthost that refuses SCRAM is told the password, by LOGIN where it knows no PLAIN", async () => {
  const script = [
    ...secured(good, "AUTH LOGIN SCRAM-SHA-256"),
    hear(/^AUTH SCRAM-SHA-256 /),
    say("535 5.7.8 not in this form"),
    hear("AUTH LOGIN"),
    say("334 VXNlcm5hbWU6"),
    hear(btoa("user")),
    say("334 UGFzc3dvcmQ6"),
    hear(btoa("secret word")),
    say("235 welcome"),
    ...takeMail(),
  ];
  await withPeer([script], async ({ host, sessions }) => {
    await withClient(host, connectOptions({ caCerts, smarthost: account }), async (client) => {
      assertEquals((await client.transact(transactionOf())).outcomes[0]!.kind, "delivered");
    });
    // RFC 4954 §5: who has logged in says that it does not vouch for the submitter.
    const mail = sessions[0]!.commands.find((line) => line.startsWith("MAIL"));
    assertMatch(mail!, / AUTH=<>$/);
  });
});

Deno.test("a smarthost that lets us in by SCRAM without proving itself gets no mail", async () => {
  const script = [
    ...secured(good, "AUTH SCRAM-SHA-256 PLAIN"),
    hear(/^AUTH SCRAM-SHA-256 /),
    say("334 " + btoa("r=nonsense,s=AAAA,i=4096")),
    hearTheEnd(),
  ];
  await withPeer([script], async ({ host }) => {
    const options = connectOptions({ caCerts, smarthost: account });
    const { error, stage } = await failureOf(openClient(host, options));
    assertEquals([stage, error.enhanced, error.permanent], ["auth", "4.7.0", false]);
    assertEquals(error.text, "the host is not believed: it did not add to our nonce");
  });
});

Deno.test("a refused password and a host without a known mechanism defer mail instead of bouncing it", async () => {
  const refuses = [
    ...secured(good, "AUTH PLAIN"),
    hear(/^AUTH/),
    say("535 5.7.8 wrong password"),
  ];
  const cases: [Step[], string, string][] = [
    [refuses, "4.7.8", "535 5.7.8 wrong password"],
    [
      [...secured(good, "AUTH CRAM-MD5"), hearTheEnd()],
      "4.7.4",
      "the host offers AUTH by no mechanism that is known here",
    ],
  ];
  for (const [script, enhanced, text] of cases) {
    await withPeer([script], async ({ host }) => {
      const options = connectOptions({ caCerts, smarthost: account });
      const { error, stage } = await failureOf(openClient(host, options));
      assertEquals([stage, error.enhanced, error.text], ["auth", enhanced, text]);
      assertEquals([error.scope, error.permanent], ["host", false]);
    });
  }
});

Deno.test("a password that a host sends back is not in the error", async () => {
  const response = btoa("\0user\0secret word");
  for (const echo of [`500 what is AUTH PLAIN ${response}?`, "535 no: SECRET WORD", response]) {
    const script = [...secured(good, "AUTH PLAIN"), hear(/^AUTH/), say(echo)];
    await withPeer([script], async ({ host }) => {
      const options = connectOptions({ caCerts, smarthost: account });
      const failure = await failureOf(openClient(host, options));
      const shown = Deno.inspect(failure, { depth: 10 }).toLowerCase();
      assert(!shown.includes("secret word"));
      assert(!shown.includes(response.toLowerCase()));
    });
  }
});

Deno.test("a smarthost with implicit TLS is greeted inside it", async () => {
  const smarthost = { ...account, implicitTls: true };
  const script = [
    startTls(good),
    ...greet("STARTTLS", "AUTH PLAIN"),
    hear(/^AUTH PLAIN/),
    say("235 welcome"),
    ...takeMail(),
  ];
  await withPeer([script], async ({ host }) => {
    await withClient(host, connectOptions({ caCerts, smarthost }), async (client) => {
      assertEquals(client.tls?.verified, true);
      assertEquals((await client.transact(transactionOf())).outcomes[0]!.kind, "delivered");
    });
  });
});

Deno.test("implicit TLS that does not verify fails, with or without a password", async () => {
  const open = { host: "mx.test", port: 465, implicitTls: true };
  for (const smarthost of [open, { ...account, implicitTls: true }]) {
    await withPeer([[startTls(untrusted)]], async ({ host, sessions }) => {
      const failure = await failureOf(openClient(host, connectOptions({ caCerts, smarthost })));
      assertEquals([failure.stage, failure.error.scope], ["tls", "host"]);
      assertEquals(sessions.length, 1);
    });
  }
});

Deno.test("a smarthost without a password is as opportunistic as any host", async () => {
  const smarthost = { host: "mx.test", port: 25, implicitTls: false };
  await withPeer([greet()], async ({ host }) => {
    await withClient(host, connectOptions({ smarthost }), (client) => {
      assertEquals(client.tls, undefined);
      return Promise.resolve();
    });
  });
});

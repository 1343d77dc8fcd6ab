/** The way to a host that is ready for mail: greeting, EHLO, and TLS as far as it can be had. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { openClient } from "../../deliver/connect.ts";
import type { Host } from "../../deliver/route.ts";
import { makeAuthority } from "../helpers/certificates.ts";
import { connectOptions, failureOf, transactionOf, withClient } from "../helpers/outgoing.ts";
import {
  answerEhlo,
  asksForTls,
  greet,
  hangUp,
  hear,
  hearTheEnd,
  hearUpTo,
  rejected,
  reset,
  say,
  sayRaw,
  secured,
  startTls,
  type Step,
  takeMail,
  withPeer,
} from "../helpers/scripted_peer.ts";
import { TestClock } from "../helpers/test_clock.ts";

const authority = await makeAuthority();
const good = await authority.issue(["mx.test"]);
const wrongName = await authority.issue(["other.test"]);
const expired = await authority.issue(["mx.test"], "expired");
const untrusted = await (await makeAuthority()).issue(["mx.test"]);

const caCerts = [authority.cert];

/** How a handshake begins: a record of TLS 1.0, with which every version starts. */
const CLIENT_HELLO = "\x16\x03";

Deno.test("a host without extensions gets EHLO and mail", async () => {
  await withPeer([[...greet(), ...takeMail()]], async ({ host }) => {
    await withClient(host, connectOptions(), async (client) => {
      assertEquals(client.tls, undefined);
      assertEquals(client.host, host);
      assertEquals((await client.transact(transactionOf())).reply, "250 2.0.0 taken");
    });
  });
});

Deno.test("a greeting of many lines is read whole", async () => {
  const script = [say("220-mx.test", "220-is glad", "220 to see you"), ...answerEhlo("PIPELINING")];
  await withPeer([script], async ({ host }) => {
    await withClient(host, connectOptions(), (client) => {
      assert(client.extensions.pipelining);
      return Promise.resolve();
    });
  });
});

Deno.test("a host that refuses EHLO for good gets HELO", async () => {
  const script = [
    say("220 old"),
    hear("EHLO me.test"),
    say("502 what?"),
    hear("HELO me.test"),
    say("250 old"),
    ...takeMail(),
  ];
  await withPeer([script], async ({ host }) => {
    await withClient(host, connectOptions(), async (client) => {
      assertEquals(client.extensions.keywords.size, 0);
      assertEquals((await client.transact(transactionOf())).outcomes[0]!.kind, "delivered");
    });
  });
});

Deno.test("a refusal before MAIL is the host's and passes, whatever its code", async () => {
  const cases: [Step[], string, number, string?][] = [
    [[say("554 5.7.1 no service here")], "greeting", 554, "4.7.1"],
    [[say("421 busy")], "greeting", 421],
    [[say("450 busy")], "greeting", 450],
    [[say("220 hi"), hear(/^EHLO/), say("421 4.3.2 busy")], "ehlo", 421, "4.3.2"],
    [[say("220 hi"), hear(/^EHLO/), say("500 no"), hear(/^HELO/), say("550 no")], "ehlo", 550],
  ];
  for (const [script, stage, code, enhanced] of cases) {
    await withPeer([script], async ({ host }) => {
      const failure = await failureOf(openClient(host, connectOptions()));
      assertEquals([failure.stage, failure.error.code], [stage, code]);
      assertEquals(failure.error.enhanced, enhanced);
      assertEquals([failure.error.scope, failure.error.permanent], ["host", false]);
      assertEquals(failure.error.hop, `mx.test[127.0.0.1]:${host.port}`);
    });
  }
});

Deno.test("a positive reply that makes no sense before MAIL ends the attempt", async () => {
  for (const script of [[say("354 go on")], [say("220 hi"), hear(/^EHLO/), say("354 go on")]]) {
    await withPeer([script], async ({ host }) => {
      const { error } = await failureOf(openClient(host, connectOptions()));
      assertEquals([error.enhanced, error.scope, error.permanent], ["4.5.0", "host", false]);
    });
  }
});

Deno.test("a refused connection is the host's failure and passes", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr as Deno.NetAddr;
  listener.close();
  const host: Host = { name: "mx.test", address: "127.0.0.1", port };
  const { error, stage } = await failureOf(openClient(host, connectOptions()));
  assertEquals(stage, "connect");
  assertEquals([error.enhanced, error.scope, error.permanent], ["4.4.1", "host", false]);
  assertEquals(error.text, "Connection refused while connecting");
});

Deno.test("a certificate that verifies gives verified TLS, and EHLO is said anew", async () => {
  await withPeer([[...secured(good, "PIPELINING"), hear("QUIT")]], async ({ host }) => {
    await withClient(host, connectOptions({ caCerts }), async (client) => {
      assertEquals(client.tls?.verified, true);
      assertEquals([...client.extensions.keywords.keys()], ["PIPELINING"]);
      await client.quit();
    });
  });
});

Deno.test("a certificate that does not verify gives unverified TLS on a new connection", async () => {
  for (const certificate of [wrongName, expired, untrusted]) {
    const scripts = [rejected(certificate), [...secured(certificate), ...takeMail()]];
    await withPeer(scripts, async ({ host, sessions }) => {
      await withClient(host, connectOptions({ caCerts }), async (client) => {
        assertEquals([client.tls?.version, client.tls?.verified], ["TLSv1.3", false]);
        assertEquals((await client.transact(transactionOf())).outcomes[0]!.kind, "delivered");
        assertEquals(sessions.length, 2);
      });
    });
  }
});

Deno.test("a host that did not verify is not asked to again within the hour", async () => {
  const clock = new TestClock(Date.now());
  const unverified = [...secured(untrusted), hear("QUIT"), say("221 bye")];
  const scripts = [rejected(untrusted), unverified, unverified, rejected(untrusted), unverified];
  await withPeer(scripts, async ({ host, sessions }) => {
    const options = connectOptions({ caCerts }, clock);
    for (const [wait, connections] of [[0, 2], [3_599_999, 3], [1, 5]] as const) {
      clock.advance(wait);
      await (await openClient(host, options)).quit();
      assertEquals(sessions.length, connections);
    }
  });
});

Deno.test("a host named by its address is verified by its address", async () => {
  const certificate = await authority.issue(["127.0.0.1"]);
  await withPeer([secured(certificate)], async ({ host }) => {
    await withClient(host, connectOptions({ caCerts }), (client) => {
      assertEquals(client.tls?.verified, true);
      return Promise.resolve();
    });
  }, "127.0.0.1");
});

Deno.test("a host whose name no certificate can bear gets unverified TLS at once", async () => {
  await withPeer([secured(good)], async ({ host, sessions }) => {
    await withClient(host, connectOptions({ caCerts }), (client) => {
      assertEquals(client.tls?.verified, false);
      assertEquals(sessions.length, 1);
      return Promise.resolve();
    });
  }, "-mx-.test");
});

Deno.test("a host whose handshakes all fail gets the mail in plaintext on a third connection", async () => {
  const notTls = [...asksForTls, hearUpTo(CLIENT_HELLO), sayRaw("this is not TLS\r\n")];
  const closes = [...asksForTls, hearUpTo(CLIENT_HELLO), hangUp()];
  const resets = [...asksForTls, reset()];
  for (const broken of [notTls, closes, resets]) {
    const scripts = [broken, broken, [...greet("STARTTLS"), ...takeMail()]];
    await withPeer(scripts, async ({ host, sessions }) => {
      await withClient(host, connectOptions(), async (client) => {
        assertEquals(client.tls, undefined);
        assertEquals((await client.transact(transactionOf())).outcomes[0]!.kind, "delivered");
        assertEquals(sessions.length, 3);
      });
    });
  }
});

Deno.test("a host that refuses STARTTLS gets the mail in plaintext on the same connection", async () => {
  for (const refusal of ["454 4.7.0 not now", "502 5.5.1 what?"]) {
    const script = [...greet("STARTTLS"), hear("STARTTLS"), say(refusal), ...takeMail()];
    await withPeer([script], async ({ host }) => {
      await withClient(host, connectOptions(), async (client) => {
        assertEquals(client.tls, undefined);
        assertEquals((await client.transact(transactionOf())).outcomes[0]!.kind, "delivered");
      });
    });
  }
});

Deno.test("octets in plaintext behind the reply to STARTTLS end the attempt, and are no answer to EHLO (security case 3)", async () => {
  const injections = ["250-mx.test\r\n250 AUTH PLAIN\r\n", "250 ok\r\n", "2"];
  for (const injection of injections) {
    const script = [
      ...greet("STARTTLS"),
      hear("STARTTLS"),
      sayRaw(`220 go ahead\r\n${injection}`),
      hearTheEnd(),
    ];
    await withPeer([script], async ({ host, sessions }) => {
      const { error, stage } = await failureOf(openClient(host, connectOptions({ caCerts })));
      assertEquals([stage, error.scope, error.permanent], ["starttls", "host", false]);
      assertMatch(error.text, /^plaintext behind the reply to STARTTLS/);
      assertEquals(sessions.length, 1);
    });
  }
});

Deno.test("a reply to STARTTLS that was sent ahead of it gives no TLS session that is not one (security case 3)", async () => {
  const script = [
    say("220 mx.test"),
    hear(/^EHLO/),
    say("250-mx.test", "250 STARTTLS", "220 go ahead", "250-mx.test", "250 PIPELINING"),
    hear("STARTTLS"),
    hearTheEnd(),
  ];
  await withPeer([script], async ({ host }) => {
    const { stage } = await failureOf(openClient(host, connectOptions({ caCerts })));
    assertEquals(stage, "starttls");
  });
});

Deno.test("what was offered before TLS does not count after it", async () => {
  const script = [
    ...greet("STARTTLS", "SIZE 1", "PIPELINING"),
    hear("STARTTLS"),
    say("220 go ahead"),
    startTls(good),
    ...answerEhlo("8BITMIME"),
    ...takeMail(),
  ];
  await withPeer([script], async ({ host }) => {
    await withClient(host, connectOptions({ caCerts }), async (client) => {
      assertEquals([...client.extensions.keywords.keys()], ["8BITMIME"]);
      assertEquals((await client.transact(transactionOf())).outcomes[0]!.kind, "delivered");
    });
  });
});

Deno.test("an aborted attempt fails at once, before, while and after it connects", async () => {
  const before = new AbortController();
  before.abort();
  const nobody: Host = { name: "mx.test", address: "127.0.0.1", port: 1 };
  const early = await failureOf(openClient(nobody, { ...connectOptions(), signal: before.signal }));
  assertEquals(early.stage, "connect");

  const later = new AbortController();
  const script = [say("220 hi"), hear(/^EHLO/), () => later.abort(), hearTheEnd()];
  await withPeer([script], async ({ host }) => {
    const options = { ...connectOptions(), signal: later.signal };
    const { stage, error } = await failureOf(openClient(host, options));
    assertEquals([stage, error.scope], ["ehlo", "host"]);
  });
});

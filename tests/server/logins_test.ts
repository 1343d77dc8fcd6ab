import { assert, assertEquals, assertMatch, assertRejects, assertThrows } from "@std/assert";
import { X509Certificate } from "node:crypto";
import { concat, encode } from "../../base/bytes.ts";
import { refuse, start, type StartOptions } from "../../mod.ts";
import { SCRAM_ITERATIONS } from "../../policy/password.ts";
import { UserFile } from "../../policy/user_file.ts";
import { UsersError } from "../../policy/users.ts";
import {
  clientKeyOf,
  hmac,
  parseServerFirst,
  saltedPassword,
  sha256,
  xor,
} from "../../protocol/sasl/scram.ts";
import { configOf } from "../../server/options.ts";
import { Logins } from "../../server/logins.ts";
import { endPointOf } from "../../transport/end_point.ts";
import { TestClock } from "../helpers/test_clock.ts";
import { until } from "../helpers/waiting.ts";
import { capturedLog } from "../helpers/captured_log.ts";
import { Peer } from "../transport/peer.ts";
import { CERTIFICATE } from "../transport/running.ts";
import {
  ANNA,
  askPatiently,
  type LoginSite,
  PASSWORD,
  SCANNER,
  withLogins,
  writeUsers,
} from "./login_site.ts";
import { received } from "./receiving.ts";

const ANYWHERE: StartOptions = { authWithoutTls: true };

function plain(user: string, password: string): string {
  return `AUTH PLAIN ${btoa(`\0${user}\0${password}`)}`;
}

/** A client that has said EHLO. */
async function greeted({ addr }: Pick<LoginSite, "addr">): Promise<Peer> {
  const peer = await Peer.connect(addr);
  await peer.hello();
  return peer;
}

Deno.test("before TLS a submission listener offers no AUTH, and takes neither a login nor mail", () =>
  withLogins({}, async ({ addr }) => {
    using peer = await Peer.connect(addr);
    await peer.reply();
    const offer = await peer.ask("EHLO client.test");
    assertMatch(offer, /^250[- ]STARTTLS$/m);
    assert(!offer.includes("AUTH"), offer);
    assertEquals(
      await peer.ask(plain(ANNA, PASSWORD)),
      "538 5.7.11 Encryption required for authentication",
    );
    assertEquals(
      await peer.ask(`MAIL FROM:<${ANNA}>`),
      "530 5.7.0 Must issue a STARTTLS command first",
    );
  }));

Deno.test("the other listeners know no AUTH, with TLS or without", () =>
  withLogins(ANYWHERE, async ({ mx }) => {
    using peer = await Peer.connect(mx);
    await peer.reply();
    const offer = await peer.ask("EHLO client.test");
    assert(!offer.includes("AUTH"), offer);
    assertEquals(await peer.ask(plain(ANNA, PASSWORD)), "502 5.5.1 Command not implemented");
    assertEquals(
      await peer.ask(`MAIL FROM:<${ANNA}> AUTH=<>`),
      "555 5.5.4 Parameter AUTH not recognized",
    );
  }));

Deno.test("nobody sends without a login, not even who is trusted", () =>
  withLogins({ ...ANYWHERE, trust: ["127.0.0.0/8"] }, async (site) => {
    using peer = await greeted(site);
    assertEquals(await peer.ask(`MAIL FROM:<${ANNA}>`), "530 5.7.0 Authentication required");
    assertEquals(await peer.ask("MAIL FROM:<>"), "530 5.7.0 Authentication required");
  }));

Deno.test("one who has logged in may send to anyone, and is on record", () =>
  withLogins(ANYWHERE, async (site) => {
    using peer = await greeted(site);
    assertEquals(
      await peer.ask(plain("Anna@EXAMPLE.org", PASSWORD)),
      "235 2.7.0 Authentication successful",
    );
    assertEquals(await peer.ask(`MAIL FROM:<${ANNA}>`), "250 2.1.0 Sender OK");
    assertEquals(await peer.ask("RCPT TO:<anyone@there.test>"), "250 2.1.5 Recipient OK");
    assertEquals((await peer.ask("DATA")).slice(0, 3), "354");
    assertMatch(await peer.ask("From: <anna@example.org>\r\nSubject: x\r\n\r\nx\r\n."), /^250 /);
    const { message, text } = await received(site.queue);
    assertEquals(message.envelope.client.user, ANNA);
    assertMatch(
      text,
      /^Received: .*\r\n\tby mx\.example\.org \(deno-smtp-server\) with ESMTPA\r\n/,
    );
    assert(!/Received:[^]*?anna@[^]*?;/.test(text), "the user's name is nobody else's business");
  }));

const SENDERS: readonly (readonly [string, string, string])[] = [
  [ANNA, "anna@example.org", "250 2.1.0 Sender OK"],
  [ANNA, "ANNA@example.org", "250 2.1.0 Sender OK"],
  [ANNA, "anything@anna.example.org", "250 2.1.0 Sender OK"],
  [ANNA, "", "250 2.1.0 Sender OK"],
  [ANNA, "bert@example.org", "553 5.7.1 You may not send from this address"],
  [ANNA, '"anna@example.org"@evil.test', "553 5.7.1 You may not send from this address"],
  [SCANNER, "anybody@any.test", "250 2.1.0 Sender OK"],
];
for (const [user, from, answer] of SENDERS) {
  Deno.test(`${user} sends from <${from}>: ${answer.slice(0, 9)}`, () =>
    withLogins(ANYWHERE, async (site) => {
      using peer = await greeted(site);
      await peer.ask(plain(user, PASSWORD));
      assertEquals(await peer.ask(`MAIL FROM:<${from}>`), answer);
    }));
}

Deno.test("a failed login waits, longer each time, and the third ends the connection", () =>
  withLogins(ANYWHERE, async (site) => {
    using peer = await greeted(site);
    const { clock } = site;
    const { timers } = clock;
    for (const [i, wait] of [1000, 2000, 4000].entries()) {
      await peer.say(plain(ANNA, "wrong") + "\r\n");
      await until(() => clock.timers > timers);
      clock.advance(wait - 1);
      assertEquals(clock.timers, timers + 1, "it waits on");
      clock.advance(1);
      assertEquals(clock.timers, timers);
      const third = "421 4.7.0 Too many failed logins, closing connection";
      assertEquals(
        await peer.reply(),
        i < 2 ? "535 5.7.8 Authentication credentials invalid" : third,
      );
    }
    assertEquals(await peer.reply(), "");
  }));

Deno.test("a wrong password and a name that nobody has hear the same", () =>
  withLogins(ANYWHERE, async (site) => {
    for (const user of [ANNA, "nobody@example.org"]) {
      using peer = await greeted(site);
      assertEquals(
        await askPatiently(peer, plain(user, "wrong"), site),
        "535 5.7.8 Authentication credentials invalid",
      );
    }
  }));

Deno.test("an address with too many failures is not heard, over other connections too", () =>
  withLogins({ ...ANYWHERE, limits: { authFailures: 2 } }, async (site) => {
    for (let i = 0; i < 2; i++) {
      using peer = await greeted(site);
      await askPatiently(peer, plain(ANNA, "wrong"), site);
    }
    using peer = await greeted(site);
    assertEquals(
      await peer.ask(plain(ANNA, PASSWORD)),
      "421 4.7.0 Too many failed logins from your address, try again later",
    );
    site.clock.advance(10 * 60_000 + 1);
    using later = await greeted(site);
    assertEquals((await later.ask(plain(ANNA, PASSWORD))).slice(0, 3), "235");
  }));

Deno.test("of a trusted address, where many users may be, failures do not shut out the others", () =>
  withLogins({ ...ANYWHERE, trust: ["127.0.0.0/8"], limits: { authFailures: 1 } }, async (site) => {
    using wrong = await greeted(site);
    await askPatiently(wrong, plain(ANNA, "wrong"), site);
    using right = await greeted(site);
    assertEquals((await right.ask(plain(SCANNER, PASSWORD))).slice(0, 3), "235");
  }));

Deno.test("a name that is guessed at too often is closed to addresses its user never came from", () =>
  withLogins({ ...ANYWHERE, limits: { authFailuresPerUser: 1 } }, async (site) => {
    using wrong = await greeted(site);
    await askPatiently(wrong, plain(ANNA, "wrong"), site);
    using guarded = await greeted(site);
    assertEquals((await askPatiently(guarded, plain(ANNA, PASSWORD), site)).slice(0, 3), "535");
    using other = await greeted(site);
    assertEquals((await other.ask(plain(SCANNER, PASSWORD))).slice(0, 3), "235");
  }));

Deno.test("SCRAM is offered as long as all users have keys, and the offer follows the file", () =>
  withLogins(ANYWHERE, async (site) => {
    const offer = async () => {
      using peer = await Peer.connect(site.addr);
      await peer.reply();
      return /^250[- ]AUTH (.*)$/m.exec(await peer.ask("EHLO client.test"))?.[1];
    };
    assertEquals(await offer(), "SCRAM-SHA-256 PLAIN LOGIN");
    await writeUsers(site.users, "argon2id");
    site.clock.advance(1000);
    assertEquals(await offer(), "PLAIN LOGIN");
    using peer = await greeted(site);
    assertEquals((await peer.ask(plain(ANNA, PASSWORD))).slice(0, 3), "235");
  }));

Deno.test("a stop does not wait for those who failed", () =>
  withLogins(ANYWHERE, async (site) => {
    const peer = await greeted(site);
    await peer.say(plain(ANNA, "wrong") + "\r\n");
    const timers = site.clock.timers;
    await until(() => site.clock.timers > timers);
    peer.close();
  }));

Deno.test("a hook knows users of its own, by password and by token", () => {
  const hooks: StartOptions["hooks"] = {
    password: (user, password) =>
      user === "own" && password === "pw" ? { user: "own", from: ["own@example.org"] } : undefined,
    token: (token) => token === "abc" ? { user: "app", from: ["*"] } : undefined,
  };
  return withLogins({ ...ANYWHERE, users: undefined, hooks }, async (site) => {
    using peer = await Peer.connect(site.addr);
    await peer.reply();
    assertMatch(await peer.ask("EHLO x.test"), /^250[- ]AUTH PLAIN LOGIN OAUTHBEARER XOAUTH2$/m);
    assertEquals((await askPatiently(peer, plain(ANNA, PASSWORD), site)).slice(0, 3), "535");
    assertEquals((await peer.ask(plain("own", "pw"))).slice(0, 3), "235");
    assertEquals((await peer.ask("MAIL FROM:<own@example.org>")).slice(0, 3), "250");
    using app = await greeted(site);
    const bearer = (token: string) => btoa(`n,,\x01auth=Bearer ${token}\x01\x01`);
    assertEquals((await app.ask(`AUTH OAUTHBEARER ${bearer("abd")}`)).slice(0, 3), "334");
    assertEquals((await askPatiently(app, "AQ==", site)).slice(0, 3), "535");
    assertEquals((await app.ask(`AUTH OAUTHBEARER ${bearer("abc")}`)).slice(0, 3), "235");
    assertEquals((await app.ask("MAIL FROM:<any@one.test>")).slice(0, 3), "250");
  });
});

Deno.test("a hook that throws, or lets its user send from what is no address, is a local error", () => {
  const hooks: StartOptions["hooks"] = {
    password: (user) => {
      if (user === "throw") throw new Error("no");
      return { user, from: ["nowhere"] };
    },
  };
  return withLogins({ ...ANYWHERE, users: undefined, hooks }, async (site) => {
    using peer = await greeted(site);
    assertEquals((await peer.ask(plain("throw", "x"))).slice(0, 9), "451 4.3.0");
    assertEquals((await peer.ask(plain("else", "x"))).slice(0, 9), "451 4.3.0");
  });
});

Deno.test("no log has a password, a response or a name that is nobody's in it", async () => {
  const records = await capturedLog("debug", () =>
    withLogins(ANYWHERE, async (site) => {
      using peer = await greeted(site);
      await askPatiently(peer, plain("hunter2", "hunter3"), site);
      await peer.ask("AUTH LOGIN");
      await peer.ask(btoa(ANNA));
      await askPatiently(peer, btoa("hunter4"), site);
      await peer.ask(`AUTH PLAIN hunter5`);
      await peer.ask(plain(ANNA, PASSWORD));
    }));
  const failed = records.filter(({ message, properties }) =>
    message === "refused" && properties.about === "login"
  );
  assertEquals(failed.map(({ properties }) => properties.rule), [
    "no such user",
    `user ${ANNA}, wrong credentials`,
  ]);
  const all = JSON.stringify(records);
  assert(all.includes("logged in"));
  for (const secret of ["hunter", btoa("hunter4"), PASSWORD, btoa(`\0${ANNA}\0${PASSWORD}`)]) {
    assert(!all.includes(secret), secret);
  }
});

Deno.test("a submission listener without anybody who could log in is an error at the start", async () => {
  const options = { listen: "submission://127.0.0.1:0", certificate: CERTIFICATE };
  await assertRejects(() => start(options), TypeError, "needs users");
  await assertRejects(() => start({ ...options, users: "/nowhere/users.toml" }), UsersError);
  assertThrows(() => configOf({ users: "" }), TypeError, 'users "": expected a file');
});

Deno.test("mail is still asked about by the hook, once its client has logged in", () => {
  const asked: string[] = [];
  const mail = (from: string, { user }: { user?: string }) => {
    asked.push(`${user} ${from}`);
    return refuse(550, "5.7.1", "Not today");
  };
  return withLogins({ ...ANYWHERE, hooks: { mail } }, async (site) => {
    using peer = await greeted(site);
    await peer.ask(`MAIL FROM:<${ANNA}>`);
    await peer.ask(plain(ANNA, PASSWORD));
    assertEquals(await peer.ask(`MAIL FROM:<${ANNA}>`), "550 5.7.1 Not today");
    assertEquals(asked, [`${ANNA} ${ANNA}`]);
  });
});

Deno.test("the work for a name that nobody has is the work for a user: one hash of the same cost", async () => {
  await withLogins({}, async ({ users }) => {
    const clock = new TestClock();
    const file = await UserFile.open(users, clock, new Uint8Array(32));
    const config = configOf({ certificate: CERTIFICATE });
    const logins = new Logins({
      config,
      userFile: file,
      hooks: {},
      clock,
      random: (length) => new Uint8Array(length),
    });
    const hashed = spyOnPbkdf2();
    try {
      for (const name of [ANNA, "nobody"]) await logins.verify(file.users, name, "wrong");
      assertEquals(hashed.iterations, [SCRAM_ITERATIONS, SCRAM_ITERATIONS]);
    } finally {
      hashed.restore();
    }
  });
});

function spyOnPbkdf2(): { iterations: number[]; restore(): void } {
  const { subtle } = crypto;
  const iterations: number[] = [];
  const original = subtle.deriveBits;
  subtle.deriveBits = (algorithm, key, length) => {
    iterations.push((algorithm as Pbkdf2Params).iterations);
    return original.call(subtle, algorithm, key, length);
  };
  return { iterations, restore: () => subtle.deriveBits = original };
}

Deno.test("SCRAM-SHA-256-PLUS binds a login to the certificate that a client was shown", () =>
  withLogins({ scramPlus: true }, async (site) => {
    using peer = await Peer.connect(site.addr);
    await peer.reply();
    await peer.ask("EHLO client.test");
    await peer.ask("STARTTLS");
    await peer.startTls("mx.example.org", CERTIFICATE.cert);
    const offer = await peer.ask("EHLO client.test");
    assertMatch(offer, /^250[- ]AUTH SCRAM-SHA-256-PLUS SCRAM-SHA-256 PLAIN LOGIN$/m);
    const shown = endPointOf(new X509Certificate(CERTIFICATE.cert).raw);
    assertEquals((await loginBoundTo(peer, shown)).slice(0, 3), "235");
  }));

/** Logs in by SCRAM-SHA-256-PLUS over a channel with this end point; gives the last reply. */
async function loginBoundTo(peer: Peer, endPoint: Uint8Array): Promise<string> {
  const header = "p=tls-server-end-point,,";
  const bare = `n=${ANNA},r=clientnonce`;
  const challenge = await peer.ask(`AUTH SCRAM-SHA-256-PLUS ${btoa(header + bare)}`);
  const first = atob(challenge.slice("334 ".length));
  const { nonce, salt, iterations } = parseServerFirst(first)!;
  const binding = concat([encode(header), endPoint]).toBase64();
  const withoutProof = `c=${binding},r=${nonce}`;
  const clientKey = clientKeyOf(await saltedPassword(PASSWORD, salt, iterations));
  const signature = hmac(sha256(clientKey), `${bare},${first},${withoutProof}`);
  const proof = xor(clientKey, signature).toBase64();
  await peer.ask(btoa(`${withoutProof},p=${proof}`));
  return await peer.ask("");
}

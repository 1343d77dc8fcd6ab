import { assertEquals, assertMatch } from "@std/assert";
import { decode, encode } from "../../base/bytes.ts";
import { logIn, type LoginOutcome } from "../../deliver/log_in.ts";
import { parseEhlo } from "../../protocol/ehlo.ts";
import { reply, type SmtpReply } from "../../protocol/reply.ts";
import type { SaslExchange } from "../../protocol/sasl/exchange.ts";
import { fromBase64 } from "../../protocol/sasl/scram.ts";
import { scram } from "../../protocol/sasl/scram_server.ts";
import { PASSWORD, TestAuthenticator, USER } from "../protocol/test_authenticator.ts";

const NONCE = "rOprNGfwEbeRWgbNEkqO";
const WELCOME = reply(235, "2.7.0", "welcome");
const WRONG = reply(535, "5.7.8", "wrong");

/** A host that answers each line, and keeps what it heard. */
interface Host {
  readonly heard: string[];
  answer(line: string): Promise<SmtpReply>;
}

function outcomeOf(
  mechanisms: string,
  host: Host,
  password: string = PASSWORD,
): Promise<LoginOutcome> {
  const extensions = parseEhlo(reply(250, "", "mx.test", `AUTH ${mechanisms}`));
  const ask = (line: string) => {
    host.heard.push(line);
    return host.answer(line);
  };
  return logIn(extensions, { user: USER, password }, ask, NONCE);
}

/** A host that knows SCRAM; `last` makes its last challenge another one. */
function scramHost(last = (text: string) => text): Host {
  let exchange: SaslExchange | undefined;
  return {
    heard: [],
    async answer(line) {
      const [, initial] = /^AUTH SCRAM-SHA-256 (.*)$/.exec(line) ?? [];
      const context = { plusOffered: false, nonce: () => "theirs" };
      if (initial !== undefined) {
        const credentials = new TestAuthenticator();
        exchange = scram(fromBase64(initial)!, { ...context, credentials });
      }
      const turn = await exchange!.next(fromBase64(initial === undefined ? line : "")!);
      if (turn.done) return turn.value.kind === "authenticated" ? WELCOME : WRONG;
      return reply(334, "", encode(last(decode(turn.value))).toBase64());
    },
  };
}

/** A host that gives the same answers to whoever comes. */
function saying(...answers: SmtpReply[]): Host {
  return { heard: [], answer: () => Promise.resolve(answers.shift()!) };
}

Deno.test("a host that knows SCRAM lets us in, and does not hear the password", async () => {
  const host = scramHost();
  assertEquals(await outcomeOf("LOGIN PLAIN SCRAM-SHA-256", host), { kind: "in" });
  assertEquals(host.heard.length, 3);
  for (const secret of [btoa(PASSWORD), btoa(`\0${USER}\0${PASSWORD}`)]) {
    assertEquals(host.heard.some((line) => line.includes(secret)), false);
  }
});

Deno.test("a wrong password is refused by SCRAM, and then by PLAIN", async () => {
  const host = scramHost();
  const answer = host.answer;
  host.answer = (line) => line.startsWith("AUTH PLAIN") ? Promise.resolve(WRONG) : answer(line);
  assertEquals(await outcomeOf("SCRAM-SHA-256 PLAIN LOGIN", host, "guess"), {
    kind: "refused",
    reply: WRONG,
  });
  assertEquals(host.heard.length, 3);
  assertEquals(host.heard[2], `AUTH PLAIN ${btoa(`\0${USER}\0guess`)}`);
});

Deno.test("a host that cannot prove that it knows the password is not believed", async () => {
  const outcome = await outcomeOf(
    "SCRAM-SHA-256 PLAIN",
    scramHost((text) => text.replace(/^v=./, "v=A")),
  );
  assertEquals(outcome.kind, "not believed");
});

Deno.test("a host that lets us in before it has proven anything is not believed", async () => {
  const first = reply(334, "", btoa(`r=${NONCE}theirs,s=AAAA,i=4096`));
  const outcome = await outcomeOf("SCRAM-SHA-256", saying(first, WELCOME));
  assertEquals(outcome, {
    kind: "not believed",
    why: "it did not prove that it knows the password",
  });
});

Deno.test("a host that is busy is not asked in another way", async () => {
  const busy = reply(454, "4.7.0", "later");
  const host = saying(busy);
  assertEquals(await outcomeOf("SCRAM-SHA-256 PLAIN", host), { kind: "refused", reply: busy });
  assertEquals(host.heard.length, 1);
});

Deno.test("a refusal that repeats the password in any form does not show it", async () => {
  for (const secret of [PASSWORD.toUpperCase(), btoa(PASSWORD), btoa(`\0${USER}\0${PASSWORD}`)]) {
    const outcome = await outcomeOf("PLAIN", saying(reply(535, "5.7.8", `not ${secret}`)));
    assertMatch(JSON.stringify(outcome), /text not shown/);
  }
});

Deno.test("without a mechanism that is known nothing is said", async () => {
  const host = saying();
  assertEquals(await outcomeOf("CRAM-MD5 GSSAPI", host), { kind: "no mechanism" });
  assertEquals(host.heard, []);
});

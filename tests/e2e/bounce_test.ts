/** What a sender is told when mail cannot be delivered, and when nobody is told. */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import type { Answer, Moment } from "../helpers/mail_host.ts";
import { parseWithPython, python, type PythonPart } from "../helpers/python_email.ts";
import { TestClock } from "../helpers/test_clock.ts";
import { Peer } from "../transport/peer.ts";
import { handOver, octetsOf } from "./hand_over.ts";
import { hasBothAddresses, type SidesOptions, TwoSides } from "./two_sides.ts";

const FROM = "ann@here.test";
const TO = "bob@there.test";
const CONTENT = "Subject: Lunch\r\nX-Mark: original\r\n\r\nAt noon?\r\n";

/** Says one thing at one moment, and takes everything else. */
function saying(reply: string, at: Moment): Answer {
  return (moment) => moment === at ? reply : undefined;
}

/** A server with both sides, to which one message has come by SMTP. */
function withMail(
  options: SidesOptions,
  check: (sides: TwoSides) => Promise<void>,
  { from = FROM, to = TO, content = CONTENT } = {},
): Promise<void> {
  return TwoSides.use(options, async (sides) => {
    const message = { from, to, content: octetsOf(content) };
    assertMatch(await handOver(sides.server.port, message, "DATA"), /^250 2\.0\.0 /);
    await check(sides);
  });
}

/** A report as Python's email package reads it. */
interface Report {
  readonly whole: PythonPart;
  readonly text: PythonPart;
  readonly perMessage: PythonPart;
  readonly perRecipient: readonly PythonPart[];
  /** The original: a message with its parts, or the header section of one. */
  readonly original: PythonPart;
  readonly parts: readonly PythonPart[];
}

async function reportIn(content: string): Promise<Report> {
  const parts = (await parseWithPython([octetsOf(content)]))[0]!;
  assertEquals(parts.flatMap(({ defects }) => defects), []);
  const status = parts.findIndex(({ type }) => type === "message/delivery-status");
  const end = parts.findIndex(({ depth }, i) => i > status && depth === 1);
  const [perMessage, ...perRecipient] = parts.slice(status + 1, end);
  return {
    whole: parts[0]!,
    text: parts[1]!,
    perMessage: perMessage!,
    perRecipient,
    original: parts[end]!,
    parts,
  };
}

function field(part: PythonPart, name: string): string | undefined {
  return part.headers.find(([header]) => header === name)?.[1];
}

const needsAddresses = { ignore: !hasBothAddresses };
const needsPython = { ignore: !hasBothAddresses || python === undefined };

const REFUSALS: readonly [name: string, answer: Answer, status: string, reply: string][] = [
  ["at RCPT", saying("550 5.1.1 no such user", "RCPT"), "5.1.1", "smtp; 550 5.1.1 no such user"],
  ["of the content", saying("554 5.7.1 not wanted", "."), "5.7.1", "smtp; 554 5.7.1 not wanted"],
];

for (const [name, there, status, diagnostic] of REFUSALS) {
  Deno.test(
    `a refusal ${name} brings the sender one bounce that programs can read`,
    needsPython,
    () =>
      withMail({ there }, async (sides) => {
        const { from, recipients, content } = await sides.bounce();
        assertEquals([from, recipients], ["", [FROM]]);
        const { whole, text, perMessage, perRecipient, original, parts } = await reportIn(content);
        assertEquals(whole.type, "multipart/report");
        assertMatch(field(whole, "content-type")!, /report-type=delivery-status/);
        assertEquals(field(whole, "auto-submitted"), "auto-replied");
        assertEquals(field(whole, "to"), `<${FROM}>`);
        assertEquals(text.type, "text/plain");
        assertStringIncludes(text.text, `<${TO}>`);
        assertEquals(field(perMessage, "reporting-mta"), "dns; mx.example.org");
        assertEquals(perRecipient.length, 1);
        assertEquals(field(perRecipient[0]!, "final-recipient"), `rfc822; ${TO}`);
        assertEquals(field(perRecipient[0]!, "action"), "failed");
        assertEquals(field(perRecipient[0]!, "status"), status);
        assertEquals(field(perRecipient[0]!, "remote-mta"), "dns; mx.there.test");
        assertEquals(field(perRecipient[0]!, "diagnostic-code"), diagnostic);
        assertEquals(original.type, "message/rfc822");
        assertEquals(field(parts.at(-1)!, "x-mark"), "original");
        assertEquals(parts.at(-1)!.text.trimEnd(), "At noon?");
        assertEquals(sides.there.messages, []);
        assertEquals(sides.server.waiting, 0);
      }),
  );
}

Deno.test(
  "one bounce names every recipient that was refused, and none that was not",
  needsPython,
  () => {
    const there: Answer = (moment, line) => {
      if (moment !== "RCPT") return undefined;
      if (line.includes("no1")) return "550 5.1.1 unknown";
      return line.includes("no2") ? "553 5.7.1 not you" : undefined;
    };
    return TwoSides.use({ there }, async (sides) => {
      const to = ["no1@there.test", "yes@there.test", "no2@there.test"];
      await sides.server.send({ from: FROM, to, content: CONTENT });
      const { perRecipient } = await reportIn((await sides.bounce()).content);
      assertEquals(perRecipient.map((part) => field(part, "final-recipient")), [
        "rfc822; no1@there.test",
        "rfc822; no2@there.test",
      ]);
      assertEquals(perRecipient.map((part) => field(part, "status")), ["5.1.1", "5.7.1"]);
      assertEquals(sides.there.messages.map(({ recipients }) => recipients), [["yes@there.test"]]);
    });
  },
);

Deno.test("of a large message a bounce returns the header section only", needsPython, () => {
  const content = CONTENT + "x".repeat(70).concat("\r\n").repeat(4000);
  return withMail({ there: saying("552 5.3.4 too large", ".") }, async (sides) => {
    const bounce = await sides.bounce();
    const { original } = await reportIn(bounce.content);
    assertEquals(original.type, "text/rfc822-headers");
    assertStringIncludes(original.text, "X-Mark: original");
    assert(!original.text.includes("xxx"));
    assert(bounce.content.length < 20_000, `${bounce.content.length} octets`);
  }, { content });
});

Deno.test(
  "a refusal that looks like MIME, with 8-bit and long lines, stays text in the bounce",
  needsPython,
  () => {
    const line = '=_ boundary="--" Content-Type: text/html \u00fc\u0007 '.padEnd(480, "x");
    const reply = ["550-5.7.1 ", "550-5.7.1 --", "550 5.7.1 "].map((start) => start + line);
    return withMail({ there: saying(reply.join("\r\n"), ".") }, async (sides) => {
      const { content } = await sides.bounce();
      assert(content.split("\r\n").every((line) => line.length <= 998));
      assertMatch(content, /^[\t\r\n\x20-\x7e]*$/);
      const { parts, perRecipient } = await reportIn(content);
      assertEquals(parts.filter(({ depth }) => depth === 1).length, 3);
      assertStringIncludes(field(perRecipient[0]!, "diagnostic-code")!, "boundary=");
    });
  },
);

Deno.test(
  "a message with the null reverse-path is dropped when it is refused",
  needsAddresses,
  () =>
    withMail({ there: saying("550 5.1.1 no such user", "RCPT") }, async (sides) => {
      const outcome = await sides.server.outcome();
      assertEquals(outcome.kind, "bounced");
      assert(outcome.kind === "bounced" && outcome.bounceId === undefined);
      assertEquals(sides.server.waiting, 0);
      assertEquals(sides.here.connections, 0);
    }, { from: "" }),
);

Deno.test(
  "a bounce that cannot be delivered is dropped",
  needsAddresses,
  () =>
    TwoSides.use({ there: saying("550 5.1.1 no such user", "RCPT") }, async (sides) => {
      sides.here.answer = saying("550 5.1.1 no such user here either", "RCPT");
      await sides.server.send({ from: FROM, to: TO, content: CONTENT });
      assertEquals(await sides.outcomes(2), [`bounced ${TO}`, `bounced ${FROM}`]);
      assertEquals(sides.server.waiting, 0);
      assertEquals([sides.here.connections, sides.there.connections], [1, 1]);
    }),
);

Deno.test(
  "mail for a domain that does not exist, or takes none, comes back",
  needsPython,
  () =>
    TwoSides.use({}, async (sides) => {
      sides.dns.mx("nomail.test", [0, "."]);
      const to = ["bob@gone.test", "bob@nomail.test"];
      await sides.server.send({ from: FROM, to, content: CONTENT });
      const { perRecipient } = await reportIn((await sides.bounce()).content);
      assertEquals(perRecipient.map((part) => field(part, "status")), ["5.1.2", "5.1.10"]);
    }),
);

for (const failure of ["SERVFAIL", "REFUSED"] as const) {
  Deno.test(
    `mail for a domain that the name server answers with ${failure} waits, and goes later`,
    needsAddresses,
    () => {
      const clock = new TestClock();
      return TwoSides.use({ clock }, async (sides) => {
        sides.dns.script("later.test", "MX", failure);
        await sides.server.send({ from: FROM, to: "bob@later.test", content: CONTENT });
        const outcome = await sides.server.outcome();
        assert(outcome.kind === "deferred", outcome.kind);
        assertEquals([outcome.error.permanent, outcome.error.enhanced], [false, "4.4.3"]);
        assertEquals(sides.server.waiting, 1);
        sides.dns.mx("later.test", [10, "mx.there.test"]);
        clock.advance(2 * (outcome.nextAttempt - clock.now())); // its destination may rest a little longer
        assertEquals(await sides.outcomes(1), ["delivered bob@later.test"]);
        assertEquals(sides.here.connections, 0);
      });
    },
  );
}

Deno.test("mail that is put off for five days comes back", needsPython, () => {
  const clock = new TestClock();
  const began = clock.now();
  return withMail({ there: saying("450 4.2.1 busy", "RCPT"), clock }, async (sides) => {
    let outcome = await sides.server.outcome();
    let tries = 1;
    for (; outcome.kind === "deferred"; tries++) {
      clock.advance(outcome.nextAttempt - clock.now());
      outcome = await sides.server.outcome();
    }
    assertEquals(outcome.kind, "bounced");
    assertEquals(clock.now() - began, 5 * 24 * 3_600_000);
    assert(tries > 30 && tries < 45, `${tries} tries`);
    const { text, perRecipient: [only] } = await reportIn((await sides.bounce()).content);
    assertEquals([field(only!, "action"), field(only!, "status")], ["failed", "4.4.7"]);
    assertEquals(field(only!, "diagnostic-code"), "smtp; 450 4.2.1 busy");
    assertMatch(text.text, /time ran out/);
  });
});

Deno.test(
  "a recipient who does not exist here is refused in the session, and brings no bounce",
  needsAddresses,
  () => {
    const options = { localDomains: ["us.test"], localRecipients: ["ann@us.test"] };
    return TwoSides.use(options, async (sides) => {
      using peer = await Peer.connect({ hostname: "127.0.0.1", port: sides.server.port });
      await peer.hello();
      assertMatch(await peer.ask(`MAIL FROM:<${FROM}>`), /^250 /);
      assertMatch(await peer.ask("RCPT TO:<bob@us.test>"), /^550 5\.1\.1 /);
      assertMatch(await peer.ask("DATA"), /^50[34] |^554 /);
      await peer.ask("QUIT");
      assertEquals(sides.server.waiting, 0);
      assertEquals(sides.here.connections, 0);
    });
  },
);

/**
 * The examples of RFC 3464 (Appendix E) and RFC 2852, made by our builder from the same
 * facts, and the rules of RFC 3464 §2 and RFC 6533 §4 on every kind of notification.
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import fc from "fast-check";
import { decode, encode, isAscii } from "../../base/bytes.ts";
import { buildDsn, type Dsn, type DsnAction, type DsnInput } from "../../message/dsn.ts";
import { parseWithPython, python } from "../helpers/python_email.ts";

type Fields = readonly (readonly [name: string, value: string])[];

/** The report of a notification, for programs: its groups of fields. */
interface Status {
  readonly message: Fields;
  readonly recipients: readonly Fields[];
}

const BASE: DsnInput = {
  action: "failed",
  hostname: "cs.utk.edu",
  id: "01JQ0000000000000000000000",
  reversePath: "owner-info-mime@cs.utk.edu",
  arrived: Date.UTC(1994, 6, 2, 21, 10, 28),
  size: 14,
  content: encode("Subject: x\r\n\r\n"),
  headersOnly: false,
  recipients: [],
  now: Date.UTC(1994, 6, 7, 21, 16, 5),
  random: () => 0.5,
};

/** The second part of a report, read by the rules of RFC 3464 §2.1: groups of fields between blank lines. */
function statusOf({ content }: Dsn): Status {
  const [, , part] = decode(content).split(/\r\n--=_[^\r]*\r\n/);
  const body = part!.slice(part!.indexOf("\r\n\r\n") + 4);
  const groups = body.replace(/\r\n[ \t]/g, " ").trimEnd().split("\r\n\r\n");
  const [message, ...recipients] = groups.map((group) =>
    group.split("\r\n").map((line) => {
      const colon = line.indexOf(":");
      return [line.slice(0, colon), line.slice(colon + 2)] as const;
    })
  );
  return { message: message!, recipients };
}

/** The field that all our reports have and no example: ours by name (§2.4), and last. */
const QUEUE_ID = ["X-Deno-SMTP-Server-Queue-ID", BASE.id] as const;

Deno.test("RFC 3464 Appendix E, simple DSN: a message given up after five days", () => {
  const address = "louisl@larry.slip.umd.edu";
  const { message, recipients } = statusOf(buildDsn({
    ...BASE,
    recipients: [{
      address,
      orcpt: `rfc822;${address}`,
      reason: {
        code: 426,
        text: "426 connection timed out",
        hop: "larry.slip.umd.edu[192.0.2.1]:25",
        permanent: false,
      },
      lastAttempt: Date.UTC(1994, 6, 7, 21, 15, 49),
    }],
  }));
  assertEquals(message, [
    ["Reporting-MTA", "dns; cs.utk.edu"],
    // Beyond the example: §2.2.5 has it optional, RFC 2852 §4.1 and RFC 4865 §5.1.2 want it.
    ["Arrival-Date", "Sat, 02 Jul 1994 21:10:28 +0000"],
    QUEUE_ID,
  ]);
  assertEquals(recipients, [[
    ["Original-Recipient", `rfc822; ${address}`],
    ["Final-Recipient", `rfc822; ${address}`],
    ["Action", "failed"],
    // The example has 4.0.0: RFC 3463 §3.5, of the same day, has a code for time that ran out.
    ["Status", "4.4.7"],
    // The example leaves out whom the reply came from, which §2.3.6 wants.
    ["Remote-MTA", "dns; larry.slip.umd.edu"],
    ["Diagnostic-Code", "smtp; 426 connection timed out"],
    ["Last-Attempt-Date", "Thu, 07 Jul 1994 21:15:49 +0000"],
  ]]);
});

Deno.test("RFC 3464 Appendix E, multi-recipient DSN: two failures told in one report, the delay in another", () => {
  const gateway = "arathib@vnet.ibm.com";
  const student = "wsnell@sdcc13.ucsd.edu";
  const refused = (address: string, text: string, host: string) => ({
    address,
    orcpt: `rfc822;${address}`,
    reason: { code: 550, text, hop: `${host}[192.0.2.1]:25`, permanent: true },
  });
  const failures = statusOf(buildDsn({
    ...BASE,
    recipients: [
      refused(
        gateway,
        "550 'arathib@vnet.IBM.COM' is not a registered gateway user",
        "vnet.ibm.com",
      ),
      refused(student, "user unknown", "sdcc13.ucsd.edu"),
    ],
  }));
  // In the example Remote-MTA stands behind Diagnostic-Code; the grammar of §2.3, which counts, has it before.
  assertEquals(failures.recipients, [
    [
      ["Original-Recipient", `rfc822; ${gateway}`],
      ["Final-Recipient", `rfc822; ${gateway}`],
      ["Action", "failed"],
      ["Status", "5.0.0"],
      ["Remote-MTA", "dns; vnet.ibm.com"],
      ["Diagnostic-Code", "smtp; 550 'arathib@vnet.IBM.COM' is not a registered gateway user"],
    ],
    [
      ["Original-Recipient", `rfc822; ${student}`],
      ["Final-Recipient", `rfc822; ${student}`],
      ["Action", "failed"],
      ["Status", "5.0.0"],
      ["Remote-MTA", "dns; sdcc13.ucsd.edu"],
      ["Diagnostic-Code", "smtp; 550 user unknown"],
    ],
  ]);
  // A report of ours tells of one action: its subject says which, and the delay has its own.
  const address = "johnh@hpnjld.njd.hp.com";
  const text = "hpnjld.njd.hp.com: host name lookup failure";
  const [delay] = statusOf(buildDsn({
    ...BASE,
    action: "delayed",
    recipients: [{ address, orcpt: `rfc822;${address}`, reason: { text, permanent: false } }],
  })).recipients;
  assertEquals(delay, [
    ["Original-Recipient", `rfc822; ${address}`],
    ["Final-Recipient", `rfc822; ${address}`],
    ["Action", "delayed"],
    ["Status", "4.0.0"],
    // What the example has in a comment behind the status.
    ["Diagnostic-Code", `X-Deno-SMTP-Server; ${text}`],
  ]);
});

Deno.test("RFC 3464 Appendix E, delayed DSN: a day has gone by, and six are left", () => {
  const now = Date.UTC(1994, 6, 9, 23, 36, 51);
  const day = 24 * 3600 * 1000;
  const { message, recipients } = statusOf(buildDsn({
    ...BASE,
    action: "delayed",
    hostname: "sun2.nsfnet-relay.ac.uk",
    headersOnly: true,
    now,
    arrived: now - day,
    recipients: [{
      address: "thomas@de-montfort.ac.uk",
      reason: { text: "", permanent: false },
      retryUntil: now + 6 * day,
    }],
  }));
  assertEquals(message, [
    ["Reporting-MTA", "dns; sun2.nsfnet-relay.ac.uk"],
    ["Arrival-Date", "Fri, 08 Jul 1994 23:36:51 +0000"],
    QUEUE_ID,
  ]);
  // In the example Status stands before Action; the grammar of §2.3, which counts, has it behind.
  assertEquals(recipients, [[
    ["Final-Recipient", "rfc822; thomas@de-montfort.ac.uk"],
    ["Action", "delayed"],
    ["Status", "4.0.0"],
    ["Will-Retry-Until", "Fri, 15 Jul 1994 23:36:51 +0000"],
  ]]);
});

// The third example comes from a gateway to another mail system: there is none here, so
// Reporting-MTA is always `dns`, no recipient is `unknown`, and DSN-Gateway is not used (§2.2.3).

Deno.test("the original recipient and the envelope's name come back as they were given, as in RFC 3461 §10", () => {
  const { message, recipients } = statusOf(buildDsn({
    ...BASE,
    envid: "QQ+3D314159+2B",
    recipients: [
      {
        address: "George@Tax-ME.GOV",
        orcpt: "rfc822;Dana+2BX@Ivory.EDU",
        reason: {
          code: 550,
          enhanced: "5.1.1",
          text: "550 5.1.1 no such recipient",
          hop: "Tax-ME.GOV[192.0.2.1]:25",
          permanent: true,
        },
      },
      { address: "b@x", orcpt: "x400;/S+3DBob/", reason: { text: "", permanent: true } },
      { address: "c@x", orcpt: "rfc822;no+xtext", reason: { text: "", permanent: true } },
    ],
  }));
  assertEquals(message.slice(0, 2), [
    ["Original-Envelope-Id", "QQ=314159+"],
    ["Reporting-MTA", "dns; cs.utk.edu"],
  ]);
  assertEquals(recipients[0], [
    ["Original-Recipient", "rfc822; Dana+X@Ivory.EDU"],
    ["Final-Recipient", "rfc822; George@Tax-ME.GOV"],
    ["Action", "failed"],
    ["Status", "5.1.1"],
    ["Remote-MTA", "dns; Tax-ME.GOV"],
    ["Diagnostic-Code", "smtp; 550 5.1.1 no such recipient"],
  ]);
  assertEquals(recipients[1]![0], ["Original-Recipient", "x400; /S=Bob/"]);
  // What is no xtext stands as it is.
  assertEquals(recipients[2]![0], ["Original-Recipient", "rfc822; no+xtext"]);
});

Deno.test("RFC 2852 §5 and RFC 4865 §5.1.2: the fields of a message with a time stand behind Arrival-Date", () => {
  const { message, recipients } = statusOf(buildDsn({
    ...BASE,
    deliverBy: BASE.arrived + 120_000,
    holdRequest: "for;98",
    recipients: [{
      address: "topbanana@other.com",
      reason: { code: 450, text: "450 4.2.0 busy", permanent: false },
      overdue: "5.4.7",
    }],
  }));
  assertEquals(message, [
    ["Reporting-MTA", "dns; cs.utk.edu"],
    ["Arrival-Date", "Sat, 02 Jul 1994 21:10:28 +0000"],
    ["Deliver-By-Date", "Sat, 02 Jul 1994 21:12:28 +0000"],
    ["Future-Release-Request", "for;98"],
    QUEUE_ID,
  ]);
  assertEquals(recipients[0]!.slice(1, 3), [["Action", "failed"], ["Status", "5.4.7"]]);
});

/** `date-time` of RFC 5322 with a numeric zone, as §2.2.5 wants it. */
const DATE = /^[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d [+-]\d{4}$/;
const TYPED = /^[a-zA-Z0-9-]+; [^\r\n]*$/;

/** The fields of §2.2, RFC 2852 §5 and RFC 4865 §5.1.2 in the order of their grammar, and what they look like. */
const PER_MESSAGE: Grammar = [
  ["Original-Envelope-Id", /^[^\r\n]*$/, "optional"],
  ["Reporting-MTA", /^dns; \S+$/, "required"],
  ["Arrival-Date", DATE, "optional"],
  ["Deliver-By-Date", DATE, "optional"],
  ["Future-Release-Request", /^(for;\d+|until;\S+)$/, "optional"],
  ["X-Deno-SMTP-Server-Queue-ID", /^\S+$/, "optional"],
];

/** Those of §2.3. */
const PER_RECIPIENT: Grammar = [
  ["Original-Recipient", TYPED, "optional"],
  ["Final-Recipient", TYPED, "required"],
  ["Action", /^(failed|delayed|delivered|relayed)$/, "required"],
  ["Status", /^[245]\.(0|[1-9]\d{0,2})\.(0|[1-9]\d{0,2})$/, "required"],
  ["Remote-MTA", /^dns; ?[^\r\n]*$/, "optional"],
  ["Diagnostic-Code", TYPED, "optional"],
  ["Last-Attempt-Date", DATE, "optional"],
  ["Will-Retry-Until", DATE, "optional"],
];

type Grammar =
  readonly (readonly [name: string, form: RegExp, presence: "required" | "optional"])[];

/** Whether the fields are those of a grammar: no others, each once at most, in its order, in its form. */
function assertGrammar(fields: Fields, grammar: Grammar): void {
  const names = grammar.map(([name]) => name);
  const places = fields.map(([name]) => names.indexOf(name));
  assertEquals(places, [...new Set(places)].sort((a, b) => a - b), JSON.stringify(fields));
  assert(!places.includes(-1), JSON.stringify(fields));
  for (const [name, form, presence] of grammar) {
    const value = fields.find(([field]) => field === name)?.[1];
    if (value !== undefined) assertMatch(value, form, name);
    else assertEquals(presence, "optional", name);
  }
}

const text = fc.string({ unit: "grapheme", maxLength: 60 });
const mailbox = fc.oneof(
  fc.constantFrom("bob@example.net", '"b ob"@example.net', "bøb@bücher.example", "a=b+c@x.example"),
  text,
);
const time = fc.integer({ min: 0, max: 4e12 });

/** Facts of any notification, sensible or hostile. */
const facts = fc.record({
  action: fc.constantFrom<DsnAction>("failed", "delayed", "relayed", "delivered"),
  reversePath: fc.constantFrom("ann@example.org", "änn@example.org"),
  envid: fc.option(fc.stringMatching(/^[!-*,-<>-~]{1,20}$/), { nil: undefined }),
  deliverBy: fc.option(time, { nil: undefined }),
  holdRequest: fc.constantFrom(undefined, "for;60", "until;2026-01-01T00:00:00Z"),
  headersOnly: fc.boolean(),
  recipients: fc.array(
    fc.record({
      address: mailbox,
      orcpt: fc.constantFrom(undefined, "rfc822;a+2Bb@c", "utf-8;b\\x{F8}b@x", "utf-8;bøb@x"),
      reason: fc.record({
        code: fc.constantFrom(undefined, 250, 450, 550),
        enhanced: fc.oneof(fc.constantFrom("5.1.1", "4.2.0", "2.0.0", "5.01.1", "5.1"), text),
        text,
        hop: fc.option(text, { nil: undefined }),
        permanent: fc.boolean(),
      }),
      overdue: fc.constantFrom(undefined, "5.4.7" as const),
      lastAttempt: fc.option(time, { nil: undefined }),
    }),
    { minLength: 1, maxLength: 3 },
  ),
}).map(({ recipients, ...rest }): DsnInput => {
  const retryUntil = rest.action === "delayed" ? BASE.now : undefined;
  return { ...BASE, ...rest, recipients: recipients.map((one) => ({ ...one, retryUntil })) };
});

Deno.test("whatever happened, the fields are those of RFC 3464 §2, in its order and forms", () => {
  fc.assert(fc.property(facts, (input) => {
    const { message, recipients } = statusOf(buildDsn(input));
    assertGrammar(message, PER_MESSAGE);
    assertEquals(recipients.length, input.recipients.length);
    for (const fields of recipients) {
      assertGrammar(fields, PER_RECIPIENT);
      const value = new Map(fields);
      assertEquals(value.get("Action"), input.action);
      // §2.3.9: MUST NOT appear in other DSNs.
      assertEquals(value.has("Will-Retry-Until"), input.action === "delayed");
    }
  }));
});

Deno.test("a report in 7 bits holds no other octet, and names UTF-8 addresses in US-ASCII (RFC 6533 §3)", () => {
  fc.assert(fc.property(facts, (input) => {
    const made = buildDsn(input);
    assertEquals(made.smtputf8, !isAscii(input.reversePath));
    const { recipients } = statusOf(made);
    for (const [i, fields] of recipients.entries()) {
      const [, final] = fields.find(([name]) => name === "Final-Recipient")!;
      const isWide = !isAscii(input.recipients[i]!.address);
      if (!made.smtputf8) assert(isAscii(final), final);
      // §4.1: utf-8-address rather than its encoded form where UTF-8 may stand.
      if (made.smtputf8) {
        assert(!final.includes("\\x{") || input.recipients[i]!.address.includes("\\x{"));
      }
      if (!isWide) assertMatch(final, /^rfc822; /);
    }
  }));
});

Deno.test({
  name:
    "Python reads every kind of notification as a report of the type that RFC 3464 §2 or RFC 6533 §4 has for it",
  ignore: python === undefined,
  fn: async () => {
    const inputs = fc.sample(facts, 100);
    const made = inputs.map(buildDsn);
    const trees = await parseWithPython(made.map(({ content }) => content));
    for (const [i, [report, ...parts]] of trees.entries()) {
      const header = new Map(report!.headers);
      const kind = made[i]!.smtputf8 ? "global-delivery-status" : "delivery-status";
      assertEquals(report!.type, "multipart/report");
      assertEquals(report!.defects, []);
      assertMatch(header.get("content-type")!, new RegExp(`report-type=${kind};`));
      // §2: addressed to the return address, from a mailbox of this host.
      assertMatch(header.get("from")!, /<MAILER-DAEMON@cs\.utk\.edu>$/);
      assert(decode(made[i]!.content).includes(`\r\nTo: <${inputs[i]!.reversePath}>\r\n`));
      const types = parts.filter(({ depth }) => depth === 1).map(({ type }) => type);
      assertEquals(types.slice(0, 2), ["text/plain", `message/${kind}`]);
      assertMatch(types[2]!, /^(message\/(rfc822|global|global-headers)|text\/rfc822-headers)$/);
    }
  },
});

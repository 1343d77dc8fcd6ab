/** What became of recipients, by what is told of their message. */
import { assertEquals } from "@std/assert";
import { fatesOf, type RecipientFate } from "../../history/fates.ts";
import type { StoryFact } from "../../history/story.ts";
import { accepted, attempt, BEGIN } from "./facts.ts";

const BOB = "bob@example.net";
const EVE = "eve@example.net";
const CAROL = "carol@example.com";

const MESSAGE = accepted({ to: [BOB, EVE] });

const deferred = (...recipients: string[]) =>
  attempt(MESSAGE, { recipients, outcome: "deferred", delivered: 0, reply: "450 later" });
const delivered = (...recipients: string[]) =>
  attempt(MESSAGE, { recipients, outcome: "delivered", delivered: recipients.length });

const steered = (
  action: "redirect" | "remove",
  ...redirected: { from: string; to: string }[]
): StoryFact => ({
  ...{ kind: "steered", at: BEGIN + 1000, id: MESSAGE.id, action, by: "socket" },
  ...(redirected.length > 0 && { redirected }),
});

const failed = (...recipients: string[]): StoryFact => ({
  ...{ kind: "notice", at: BEGIN + 2000, id: MESSAGE.id, action: "failed", recipients },
  reason: "given up",
});

/** Address, addresses before, outcome. */
function shortly({ address, formerly, outcome }: RecipientFate): string {
  return [outcome, address, ...formerly?.toReversed() ?? []].join(" < ");
}

const CASES: readonly [name: string, facts: readonly StoryFact[], fates: readonly string[]][] = [
  ["nothing is told", [], [`waiting < ${BOB}`, `waiting < ${EVE}`]],
  [
    "one is redirected and delivered, the other waits",
    [deferred(BOB, EVE), steered("redirect", { from: BOB, to: CAROL }), delivered(CAROL)],
    [`deferred < ${EVE}`, `delivered < ${CAROL} < ${BOB}`],
  ],
  [
    "one is redirected twice and removed",
    [
      steered("redirect", { from: BOB, to: CAROL }),
      steered("redirect", { from: CAROL, to: "dan@example.com" }),
      steered("remove"),
    ],
    [`removed < ${EVE}`, `removed < dan@example.com < ${CAROL} < ${BOB}`],
  ],
  [
    "one is redirected and given up",
    [
      steered("redirect", { from: BOB, to: CAROL }),
      deferred(CAROL),
      failed(CAROL),
      delivered(EVE),
    ],
    [`delivered < ${EVE}`, `failed < ${CAROL} < ${BOB}`],
  ],
  [
    "both are redirected to one address",
    [
      steered("redirect", { from: BOB, to: CAROL }, { from: EVE, to: CAROL }),
      delivered(CAROL),
    ],
    [`delivered < ${CAROL} < ${BOB}`, `delivered < ${CAROL} < ${EVE}`],
  ],
  [
    "one is redirected to the other, which has its message, and is removed",
    [delivered(EVE), steered("redirect", { from: BOB, to: EVE }), steered("remove")],
    [`delivered < ${EVE}`, `removed < ${EVE} < ${BOB}`],
  ],
  [
    "one is redirected to the other, which has failed, and is delivered",
    [failed(EVE), steered("redirect", { from: BOB, to: EVE }), delivered(EVE)],
    [`failed < ${EVE}`, `delivered < ${EVE} < ${BOB}`],
  ],
  [
    "one that is over is not redirected",
    [
      delivered(BOB),
      failed(EVE),
      steered("redirect", { from: BOB, to: CAROL }, { from: EVE, to: CAROL }),
    ],
    [`delivered < ${BOB}`, `failed < ${EVE}`],
  ],
  [
    "they change places",
    [
      steered("redirect", { from: BOB, to: "x@example.com" }),
      steered("redirect", { from: EVE, to: BOB }),
      delivered(BOB),
    ],
    [`waiting < x@example.com < ${BOB}`, `delivered < ${BOB} < ${EVE}`],
  ],
  [
    "they change places in one go",
    [steered("redirect", { from: BOB, to: EVE }, { from: EVE, to: BOB }), delivered(BOB)],
    [`waiting < ${EVE} < ${BOB}`, `delivered < ${BOB} < ${EVE}`],
  ],
  [
    "one is tried at an address that no fact tells of",
    [delivered("BOB@EXAMPLE.NET"), delivered(CAROL)],
    ["delivered < BOB@EXAMPLE.NET", `waiting < ${EVE}`, `delivered < ${CAROL}`],
  ],
];

for (const [name, facts, fates] of CASES) {
  Deno.test(`what became of the recipients is told when ${name}`, () => {
    assertEquals(fatesOf(MESSAGE, facts).map(shortly), fates);
  });
}

Deno.test("one that was redirected keeps what its host said until the new one says something", () => {
  const before = [deferred(BOB), steered("redirect", { from: BOB, to: CAROL })];
  const [, waiting] = fatesOf(MESSAGE, before);
  assertEquals([waiting!.reply, waiting!.host], ["450 later", "mx1.example.net"]);
  const after = attempt(MESSAGE, { recipients: [CAROL], host: "mx.example.com" });
  const [, taken] = fatesOf(MESSAGE, [...before, after]);
  assertEquals([taken!.reply, taken!.host], ["250 2.0.0 Ok: queued as ABCDEF", "mx.example.com"]);
});

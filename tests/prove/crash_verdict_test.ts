/** The crash proof's verdict on books made by hand: one test for each thing that can be wrong. */
import { assertEquals } from "@std/assert";
import { Ledger, type SubmissionState, type Taken } from "./crash/ledger.ts";
import { isComplete, judge, type Verdict } from "./crash/verdict.ts";

const RUNS = [
  { name: "run1", startedAt: 0, killedAt: 10_000 },
  { name: "run2", startedAt: 10_100, killedAt: Infinity },
];

const TAKEN: Taken = {
  submission: "s.0",
  recipients: ["box@one.test"],
  deliveredBy: "run1",
  madeBy: "",
  at: 9500,
  told: true,
  hash: "right",
};

/** Books with one submission, and what next hops took. */
function books(
  state: SubmissionState,
  taken: readonly Partial<Taken>[],
  recipients = ["box@one.test"],
): Ledger {
  const ledger = new Ledger();
  ledger.advance(ledger.begin({ id: "s.0", recipients, hash: "right" }), state);
  for (const one of taken) ledger.taken.push({ ...TAKEN, ...one });
  return ledger;
}

function verdictOn(...given: Parameters<typeof books>): Verdict {
  return judge(books(...given), RUNS);
}

Deno.test("an acknowledged message that came is found", () => {
  const { found, lost, corrupt, unexplained, firstDelivery } = verdictOn("acknowledged", [{}]);
  assertEquals({ found, lost, corrupt, unexplained, firstDelivery }, {
    found: 1,
    lost: [],
    corrupt: [],
    unexplained: [],
    firstDelivery: [9500],
  });
});

Deno.test("an acknowledged message that did not come is lost", () => {
  const ledger = books("acknowledged", []);
  assertEquals(judge(ledger, RUNS).lost, ["s.0 to box@one.test"]);
  assertEquals(isComplete(ledger), false);
});

Deno.test("a recipient nobody heard of, among others that were reached, is lost", () => {
  const { lost, found } = verdictOn("acknowledged", [{}], ["box@one.test", "box@two.test"]);
  assertEquals([lost, found], [["s.0 to box@two.test"], 0]);
});

Deno.test("a recipient that nobody takes is lost unless its sender was told", () => {
  const recipients = ["refused@one.test"];
  const bounce = { recipients, hash: "", madeBy: "run1" };
  assertEquals(verdictOn("acknowledged", [], recipients).lost, ["s.0 to refused@one.test"]);
  const { lost, bounced } = verdictOn("acknowledged", [bounce], recipients);
  assertEquals([lost, bounced], [[], 1]);
});

Deno.test("a message that was not acknowledged may be gone", () => {
  const ledger = books("sent", []);
  assertEquals(judge(ledger, RUNS).lost, []);
  assertEquals(isComplete(ledger), true);
});

for (
  const [what, state, taken] of [
    ["other octets", "acknowledged", { hash: "wrong" }],
    ["another recipient", "acknowledged", { recipients: ["box@two.test"] }],
    ["a bounce that names a recipient who was reached", "acknowledged", { hash: "" }],
    ["a bounce that names nobody", "acknowledged", { hash: "", recipients: [] }],
    ["a message that was never sent whole", "begun", {}],
    ["a message that nobody sent", "acknowledged", { submission: "x.0" }],
  ] as const
) {
  Deno.test(`${what} at a next hop is corrupt`, () => {
    assertEquals(verdictOn(state, [taken]).corrupt.length, 1);
  });
}

Deno.test("a message refused to its sender must not come", () => {
  assertEquals(verdictOn("refused", [{}]).unexplained.length, 1);
});

for (
  const [reason, state, taken] of [
    ["sender", "sent", [{}]],
    ["kill", "acknowledged", [{}, { deliveredBy: "run2" }]],
    ["silence", "acknowledged", [{ told: false }, {}]],
  ] as const
) {
  Deno.test(`a duplicate is explained by: ${reason}`, () => {
    const { duplicates, unexplained } = verdictOn(state, taken);
    assertEquals([[...duplicates], unexplained], [[[reason, 1]], []]);
  });
}

Deno.test("a bounce made twice is explained by the kill between", () => {
  const recipients = ["refused@one.test"];
  const bounce = { recipients, hash: "", deliveredBy: "run2" };
  const twice = [{ ...bounce, madeBy: "run1" }, { ...bounce, madeBy: "run2" }];
  assertEquals([...verdictOn("acknowledged", twice, recipients).duplicates], [["bounce", 1]]);
});

Deno.test("nothing explains a second delivery by the same run", () => {
  assertEquals(verdictOn("acknowledged", [{}, {}]).unexplained.length, 1);
});

Deno.test("a kill does not explain the repetition of what was delivered long before it", () => {
  const taken = [{ at: 2000 }, { deliveredBy: "run2" }];
  assertEquals(verdictOn("acknowledged", taken).unexplained.length, 1);
});

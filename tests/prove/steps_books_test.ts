/** How the steps proof judges what came of a trial. */
import { assertEquals } from "@std/assert";
import { hashOf, type Mail, small } from "./rig/mail.ts";
import type { Taken } from "./rig/next_hop.ts";
import { Books, type Judgement } from "./steps/books.ts";

/** What was taken, in words: the recipient's address, the run, and the hash where it is not that of the mail. */
type Delivery = readonly [address: string, run: string, hash?: string];

/** Judges one acknowledged message, with what each run left open. */
function judge(
  mail: Mail,
  deliveries: readonly Delivery[],
  open: Readonly<Record<string, readonly string[]>> = {},
): Judgement {
  const taken: Taken[] = deliveries.map(([address, run, hash = hashOf(mail.content)]) => ({
    address,
    run,
    hash,
  }));
  const books = new Books({ taken });
  books.submitted(mail);
  books.acknowledged(mail);
  for (const [run, addresses] of Object.entries(open)) books.runEnded(run, new Set(addresses));
  return books.judge();
}

const ONE = "m.0@taken.test";
const REFUSED = "m.0@never.test";
const SENDER = "m@from.test";

Deno.test("a message is found when each recipient has it, or its sender was told", () => {
  const { found, lost } = judge(small("m", "taken"), [[ONE, "run1"]]);
  assertEquals({ found, lost }, { found: 1, lost: [] });
  assertEquals(judge(small("m", "never"), [[SENDER, "run1", "bounce"]]).found, 1);
});

Deno.test("an acknowledged message that did not come is lost", () => {
  const { found, lost } = judge(small("m", "taken", "later"), [[ONE, "run1"]]);
  assertEquals({ found, lost }, { found: 0, lost: ["m.1@later.test got nothing"] });
  assertEquals(judge(small("m", "never"), []).lost.length, 1);
});

Deno.test("other octets than those sent are corrupt", () => {
  assertEquals(judge(small("m", "taken"), [[ONE, "run1", "else"]]).corrupt.length, 1);
  assertEquals(judge(small("m", "taken"), [["n.0@taken.test", "run1"]]).corrupt.length, 1);
});

Deno.test("what comes again is explained when the run before left it open", () => {
  const again: Delivery[] = [[ONE, "run1"], [ONE, "run2"]];
  const explained = judge(small("m", "taken"), again, { run1: [ONE] });
  assertEquals([...explained.duplicates], [["delivery not recorded", 1]]);
  assertEquals(explained.unexplained, []);
  assertEquals(judge(small("m", "taken"), again, { run1: [] }).unexplained.length, 1);
});

Deno.test("nothing explains that one run delivers the same twice", () => {
  const twice: Delivery[] = [[ONE, "run1"], [ONE, "run1"]];
  assertEquals(judge(small("m", "taken"), twice, { run1: [ONE] }).unexplained.length, 1);
});

Deno.test("a second bounce is explained when a run left the refused recipient open", () => {
  const bounces: Delivery[] = [[SENDER, "run2", "first"], [SENDER, "run2", "second"]];
  const explained = judge(small("m", "never"), bounces, { run1: [REFUSED, SENDER], run2: [] });
  assertEquals([...explained.duplicates], [["bounce not recorded", 1]]);
  assertEquals(judge(small("m", "never"), bounces, { run1: [SENDER] }).unexplained.length, 1);
});

Deno.test("a message nobody heard to be accepted may come, and is counted", () => {
  const mail = small("m", "taken");
  const books = new Books({ taken: [{ address: ONE, run: "run1", hash: hashOf(mail.content) }] });
  books.submitted(mail);
  const { acknowledged, unacknowledged, corrupt } = books.judge();
  assertEquals({ acknowledged, unacknowledged, corrupt }, {
    acknowledged: 0,
    unacknowledged: 1,
    corrupt: [],
  });
});

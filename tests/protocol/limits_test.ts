import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { portionOf } from "../../deliver/portion.ts";
import { limitsKeyword, parseLimits } from "../../protocol/limits.ts";

Deno.test("limits are read by name, whatever stands around them", () => {
  assertEquals(parseLimits(["RCPTMAX=20", "MAILMAX=5", "RCPTDOMAINMAX=1", "FUTURE=7"]), {
    recipients: 20,
    mails: 5,
    domains: 1,
  });
  assertEquals(parseLimits([]), undefined);
});

Deno.test("what is no limit of RFC 9422 is none", () => {
  const words = [
    "RCPTMAX",
    "RCPTMAX=",
    "RCPTMAX=0",
    "RCPTMAX=-1",
    "RCPTMAX=1000000",
    "RCPTMAX=1=2",
  ];
  for (const word of [...words, "CONSTRUCTOR=1", "RCPTMAX=0x1"]) {
    assertEquals(parseLimits([word]), undefined, word);
  }
});

Deno.test("the limits announced are those read, up to the largest that can be said", () => {
  const limit = fc.option(fc.integer({ min: 1, max: 2_000_000 }), { nil: undefined });
  fc.assert(fc.property(limit, limit, (mails, recipients) => {
    const [keyword, ...words] = limitsKeyword({ mails, recipients }).split(" ");
    assertEquals(keyword, "LIMITS");
    const read = parseLimits(words) ?? {};
    assertEquals(read.mails, mails && Math.min(mails, 999_999));
    assertEquals(read.recipients, recipients && Math.min(recipients, 999_999));
  }));
});

Deno.test("a portion is as long as the limits allow, and never empty", () => {
  const limit = fc.option(fc.integer({ min: 1, max: 5 }), { nil: undefined });
  const recipient = fc.constantFrom("a@one.test", "b@One.test", "c@two.test", '"@"@three.test');
  const recipients = fc.array(recipient, { minLength: 1, maxLength: 8 });
  const domainsOf = (list: string[]) =>
    new Set(list.map((one) => one.toLowerCase().split("@").at(-1))).size;
  fc.assert(fc.property(recipients, limit, limit, (list, most, domains) => {
    const count = portionOf(list, { recipients: most, domains });
    assert(count >= 1 && count <= (most ?? Infinity));
    assert(domainsOf(list.slice(0, count)) <= (domains ?? Infinity));
    const isLongest = count === list.length || count === most ||
      domainsOf(list.slice(0, count + 1)) > domains!;
    assert(isLongest);
  }));
});

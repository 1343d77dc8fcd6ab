/** The index of messages that wait for a host, against a plain list of them. */
import { assertEquals } from "@std/assert";
import * as fc from "fast-check";
import { HostWaiters } from "../../queue/host_waiters.ts";

interface Waiter {
  readonly destinations: readonly string[];
}

const DOMAINS = ["a.example", "b.example", "c.example"];
const step = fc.oneof(
  fc.record({ add: fc.subarray(DOMAINS, { minLength: 1 }) }),
  fc.record({ delete: fc.nat(30) }),
  fc.record({ call: fc.option(fc.constantFrom(...DOMAINS), { nil: undefined }) }),
  fc.record({ take: fc.nat(3) }),
);

Deno.test("the waiters that are called are those of the domain, each taken once", () => {
  fc.assert(fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
    const waiters = new HostWaiters<Waiter>();
    const waiting: Waiter[] = [];
    const called = new Set<Waiter>();
    const gone = (waiter: Waiter) => {
      called.delete(waiter);
      waiting.splice(waiting.indexOf(waiter), 1);
    };
    for (const each of steps) {
      if ("add" in each) {
        const waiter = { destinations: each.add };
        waiting.push(waiter);
        waiters.add(waiter);
      } else if ("delete" in each) {
        const waiter = waiting[each.delete];
        if (waiter === undefined) continue;
        waiters.delete(waiter);
        gone(waiter);
      } else if ("call" in each) {
        waiters.call(each.call);
        const isCalled = ({ destinations }: Waiter) =>
          !each.call || destinations.includes(each.call);
        for (const waiter of waiting.filter(isCalled)) called.add(waiter);
      } else {
        for (let i = 0; i < each.take; i++) {
          const taken = waiters.takeCalled();
          assertEquals(taken === undefined, called.size === 0);
          if (taken !== undefined) assertEquals(called.has(taken), true);
          if (taken !== undefined) gone(taken);
        }
      }
      assertEquals(waiters.hasCalled, called.size > 0);
    }
  }));
});

Deno.test("those of one domain are taken in the order in which they came", () => {
  const waiters = new HostWaiters<Waiter>();
  const list = Array.from({ length: 100 }, () => ({ destinations: ["a.example"] }));
  for (const waiter of list) waiters.add(waiter);
  assertEquals(waiters.call("a.example"), 100);
  assertEquals(waiters.call("a.example"), 0);
  for (const waiter of list) assertEquals(waiters.takeCalled() === waiter, true);
  assertEquals(waiters.takeCalled(), undefined);
});

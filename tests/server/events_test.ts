import { assertEquals } from "@std/assert";
import { type AcceptedEvent, Events } from "../../server/events.ts";
import { envelopeTo } from "../queue/fixtures.ts";
import { turn } from "../transport/running.ts";

const EVENT: AcceptedEvent = { id: "01ABC", envelope: envelopeTo("b@example.net"), size: 3 };

Deno.test("every listener of an event is told, in the order they came, until it is removed", () => {
  const told: string[] = [];
  const events = new Events({ accepted: ({ id }) => told.push(`first ${id}`) });
  const remove = events.on("accepted", ({ id }) => told.push(`second ${id}`));
  events.on("bounced", () => told.push("bounced"));
  events.emit("accepted", EVENT);
  remove();
  remove();
  events.emit("accepted", EVENT);
  assertEquals(told, ["first 01ABC", "second 01ABC", "first 01ABC"]);
});

Deno.test("a listener that throws or rejects keeps no other from being told, and ends nothing", async () => {
  const told: string[] = [];
  const events = new Events();
  events.on("accepted", () => {
    throw new Error("thrown");
  });
  events.on("accepted", () => Promise.reject(new Error("rejected")));
  events.on("accepted", ({ id }) => told.push(id));
  events.emit("accepted", EVENT);
  await turn(); // A rejection that nobody handled would have ended the test by now.
  assertEquals(told, ["01ABC"]);
});

/** Tells a fact of each kind to whoever makes traces here, and says whether somebody does. `traces_test.ts` runs it. */
import type { StoryFact } from "../../history/story.ts";
import { openTraces } from "../../server/traces.ts";

const facts: readonly StoryFact[] = JSON.parse(Deno.args[0]!);
const traces = await openTraces();
for (const fact of facts) traces?.take(fact);
console.log(traces === undefined ? "nobody" : "told");

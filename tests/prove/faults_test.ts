/** Some trials of the faults proof, and a planted fault that they find. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { withTempDir } from "../helpers/temp_dir.ts";
import { FAULTS, finds } from "./faults/faults.ts";
import { allTrials, carryOut, makeBench, missing } from "./faults/proof.ts";
import type { Trial } from "./faults/trial.ts";

const MAIN = new URL("../../main.ts", import.meta.url).href;

const TRIALS = [
  "ENOSPC of a full disk",
  "EMFILE, by more clients than descriptors",
  "EIO from fdatasync of .jsonl, of a segment in use",
  "EIO from fsync of /spool",
  "EIO from rename of .json.tmp, while deliveries are recorded",
];

const lacks = missing();
if (lacks.length > 0) console.warn(`ignored, it needs ${lacks.join(", and ")}: the faults proof`);

async function trialNamed(name: string, directory: string): Promise<Trial> {
  const trials = await allTrials(directory, { seed: 1, rounds: 0 });
  return trials.find((trial) => trial.name === name)!;
}

for (const name of TRIALS) {
  Deno.test({
    name: `no mail is lost, and service resumes, after ${name}`,
    ignore: lacks.length > 0,
    fn: () =>
      withTempDir(async (directory) => {
        const bench = await makeBench(MAIN, directory);
        const result = await carryOut(await trialNamed(name, directory), bench, directory);
        assertEquals(result.complaints, []);
        assert(result.faults! > 0 && result.acknowledged > 0);
      }),
  });
}

Deno.test({
  name: "a server that takes no notice of an fdatasync that fails is found out",
  ignore: lacks.length > 0,
  fn: () =>
    withTempDir(async (directory) => {
      const trial = await trialNamed(TRIALS[2]!, directory);
      assertMatch(await finds(FAULTS[0]!, [trial], directory) ?? "missed", /during-small got 250$/);
    }),
});

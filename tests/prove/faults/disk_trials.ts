/**
 * Trials in which file operations of the spool fail: while mail is accepted, and
 * while what came of deliveries is recorded.
 *
 * @module
 */
import { pause } from "../pause.ts";
import { large, many, small } from "../rig/mail.ts";
import type { SeededRandom } from "../seeded_random.ts";
import {
  type FailingFiles,
  type Rule,
  ruleText,
  type SpoolFaults,
  type SystemError,
} from "./failing_files.ts";
import { type Run, type Site, TAKEN } from "./site.ts";
import { bringAll, type Kind, KINDS, oneOfEach, resumes, type Trial } from "./trial.ts";

/** A fault while mail comes in, and the kinds of mail that it makes the server refuse. */
interface AcceptFault {
  readonly rule: Omit<Rule, "every" | "error"> & { readonly error?: SystemError };
  /** Whether the journal has a segment already when it begins. */
  readonly warm?: boolean;
  readonly refuses: readonly Kind[];
}

const FILES: readonly Kind[] = ["large", "binary"];

const ACCEPT_FAULTS: readonly AcceptFault[] = [
  { rule: { operation: "create", path: ".jsonl" }, refuses: KINDS },
  { rule: { operation: "fsync", path: "/journal" }, refuses: KINDS },
  { rule: { operation: "write", path: ".jsonl" }, refuses: KINDS },
  { rule: { operation: "write", path: ".jsonl" }, warm: true, refuses: KINDS },
  { rule: { operation: "fdatasync", path: ".jsonl" }, refuses: KINDS },
  { rule: { operation: "fdatasync", path: ".jsonl" }, warm: true, refuses: KINDS },
  { rule: { operation: "fdatasync", path: ".jsonl", error: "EDQUOT" }, refuses: KINDS },
  { rule: { operation: "create", path: ".eml" }, refuses: FILES },
  { rule: { operation: "write", path: ".eml" }, refuses: FILES },
  { rule: { operation: "write", path: ".eml", error: "ENOSPC" }, refuses: FILES },
  { rule: { operation: "fdatasync", path: ".eml" }, refuses: FILES },
  { rule: { operation: "fsync", path: "/spool" }, refuses: FILES },
  { rule: { operation: "*", path: "*" }, refuses: KINDS },
  { rule: { operation: "create", path: ".json.tmp" }, refuses: [] },
  { rule: { operation: "write", path: ".json.tmp" }, refuses: [] },
  { rule: { operation: "fdatasync", path: ".json.tmp" }, refuses: [] },
  { rule: { operation: "rename", path: ".json.tmp" }, refuses: [] },
];

/** What each error is answered with. */
const REPLIES: Record<SystemError, string> = {
  EIO: "451 4.3.0 ",
  ENOSPC: "452 4.3.1 ",
  EDQUOT: "452 4.3.1 ",
};

/** Faults that do not pass: every operation of that kind fails, and what is answered is certain. */
export function steadyTrials(files: FailingFiles): Trial[] {
  return ACCEPT_FAULTS.map((fault) => {
    const rule = { error: "EIO" as const, ...fault.rule, every: 1 };
    const name = ruleText(rule) + (fault.warm ? ", of a segment in use" : "");
    return { name, run: (site) => acceptTrial(site, files.for(site.spool), rule, fault) };
  });
}

async function acceptTrial(
  site: Site,
  faults: SpoolFaults,
  rule: Rule,
  { warm = false, refuses }: AcceptFault,
): ReturnType<Trial["run"]> {
  const run = await restarted(site, faults);
  if (warm) await bringAll(site, run, "warm");
  await faults.begin(rule);
  for (const [kind, mail] of oneOfEach("during")) {
    const reply = await site.bring(run, mail);
    const expected = refuses.includes(kind) ? REPLIES[rule.error] : TAKEN;
    if (!reply.startsWith(expected)) site.complaints.push(`${mail.name} got ${reply}`);
  }
  await untilMet(site, faults);
  await faults.end();
  const resumed = await resumes(site, run);
  await bringAll(site, run, "after");
  await site.kill(run);
  await site.settle();
  return { faults: await faults.count(), refused: refuses.length, resumed };
}

/** Trials in which the segment that a batch failed in stays, because a message in it is under way. */
export function comebackTrials(files: FailingFiles): Trial[] {
  return (["EIO", "EDQUOT"] as const).map((error) => {
    const rule = { operation: "fdatasync", path: ".jsonl", error, every: 1 };
    return {
      name: `${ruleText(rule)}, of a segment that stays`,
      run: (site) => comebackTrial(site, files.for(site.spool), rule),
    };
  });
}

/** The refused mail, whose records were written but not synced, must not come back with the rest of the segment. */
async function comebackTrial(
  site: Site,
  faults: SpoolFaults,
  rule: Rule,
): ReturnType<Trial["run"]> {
  const run = await site.start({ reachable: true, env: faults.env });
  const underWay = small("under-way");
  site.hop.hold(underWay.recipients[0]!);
  await site.bring(run, underWay);
  await faults.begin(rule);
  for (const mail of oneOfEach("during").values()) {
    const reply = await site.bring(run, mail);
    if (!reply.startsWith(REPLIES[rule.error])) site.complaints.push(`${mail.name} got ${reply}`);
  }
  await faults.end();
  const resumed = await resumes(site, run);
  await site.kill(run);
  site.hop.open();
  await site.settle();
  return { faults: await faults.count(), refused: KINDS.length, resumed };
}

/** A server whose spool holds mail of an earlier run. */
async function restarted(site: Site, faults: SpoolFaults): Promise<Run> {
  const earlier = await site.start({ reachable: false });
  await bringAll(site, earlier, "before");
  await site.kill(earlier);
  return await site.start({ reachable: false, env: faults.env });
}

/** How long a fault may take to befall an operation that nobody waits for, ms. */
const TO_BE_MET = 5000;

async function untilMet(site: Site, faults: SpoolFaults): Promise<void> {
  const began = Date.now();
  while (await faults.count() === 0) {
    if (Date.now() - began > TO_BE_MET) return void site.complaints.push("nothing failed");
    await pause(20);
  }
}

/** Messages that come at once while faults come and go. */
const AT_ONCE = 16;

/** Faults that come and go while many clients bring mail: some of it is taken, some refused, and each told the truth. */
export function passingTrials(files: FailingFiles, random: SeededRandom): Trial[] {
  return ACCEPT_FAULTS.map(({ rule: { operation, path, error = "EIO" } }) => {
    const rule = { operation, path, error, every: 2 + random.below(4) };
    return {
      name: `${ruleText(rule)}, ${AT_ONCE} clients`,
      run: (site) => passingTrial(site, files.for(site.spool), rule),
    };
  });
}

async function passingTrial(
  site: Site,
  faults: SpoolFaults,
  rule: Rule,
): ReturnType<Trial["run"]> {
  const run = await restarted(site, faults);
  await faults.begin(rule);
  const mails = [...many(AT_ONCE, "s", small), ...oneOfEach("during").values()];
  const replies = await Promise.all(mails.map((mail) => site.bring(run, mail)));
  const refusals = replies.filter((reply) => reply !== TAKEN);
  const expected = REPLIES[rule.error];
  const wrong = refusals.filter((reply) => !reply.startsWith(expected));
  site.complaints.push(...wrong.map((reply) => `a client got ${reply}`));
  await untilMet(site, faults);
  await faults.end();
  const resumed = await resumes(site, run);
  await site.kill(run);
  await site.settle();
  return { faults: await faults.count(), refused: refusals.length, resumed };
}

const RECORD_FAULTS: readonly Omit<Rule, "every" | "error">[] = [
  { operation: "create", path: ".json.tmp" },
  { operation: "write", path: ".json.tmp" },
  { operation: "fdatasync", path: ".json.tmp" },
  { operation: "rename", path: ".json.tmp" },
  { operation: "fsync", path: "/spool" },
  { operation: "fdatasync", path: ".jsonl" },
  { operation: "unlink", path: "*" },
];

/** Faults while what came of deliveries is to be recorded: partial ones, whole ones and bounces. */
export function recordTrials(files: FailingFiles): Trial[] {
  return RECORD_FAULTS.map((fault) => {
    const rule = { ...fault, error: "EIO" as const, every: 1 };
    return {
      name: `${ruleText(rule)}, while deliveries are recorded`,
      run: (site) => recordTrial(site, files.for(site.spool), rule),
    };
  });
}

/** Nothing is delivered again within the run, nor after a kill once the fault is over and something later was recorded. */
async function recordTrial(
  site: Site,
  faults: SpoolFaults,
  rule: Rule,
): ReturnType<Trial["run"]> {
  const partial = [small("part", "taken", "later"), large("bigpart", "taken", "later")];
  const bounced = small("bounced", "taken", "never");
  const mails = [...partial, large("whole"), bounced];
  const run = await site.start({ reachable: true, env: faults.env });
  site.hop.hold(partial[0]!.recipients[0]!);
  for (const mail of mails) await site.bring(run, mail);
  await faults.begin(rule);
  site.hop.open();
  await untilMet(site, faults);
  await faults.end();
  await site.delivered(run, mails);
  const resumed = await resumes(site, run);
  const last = small("last");
  await site.bring(run, last);
  await site.delivered(run, [last]);
  await recorded(site);
  await site.kill(run);
  await site.settle();
  return { faults: await faults.count(), refused: 0, resumed };
}

/** Waits until the journal says that nothing is open: it does so soon after the last delivery. */
async function recorded(site: Site): Promise<void> {
  if (!await site.untilEmpty()) site.complaints.push("what was delivered is not recorded");
}

/**
 * What the server is put through while it is killed: one course for each way that
 * a message takes through the spool. A course that a kill cuts short ends with
 * the error of whatever it was doing.
 *
 * @module
 */
import { binary, large, many, small } from "../rig/mail.ts";
import type { Play } from "../rig/play.ts";

/** A course. The server is stopped in good order after `run`. */
export interface Course {
  /** What it is about. */
  readonly name: string;
  /** Whether one run of it takes seconds. */
  readonly long?: boolean;
  /** Flags that the server gets besides the usual ones. */
  readonly flags?: readonly string[];
  /** Whether the server makes its certificate and keeps it in the spool. */
  readonly ownCertificate?: boolean;
  /** Counting begins with the first step that has this in its line; with the first of all otherwise. */
  readonly from?: string;
  /** What is done by runs of the server before this one. */
  readonly before?: readonly EarlierRun[];
  /** What is put into the spool besides, before the run. */
  readonly litter?: (spool: string) => Promise<void>;
  /** What is done. */
  readonly run: (play: Play) => Promise<void>;
}

/** An earlier run, which ends by being killed. */
export interface EarlierRun {
  /** As for a course. */
  readonly flags?: readonly string[];
  /** Killed before the first step that has this in its line, if it comes to that. */
  readonly killedAt?: string;
  /** As for a course. */
  readonly run: (play: Play) => Promise<void>;
}

const HOLD = ["--hold"];
/** As many as one batch of the journal takes up together. */
const TOGETHER = 8;

/** All courses. */
export const COURSES: readonly Course[] = [
  {
    name: "accept inline",
    flags: HOLD,
    run: (play) => play.bring(small("m0"), small("m1")),
  },
  {
    name: "accept large",
    flags: HOLD,
    run: (play) => play.bring(large("m0"), binary("m1")),
  },
  {
    name: "group commit, and a stop with all of it unfinished",
    flags: HOLD,
    run: (play) => play.bringTogether(...many(TOGETHER, "m", small)),
  },
  {
    name: "final delivery",
    async run(play) {
      await play.bring(small("m0"), large("m1"));
      await play.untilTaken(["m0.0@taken.test", "m1.0@taken.test"]);
      await play.bring(small("m2"));
      await play.untilTaken(["m2.0@taken.test"]);
    },
  },
  {
    name: "defer, file, deliver later",
    async run(play) {
      await play.bring(small("m0", "later"), large("m1", "later"));
      await play.untilTaken(["m0.0@later.test", "m1.0@later.test"]);
      await play.bring(small("m2"));
      await play.untilTaken(["m2.0@taken.test"]);
    },
  },
  {
    name: "partial delivery",
    async run(play) {
      await play.bring(small("m0", "taken", "later", "taken"), large("m1", "later", "taken"));
      await play.untilTaken(["m0.1@later.test", "m1.0@later.test"]);
    },
  },
  {
    name: "bounce",
    async run(play) {
      await play.bring(small("m0", "never"), small("m1", "taken", "never", "later"));
      await play.untilTaken(["m0@from.test", "m1@from.test", "m1.2@later.test"]);
      await play.bring(large("m2", "never"));
      await play.untilTaken(["m2@from.test"]);
    },
  },
  {
    name: "segment rotation, and removal of one that nobody needs",
    long: true,
    from: "create journal/00000002",
    run: (play) => play.fillSegments(1),
  },
  {
    name: "a surplus segment is emptied, and removed",
    long: true,
    from: ".json.tmp",
    async run(play) {
      play.stall("slow.0@taken.test");
      await play.bring(small("slow"));
      await play.fillSegments(4);
      play.goOn();
      await play.untilTaken(["slow.0@taken.test"]);
    },
  },
  {
    name: "first start, with the making of a certificate",
    ownCertificate: true,
    run: (play) => play.bring(small("m0")),
  },
  {
    name: "restart and replay",
    before: [
      { flags: HOLD, run: (play) => play.bring(small("m0"), small("m1", "later"), large("m2")) },
      {
        // The first that is removed by its id, not a segment: its message is noted as done.
        killedAt: "unlink 0",
        async run(play) {
          await play.untilTaken(["m0.0@taken.test", "m2.0@taken.test"]);
          await play.bring(small("m3", "later"), small("m4"));
          await play.untilTaken(["m3.0@later.test", "m4.0@taken.test"]);
          await play.bring(small("m5"));
        },
      },
    ],
    litter: leaveLitter,
    async run(play) {
      await play.bring(small("m6"));
      await play.untilTaken(["m6.0@taken.test"]);
    },
  },
];

/** What crashes leave: a torn record, a file half written, content that nothing names. */
async function leaveLitter(spool: string): Promise<void> {
  const names = (await Array.fromAsync(Deno.readDir(`${spool}/journal`))).map(({ name }) => name);
  const newest = `${spool}/journal/${names.sort().at(-1)}`;
  await Deno.writeTextFile(newest, '{"v":1,"len":       661,"crc":"5', { append: true });
  await Deno.writeTextFile(`${spool}/${"0".repeat(26)}.json.tmp`, '{"v":1');
  await Deno.writeTextFile(`${spool}/${"0".repeat(26)}.eml`, "Subject: nobody's\r\n");
}

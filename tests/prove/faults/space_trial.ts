/**
 * The trial with a disk that is full: the spool on a small file system of its
 * own, a file beside it that takes up what space there is. Needs root.
 *
 * @module
 */
import { statfs } from "node:fs/promises";
import { OctetTalk } from "../octet_talk.ts";
import { large, small } from "../rig/mail.ts";
import { type Run, type Site, TAKEN } from "./site.ts";
import { bringAll, resumes, type Trial } from "./trial.ts";

const KIB = 1024;
const MIB = 1024 * KIB;

/** The file system's size, octets; the server stops taking mail when 64 MiB are left. */
const SIZE = 160 * MIB;
const NO_SPACE = "452 4.3.1 ";
/** How many small messages may find room before the disk is full. */
const MOST_SMALL = 200;

/** Whether this process may mount file systems. */
export function mayMount(): boolean {
  return Deno.build.os === "linux" && Deno.uid() === 0;
}

/** The trial; the site's spool has to be in a directory that is there. */
export const SPACE_TRIAL: Trial = {
  name: "ENOSPC of a full disk",
  async run(site) {
    const disk = await SmallDisk.mount(site.spool);
    try {
      return await spaceTrial(site, disk);
    } finally {
      await site[Symbol.asyncDispose]();
      await disk.unmount();
    }
  },
};

async function spaceTrial(site: Site, disk: SmallDisk): ReturnType<Trial["run"]> {
  const run = await site.start({ reachable: false });
  await bringAll(site, run, "before");
  const refused = await fillUp(site, run, disk);
  await disk.leave(80 * MIB);
  const resumed = await resumes(site, run);
  await declare(site, run);
  await disk.leave(SIZE);
  await resumes(site, run);
  await bringAll(site, run, "after");
  await site.kill(run);
  await site.settle();
  return { faults: refused, refused, resumed };
}

/** Fills the disk behind the server's back, until mail is refused at its end, and from then on at MAIL. */
async function fillUp(site: Site, run: Run, disk: SmallDisk): Promise<number> {
  await disk.leave(64 * KIB);
  let refused = 0;
  expectRefusal(site, await site.bring(run, large("full")));
  for (let i = 0; i < MOST_SMALL && refused === 0; i++) {
    const reply = await site.bring(run, small(`filling${i}`));
    if (reply !== TAKEN) refused = expectRefusal(site, reply);
  }
  if (refused === 0) site.complaints.push("the disk did not fill up");
  const atMail = await answerToMail(run, 0);
  if (!atMail.startsWith(NO_SPACE)) site.complaints.push(`MAIL on a full disk got ${atMail}`);
  return refused + 2;
}

/** With 80 MiB free there is room for 10 MiB, and none for 20. */
async function declare(site: Site, run: Run): Promise<void> {
  const fits = await answerToMail(run, 10 * MIB);
  if (!fits.startsWith("250 ")) site.complaints.push(`MAIL with a SIZE that fits got ${fits}`);
  const over = await answerToMail(run, 20 * MIB);
  if (!over.startsWith(NO_SPACE)) site.complaints.push(`MAIL with too large a SIZE got ${over}`);
}

function expectRefusal(site: Site, reply: string): number {
  if (!reply.startsWith(NO_SPACE)) site.complaints.push(`a message got ${reply} on a full disk`);
  return 1;
}

async function answerToMail({ port }: Run, size: number): Promise<string> {
  using talk = await OctetTalk.open(port);
  await talk.reply();
  await talk.send("EHLO client.test\r\n");
  await talk.reply();
  await talk.send(`MAIL FROM:<a@from.test>${size > 0 ? ` SIZE=${size}` : ""}\r\n`);
  return (await talk.reply()).line;
}

/** A file system in memory. */
class SmallDisk {
  readonly #mountPoint: string;

  private constructor(mountPoint: string) {
    this.#mountPoint = mountPoint;
  }

  static async mount(mountPoint: string): Promise<SmallDisk> {
    await Deno.mkdir(mountPoint);
    await run("mount", "-t", "tmpfs", "-o", `size=${SIZE}`, "tmpfs", mountPoint);
    return new SmallDisk(mountPoint);
  }

  async unmount(): Promise<void> {
    await run("umount", this.#mountPoint);
  }

  /** Leaves about so many octets free; all that there are when none have to be taken. */
  async leave(free: number): Promise<void> {
    const path = `${this.#mountPoint}/filler`;
    await Deno.remove(path).catch(() => {});
    const { bavail, bsize } = await statfs(this.#mountPoint);
    const size = bavail * bsize - free;
    if (size <= 0) return;
    using file = await Deno.open(path, { write: true, create: true });
    const zeros = new Uint8Array(MIB);
    for (let left = size; left > 0;) left -= await file.write(zeros.subarray(0, left));
  }
}

async function run(command: string, ...args: string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command(command, { args }).output();
  if (!success) throw new Error(`${command}: ${new TextDecoder().decode(stderr)}`);
}

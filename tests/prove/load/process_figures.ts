/**
 * What the system says of a process: its memory and its open files. Linux only;
 * throws where the process is gone.
 *
 * @module
 */

/** A look at a process. */
export interface ProcessFigures {
  /** Memory that it has in use, octets. */
  readonly resident: number;
  /** Files, sockets and the like that it has open. */
  readonly descriptors: number;
}

/** Looks at a process. */
export async function figuresOf(pid: number): Promise<ProcessFigures> {
  const status = await Deno.readTextFile(`/proc/${pid}/status`);
  const resident = Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)![1]) * 1024;
  return { resident, descriptors: Array.from(Deno.readDirSync(`/proc/${pid}/fd`)).length };
}

/** How many files a process that is started here may have open. */
export async function descriptorLimit(): Promise<number> {
  const limits = await Deno.readTextFile("/proc/self/limits");
  return Number(/^Max open files\s+(\d+)/m.exec(limits)![1]);
}

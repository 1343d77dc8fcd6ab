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
  /** Files, sockets and the like that it has open, but for those of its history, which stay open from the first fact on. */
  readonly descriptors: number;
}

/** Looks at a process. */
export async function figuresOf(pid: number): Promise<ProcessFigures> {
  const status = await Deno.readTextFile(`/proc/${pid}/status`);
  const resident = Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)![1]) * 1024;
  const open = Array.from(Deno.readDirSync(`/proc/${pid}/fd`), ({ name }) => target(pid, name));
  return { resident, descriptors: open.filter((path) => !/\/history\/[^/]+$/.test(path)).length };
}

/** What a descriptor is of; it may have been closed meanwhile. */
function target(pid: number, descriptor: string): string {
  try {
    return Deno.readLinkSync(`/proc/${pid}/fd/${descriptor}`);
  } catch {
    return "";
  }
}

/** How many files a process that is started here may have open. */
export async function descriptorLimit(): Promise<number> {
  const limits = await Deno.readTextFile("/proc/self/limits");
  return Number(/^Max open files\s+(\d+)/m.exec(limits)![1]);
}

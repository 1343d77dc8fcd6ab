/**
 * Tries what a mail server needs and what it has no business doing, and prints
 * the names of what it was allowed to do. `permissions_test.ts` runs it with a
 * spool and a directory outside of it.
 */
import { getServers } from "node:dns";
import { statfsSync } from "node:fs";

const [spool, outside] = Deno.args;

const ATTEMPTS: Record<string, () => unknown> = {
  "write in the spool": () => Deno.writeTextFileSync(`${spool}/file`, ""),
  "read in the spool": () => Deno.readTextFileSync(`${spool}/file`),
  "measure the free space": () => statfsSync(spool!),
  "learn the machine's name": () => Deno.hostname(),
  "learn the machine's addresses": () => Deno.networkInterfaces(),
  "learn the system's name servers": () => getServers(),
  "read a variable of its own": () => Deno.env.get("SMTP_SPOOL"),
  "listen": () => Deno.listen({ hostname: "127.0.0.1", port: 0 }).close(),

  "read /etc/passwd": () => Deno.readTextFileSync("/etc/passwd"),
  "read its own source": () => Deno.readTextFileSync(new URL(import.meta.url)),
  "list a directory outside": () => Deno.readDirSync(outside!).next(),
  "write a file outside": () => Deno.writeTextFileSync(`${outside}/file`, ""),
  "write out of the spool": () => Deno.writeTextFileSync(`${spool}/../file`, ""),
  "link out of the spool": () => Deno.symlinkSync("/etc", `${spool}/etc`),
  "read another variable": () => Deno.env.get("PATH"),
  "read every variable": () => Deno.env.toObject(),
  "learn the system's version": () => Deno.osRelease(),
  "learn the user": () => Deno.uid(),
  "run a program": () => new Deno.Command(Deno.execPath()).outputSync(),
  "load a library": () => Deno.dlopen("libc.so.6", {}),
};

function isAllowed(attempt: () => unknown): boolean {
  try {
    attempt();
    return true;
  } catch (error) {
    return !(error instanceof Deno.errors.NotCapable);
  }
}

const allowed = Object.keys(ATTEMPTS).filter((name) => isAllowed(ATTEMPTS[name]!));
console.log(JSON.stringify(allowed));

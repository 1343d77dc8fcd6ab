/**
 * Runs the suite with coverage and prints the line coverage of each room. Exits
 * with status 1 when the tests fail or a room that must be well covered is not.
 *
 * @module
 */

/** Where the suite leaves its profile; ignored by git. */
const PROFILE = "cov";

/** The least share of covered lines, of the rooms on which mail depends. */
const REQUIRED: ReadonlyMap<string, number> = new Map([
  ["protocol", 0.9],
  ["queue", 0.9],
  ["deliver", 0.9],
]);

interface Lines {
  found: number;
  hit: number;
}

async function deno(args: string[], stdout: "inherit" | "piped"): Promise<string> {
  const command = new Deno.Command(Deno.execPath(), { args, stdout, stderr: "inherit" });
  const output = await command.output();
  if (!output.success) Deno.exit(1);
  return stdout === "piped" ? new TextDecoder().decode(output.stdout) : "";
}

/** Adds up lines by room; LCOV has `SF:` for a file, `LF:` for its lines, `LH:` for those that ran. */
function byRoom(lcov: string): Map<string, Lines> {
  const root = Deno.cwd().replaceAll("\\", "/") + "/";
  const rooms = new Map<string, Lines>();
  let lines: Lines = { found: 0, hit: 0 };
  for (const row of lcov.split("\n")) {
    const [tag, value = ""] = row.split(/:(.*)/s);
    if (tag === "SF") {
      const room = value.replaceAll("\\", "/").replace(root, "").replace(/\.ts$/, "").split(
        "/",
      )[0]!;
      lines = rooms.get(room) ?? { found: 0, hit: 0 };
      rooms.set(room, lines);
    }
    if (tag === "LF") lines.found += Number(value);
    if (tag === "LH") lines.hit += Number(value);
  }
  return rooms;
}

await Deno.remove(PROFILE, { recursive: true }).catch(() => {});
const profiling = [`--coverage=${PROFILE}`, "--coverage-raw-data-only"];
await deno(["test", "-A", "--no-check", ...profiling, "tests/"], "inherit");
const rooms = byRoom(await deno(["coverage", "--lcov", "--exclude=tests/", PROFILE], "piped"));

let good = true;
for (const [room, { found, hit }] of [...rooms].sort()) {
  const required = REQUIRED.get(room) ?? 0;
  const share = hit / found;
  good &&= share >= required;
  const verdict = share < required ? `  below ${required * 100} %` : "";
  console.log(`${room.padEnd(10)} ${(share * 100).toFixed(1).padStart(5)} % of lines${verdict}`);
}
for (const room of REQUIRED.keys()) good &&= rooms.has(room);
Deno.exit(good ? 0 : 1);

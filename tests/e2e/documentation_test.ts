/** Whether the table of extensions in `docs/smtp.md` is whole, and keeps its word about the tests. */
import { assert, assertEquals } from "@std/assert";

const ROOT = new URL("../../", import.meta.url);

/** A row of the table. */
interface Row {
  readonly extension: string;
  /** What it says of tests and of programs that nobody here wrote. */
  readonly shownBy: string;
}

/** The programs, as they are named in the table and as tests know them. */
const PROGRAMS: ReadonlyMap<string, RegExp> = new Map([
  ["swaks", /swaks/],
  ["curl", /curl/],
  ["smtplib", /smtplib/],
  ["nodemailer", /nodemailer/],
  ["msmtp", /msmtp/],
  ["mutt", /mutt/],
  ["s-nail", /s-nail/],
  ["git send-email", /send-email/],
  ["openssl", /openssl/],
  ["haproxy", /haproxy/],
  ["Postfix", /\bPostfix\b/],
  ["smtp-server", /smtp-server/],
]);

/** How a row says that there is no such program. */
const NONE = /\bno (?:mail )?(?:client|program|server)\b/;

function read(path: string): string {
  return Deno.readTextFileSync(new URL(path, ROOT));
}

/** The rows of the first table of the page. */
function rows(): Row[] {
  const [table] = /^\|.*\|\n(?:\|.*\|\n)+/m.exec(read("docs/smtp.md"))!;
  return table.trimEnd().split("\n").slice(2).map((line) => {
    const cells = line.split("|").slice(1, -1).map((cell) => cell.trim());
    return { extension: cells[0]!, shownBy: cells.at(-1)! };
  });
}

const ROWS = rows();
const DIALOGUES = [...Deno.readDirSync(new URL("tests/dialogues/", ROOT))].map(({ name }) => name);

/** The tests and dialogues that a row names. */
function namedBy({ shownBy }: Row): string[] {
  return [...shownBy.matchAll(/`([^`]+(?:_test\.ts|\.smtp))`/g)].map(([, name]) => name!);
}

/** The files that a name stands for. */
function filesOf(name: string): string[] {
  if (name.startsWith("tests/")) return [name];
  const pattern = new RegExp(`^${name.replaceAll(".", "\\.").replaceAll("*", ".*")}$`);
  return DIALOGUES.filter((file) => pattern.test(file)).map((file) => `tests/dialogues/${file}`);
}

/** The text of a test and of all in `tests/` that it imports. */
function textOf(path: string, seen = new Set<string>()): string {
  if (seen.has(path)) return "";
  seen.add(path);
  const text = read(path);
  const imported = [...text.matchAll(/from "(\.[^"]+)"/g)].map(([, specifier]) =>
    new URL(specifier!, new URL(path, ROOT)).href.slice(ROOT.href.length)
  );
  const helpers = imported.filter((file) => file.startsWith("tests/"));
  return text + helpers.map((file) => textOf(file, seen)).join("\n");
}

/** The extensions that servers offer in the golden dialogues. */
function offered(): string[] {
  const lines = DIALOGUES.filter((name) => name.endsWith(".smtp"))
    .flatMap((name) => read(`tests/dialogues/${name}`).split("\n"));
  const keywords = lines.map((line) => /^S: 250[- ]([A-Z0-9][A-Z0-9-]*)(?: |$)/.exec(line)?.[1]);
  return [...new Set(keywords)].filter((keyword) => keyword !== undefined);
}

Deno.test("docs/smtp.md has a row for every extension that is offered", () => {
  const keywords = offered();
  assert(keywords.includes("PIPELINING"), keywords.join(" "));
  const known = ROWS.flatMap(({ extension }) => extension.split(/,? /));
  assertEquals(keywords.filter((keyword) => !known.includes(keyword)), []);
});

for (const row of ROWS) {
  Deno.test(`docs/smtp.md names what shows ${row.extension}, and it is there`, () => {
    const names = namedBy(row);
    assert(names.length > 0, "no test is named");
    const files = names.map(filesOf);
    assertEquals(names.filter((_, i) => files[i]!.length === 0), []);
    const tests = files.flat().map((path) => textOf(path)).join("\n");
    const programs = [...PROGRAMS].filter(([name]) => row.shownBy.includes(name));
    assert(
      programs.length > 0 || NONE.test(row.shownBy),
      "neither a program nor that there is none",
    );
    assertEquals(programs.filter(([, known]) => !known.test(tests)).map(([name]) => name), []);
  });
}

import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { matches } from "../../policy/password.ts";
import { parseUsers, type Users } from "../../policy/users.ts";
import { run } from "../helpers/program.ts";
import { withTempDir } from "../helpers/temp_dir.ts";

const PROGRAM = "deno-smtp-server: ";

async function usersIn(path: string): Promise<Users> {
  return parseUsers(await Deno.readTextFile(path), new Uint8Array(32));
}

Deno.test("users are added, listed, given another password and removed", () =>
  withTempDir(async (directory) => {
    const path = `${directory}/users.toml`;
    const user = (args: string[], input = "") =>
      run(["user", ...args], { SMTP_USERS: path }, input);
    assertEquals(await user(["add", "anna@example.org"], "first\n"), ended(0));
    assertEquals(
      await user(["add", "scanner", "--from=@example.org", "--from=*", "--argon2id"], "second\r\n"),
      ended(0),
    );
    const list = "anna@example.org  scram  anna@example.org\nscanner  argon2id  @example.org *\n";
    assertEquals(await user(["list"]), ended(0, list));
    const before = await usersIn(path);
    assertEquals(await matches(before.find("anna@example.org")!.password, "first"), true);
    assertEquals(await matches(before.find("scanner")!.password, "second"), true);
    assertEquals(await user(["passwd", "Anna@example.org"], "third"), ended(0));
    const after = await usersIn(path);
    assertEquals(after.all.map(({ name }) => name), ["anna@example.org", "scanner"]);
    assertEquals(await matches(after.find("anna@example.org")!.password, "third"), true);
    assertEquals(await user(["remove", "scanner"]), ended(0));
    assertEquals((await usersIn(path)).all.length, 1);
    assertEquals((await Deno.stat(path)).mode! & 0o777, 0o600);
  }));

function ended(code: number, stdout = "") {
  return { code, stdout, stderr: [] };
}

Deno.test("what cannot be done is a line and status 1, and leaves the file as it was", () =>
  withTempDir(async (directory) => {
    const path = `${directory}/users.toml`;
    const user = (args: string[], input = "secret\n") =>
      run(["user", ...args, "--users", path], {}, input);
    await user(["add", "anna@example.org"]);
    const before = await Deno.readTextFile(path);
    const refused: [string[], string, RegExp][] = [
      [["add", "ANNA@example.org"], "x\n", /^there is a user "anna@example\.org" already$/],
      [["add", "scanner"], "x\n", /^"scanner" is no address: say with --from /],
      [["add", "bert@example.org", "--from", "bert"], "x\n", /^--from "bert": expected an address/],
      [["add", "bert@example.org"], "\n", /^the password is empty/],
      [["add", "bert@example.org"], "a\x07b\n", /^the password is empty, or holds characters/],
      [["add", "bert@example.org"], "x".repeat(2000), /^the password is too long$/],
      [["passwd", "bert@example.org"], "x\n", /^there is no user "bert@example\.org"$/],
      [["remove", "bert@example.org"], "", /^there is no user/],
    ];
    for (const [args, input, message] of refused) {
      const { code, stdout, stderr } = await user(args, input);
      assertEquals([code, stdout, stderr.length], [1, "", 1], stderr.join("\n"));
      assertMatch(stderr[0]!.slice(PROGRAM.length), message);
    }
    assertEquals(await Deno.readTextFile(path), before);
    await Deno.writeTextFile(`${path}.tmp`, "");
    const { stderr } = await user(["remove", "anna@example.org"]);
    assertStringIncludes(stderr[0]!, "another change is under way");
  }));

Deno.test("a wrong command line of user is told with status 2", async () => {
  const wrong: [string[], string][] = [
    [["user"], "user: expected one of add, passwd, list, remove"],
    [["user", "ad", "x"], 'user: unknown command "ad" (did you mean add?)'],
    [["user", "add"], "user add: the name is missing"],
    [["user", "list", "x"], 'unexpected "x"'],
    [["user", "remove", "x", "y"], 'unexpected "y"'],
    [["user", "remove", "x", "--from", "*"], "--from: not a flag of user remove"],
    [["user", "list", "--argon2id"], "--argon2id: not a flag of user list"],
    [["user", "list", "--usres=x"], "unknown flag --usres (did you mean --users?)"],
    [["user", "list", "--users=a", "--users=b"], "--users: given 2 times"],
    [["user", "list"], "user: say with --users which file the users are in"],
    [["--hold", "user", "list"], "user: comes before its flags"],
    [["--listen", "submission://:0"], "--listen: a submission listener needs users"],
    [["--users=/nowhere/u.toml"], 'users "/nowhere/u.toml": cannot be read: '],
  ];
  for (const [args, message] of wrong) {
    const { code, stdout, stderr } = await run(args);
    assertEquals([code, stdout], [2, ""], args.join(" "));
    assert(stderr[0]!.startsWith(PROGRAM + message), stderr[0]);
  }
});

Deno.test("a configuration file names the file of the users too", () =>
  withTempDir(async (directory) => {
    const [users, config] = [`${directory}/users.toml`, `${directory}/mail.toml`];
    await Deno.writeTextFile(config, `users = ${JSON.stringify(users)}\n`);
    const added = await run(["user", "add", "a@example.org", "--config", config], {}, "secret\n");
    assertEquals(added, ended(0));
    assertEquals((await usersIn(users)).all.length, 1);
  }));

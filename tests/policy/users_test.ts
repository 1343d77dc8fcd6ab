import {
  assert,
  assertEquals,
  assertMatch,
  assertNotMatch,
  assertRejects,
  assertThrows,
} from "@std/assert";
import { LoginFailures } from "../../policy/login_failures.ts";
import {
  formatPassword,
  matches,
  parsePassword,
  storeArgon2id,
  type StoredPassword,
  storeScram,
} from "../../policy/password.ts";
import { formatSenderRule, parseSenderRule, ruleForSender } from "../../policy/senders.ts";
import { changeUsers, UserFile } from "../../policy/user_file.ts";
import {
  formatUsers,
  noUsers,
  parseUsers,
  type User,
  Users,
  UsersError,
} from "../../policy/users.ts";
import { withTempDir } from "../helpers/temp_dir.ts";
import { TestClock } from "../helpers/test_clock.ts";

const SALT = new Uint8Array(16).fill(1);
const KEY = new Uint8Array(32).fill(2);
const CHEAP = { memory: 8, passes: 1, lanes: 1 };
const SCRAM = await storeScram("secret", SALT, 4096);
const ARGON2ID = await storeArgon2id("secret", SALT, CHEAP);

function user(name: string, password: StoredPassword, ...from: string[]): User {
  return { name, password, from: from.map(parseSenderRule) };
}

for (const stored of [SCRAM, ARGON2ID]) {
  Deno.test(`a password kept as ${stored.kind} is known again, after it was written and read too`, async () => {
    const again = parsePassword(formatPassword(stored));
    assertEquals(again, stored);
    assertEquals(await matches(again, "secret"), true);
    for (const wrong of ["", "Secret", "secret ", "secre"]) {
      assertEquals(await matches(again, wrong), false, wrong);
    }
  });
}

Deno.test("an Argon2id hash is the one of the reference implementation", async () => {
  // echo -n password | argon2 somesalt -id -t 2 -k 65536 -p 1 -l 32
  const stored = parsePassword(
    "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
  );
  assertEquals(await matches(stored, "password"), true);
});

Deno.test("what is no stored password, or would take all of a machine, is refused without being shown", () => {
  const scram = formatPassword(SCRAM);
  const argon2id = formatPassword(ARGON2ID);
  const bad = [
    "",
    "secret",
    scram.replace("4096", "4095"),
    scram.replace("4096", "999999999"),
    scram.slice(0, -1),
    argon2id.replace("m=8", "m=99999999"),
    argon2id.replace("m=8", "m=7"),
    argon2id.replace("t=1", "t=0"),
    argon2id.replace("argon2id", "argon2i"),
    argon2id + "AA",
  ];
  for (const text of bad) {
    const { message } = assertThrows(() => parsePassword(text), TypeError);
    assert(text === "" || !message.includes(text), message);
  }
});

const RULES = ["anna@example.org", "@list.example.org"].map(parseSenderRule);
const SENDERS: Record<string, boolean> = {
  "anna@example.org": true,
  "Anna@EXAMPLE.org": true,
  "bert@example.org": false,
  "anna@sub.example.org": false,
  "any.one@list.example.org": true,
  "x@notlist.example.org": false,
  '"anna@example.org"@evil.example': false,
  "anna@example.org@evil.example": false,
  "anna": false,
  "": false,
};
for (const [address, allowed] of Object.entries(SENDERS)) {
  Deno.test(`a user with an address and a domain may ${allowed ? "" : "not "}send from <${address}>`, () => {
    assertEquals(ruleForSender(RULES, address) !== undefined, allowed);
    assertEquals(ruleForSender([parseSenderRule("*")], address) !== undefined, true);
  });
}

Deno.test("rules are written as they are read, and others are refused", () => {
  for (const text of ["*", "@example.org", "anna@example.org"]) {
    assertEquals(formatSenderRule(parseSenderRule(text)), text);
  }
  for (const text of ["", "@", "anna", "**", "@a b", "anna@"]) {
    assertThrows(() => parseSenderRule(text), TypeError);
  }
});

Deno.test("a list of users is read as it was written", () => {
  const users = new Users([
    user("anna@example.org", SCRAM, "anna@example.org"),
    user('p "x" \\', ARGON2ID, "*", "@a.example"),
  ], KEY);
  const again = parseUsers(formatUsers(users), new Uint8Array(32));
  assertEquals(again.all, users.all);
  assertEquals(again.decoyKey, KEY);
});

Deno.test("names are found whatever their case and form, and none is there twice", () => {
  const users = new Users([user("Ann\u00adA@example.org", SCRAM, "*")], KEY);
  assertEquals(users.find("anna@EXAMPLE.org")?.name, "Ann\u00adA@example.org");
  assertEquals(users.find("bert"), undefined);
  assertEquals(users.find("__proto__"), undefined);
  assertEquals(users.find(""), undefined);
  const twice = [user("anna", SCRAM, "*"), user("ANNA", SCRAM, "*")];
  assertThrows(() => new Users(twice, KEY), UsersError, "there twice");
});

Deno.test("faults of a list are named with their place, and no hash is in them", () => {
  const hash = formatPassword(SCRAM);
  const faults: [string, RegExp][] = [
    ["[[user]\n", /^line 1, column \d+: not valid TOML$/],
    [`[[user]]\nname = "a"\npassword = "${hash}"\nfrom = ["*"`, /not valid TOML$/],
    ['[[user]]\nname = "a"\n', /^user\.0\.password: /],
    [
      `[[user]]\nname = "a"\npassword = "${hash}x"\nfrom = []\n`,
      /^user\.0\.password: expected a hash/,
    ],
    [
      `[[user]]\nname = "a"\npassword = "${hash}"\nfrom = ["a"]\n`,
      /^user\.0\.from\.0: expected an/,
    ],
    [`[[user]]\nname = "a"\npassword = "${hash}"\nfrom = []\nform = []\n`, /unknown key form$/],
    ["users = []\n", /unknown key users$/],
    ['decoy = "AAAA"\n', /^decoy: expected base64/],
  ];
  for (const [text, expected] of faults) {
    const { message } = assertThrows(() => parseUsers(text, KEY), UsersError);
    assertMatch(message, expected);
    assertNotMatch(message, /SCRAM-SHA-256\$4096/);
  }
});

Deno.test("a name that nobody has looks like a user's, the same at every start, and no password fits it", async () => {
  for (const [stored, kind] of [[SCRAM, "scram"], [ARGON2ID, "argon2id"]] as const) {
    const users = new Users([user("anna", stored, "*")], KEY);
    const decoy = users.decoy("nobody");
    assertEquals(decoy.kind, kind);
    assertEquals(decoy, parseUsers(formatUsers(users), new Uint8Array(32)).decoy("Nobody"));
    assert(JSON.stringify(decoy) !== JSON.stringify(users.decoy("somebody")));
    assertEquals(await matches(decoy, "secret"), false);
  }
  const { salt, iterations } = new Users([user("anna", SCRAM, "*")], KEY).scramKeys("nobody");
  assertEquals([salt.length, iterations], [16, 4096]);
  assertEquals(noUsers(KEY).decoy("nobody").kind, "scram");
});

Deno.test("SCRAM can be offered as long as all users have keys for it", () => {
  assertEquals(new Users([user("a", SCRAM), user("b", SCRAM)], KEY).allHaveScram, true);
  assertEquals(new Users([user("a", SCRAM), user("b", ARGON2ID)], KEY).allHaveScram, false);
});

/** Adds a user to a file. */
function add(path: string, ...more: User[]): Promise<void> {
  return changeUsers(path, KEY, (users) => new Users([...users.all, ...more], users.decoyKey));
}

Deno.test("the file is made for its owner only, and changed as a whole", () =>
  withTempDir(async (directory) => {
    const path = `${directory}/users.toml`;
    await add(path, user("anna", SCRAM, "*"));
    assertEquals((await Deno.stat(path)).mode! & 0o777, 0o600);
    await add(path, user("bert", ARGON2ID, "*"));
    const read = parseUsers(await Deno.readTextFile(path), KEY);
    assertEquals(read.all.map(({ name }) => name), ["anna", "bert"]);
    await assertRejects(() => changeUsers(path, KEY, () => Promise.reject(new Error("no"))), Error);
    assertEquals(parseUsers(await Deno.readTextFile(path), KEY).all, read.all);
    assertEquals(Array.from(Deno.readDirSync(directory), ({ name }) => name), ["users.toml"]);
  }));

Deno.test("two changes at once do not lose one another's: the second is refused", () =>
  withTempDir(async (directory) => {
    const path = `${directory}/users.toml`;
    await Deno.writeTextFile(`${path}.tmp`, "");
    await assertRejects(() => add(path, user("anna", SCRAM)), Deno.errors.AlreadyExists);
    await Deno.stat(`${path}.tmp`); // the other one's, and left to it
  }));

Deno.test("a server reads the file again when it has changed, and keeps the old users when it is wrong", () =>
  withTempDir(async (directory) => {
    const path = `${directory}/users.toml`;
    const clock = new TestClock();
    await add(path, user("anna", SCRAM, "*"));
    const file = await UserFile.open(path, clock, KEY);
    await add(path, user("bert", SCRAM, "*"));
    assertEquals((await file.current()).find("bert"), undefined, "it was looked at just now");
    clock.advance(1000);
    assertEquals((await file.current()).find("bert")?.name, "bert");
    assertEquals(file.users.all.length, 2);
    await Deno.writeTextFile(path, "[[user]\n");
    clock.advance(1000);
    assertEquals((await file.current()).all.length, 2);
    await Deno.remove(path);
    clock.advance(1000);
    assertEquals((await file.current()).all.length, 2);
    await add(path, user("carl", SCRAM, "*"));
    clock.advance(1000);
    assertEquals((await file.current()).all.map(({ name }) => name), ["carl"]);
  }));

Deno.test("a file that is not there, or is no list of users, is an error at the start", () =>
  withTempDir(async (directory) => {
    const path = `${directory}/users.toml`;
    const open = () => UserFile.open(path, new TestClock(), KEY);
    await assertRejects(open, UsersError, "cannot be read: ");
    await Deno.writeTextFile(path, "users = 1\n");
    await assertRejects(open, UsersError, "unknown key users");
  }));

const BOUNDS = { authFailures: 3, authFailuresPerUser: 4 };

Deno.test("failures wait longer and longer, then shut a client out, until it was quiet for ten minutes", () => {
  const clock = new TestClock();
  const failures = new LoginFailures({ ...BOUNDS, authFailures: 6 }, clock);
  const delays = [1, 2, 3, 4, 5, 6].map(() => failures.failed("", "192.0.2.1"));
  assertEquals(delays, [1000, 2000, 4000, 8000, 8000, 8000]);
  assertEquals(failures.isShutOut("192.0.2.1"), true);
  assertEquals(failures.isShutOut("192.0.2.2"), false);
  clock.advance(10 * 60_000);
  assertEquals(failures.isShutOut("192.0.2.1"), true);
  clock.advance(1);
  assertEquals(failures.isShutOut("192.0.2.1"), false);
  assertEquals(failures.failed("", "192.0.2.1"), 1000);
});

Deno.test("a login in between does not buy further guesses", () => {
  const failures = new LoginFailures(BOUNDS, new TestClock());
  for (let i = 0; i < 3; i++) {
    failures.failed("anna", "192.0.2.1");
    failures.succeeded("own", "192.0.2.1");
  }
  assertEquals(failures.isShutOut("192.0.2.1"), true);
});

Deno.test("a name guessed at from many addresses is open only to addresses its user came from", () => {
  const failures = new LoginFailures(BOUNDS, new TestClock());
  failures.succeeded("anna", "198.51.100.1");
  for (let i = 1; i <= 4; i++) {
    assertEquals(failures.isGuarded("anna", "203.0.113.1"), false);
    failures.failed("anna", `192.0.2.${i}`);
  }
  assertEquals(failures.isGuarded("anna", "203.0.113.1"), true);
  assertEquals(failures.isGuarded("anna", "198.51.100.1"), false);
  assertEquals(failures.isGuarded("bert", "203.0.113.1"), false);
});

Deno.test("with bounds of 0 nobody is shut out and no name guarded", () => {
  const failures = new LoginFailures({ authFailures: 0, authFailuresPerUser: 0 }, new TestClock());
  for (let i = 0; i < 100; i++) failures.failed("anna", "192.0.2.1");
  assertEquals(failures.isShutOut("192.0.2.1"), false);
  assertEquals(failures.isGuarded("anna", "192.0.2.2"), false);
});

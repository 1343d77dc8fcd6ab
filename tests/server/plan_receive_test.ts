/** What a plan says of mail before it comes, and that it leaves no trace. */
import { assertEquals, assertRejects } from "@std/assert";
import { DEFAULT_CONFIG, DEFAULT_LIMITS } from "../../config/config.ts";
import { RelayPolicy } from "../../policy/relay.ts";
import { UserFile } from "../../policy/user_file.ts";
import { MemoryQueue } from "../../queue/memory_queue.ts";
import { Events } from "../../server/events.ts";
import { Logins } from "../../server/logins.ts";
import type { PlannedMessage, ReceivePlan } from "../../server/plan_receive.ts";
import { Receiver } from "../../server/receive.ts";
import { SessionStories } from "../../transport/session_stories.ts";
import { withTempDir } from "../helpers/temp_dir.ts";
import { TestClock } from "../helpers/test_clock.ts";
import { ANNA, writeUsers } from "./login_site.ts";

const STRANGER = "192.0.2.1";

/** Plans with a server for `us.test` that trusts 10.0.0.0/8; gives what it says, and how much was told of it. */
function plan(message: PlannedMessage): Promise<ReceivePlan> {
  return withTempDir(async (directory) => {
    const path = `${directory}/users.toml`;
    await writeUsers(path, "scram");
    const clock = new TestClock();
    const userFile = await UserFile.open(path, clock, new Uint8Array(32));
    const queue = new MemoryQueue(clock);
    const stories = {
      take: () => {
        throw new Error("a plan is told");
      },
    };
    const rules = {
      trust: ["10.0.0.0/8"],
      localDomains: ["us.test"],
      localRecipients: ["jo@us.test"],
      trustCertificates: [],
    };
    const config = { ...DEFAULT_CONFIG, ...rules, hostname: "mx.us.test", limits: DEFAULT_LIMITS };
    const asked = () => {
      throw new Error("a plan asks no hook");
    };
    const receiver = new Receiver({
      config,
      queue,
      stories,
      clock,
      relay: new RelayPolicy(rules),
      hooks: { mail: asked },
      events: new Events(),
      sessions: new SessionStories(stories, clock),
      random: () => 0.5,
      logins: new Logins({
        config,
        userFile,
        hooks: {},
        clock,
        random: (length) => new Uint8Array(length),
      }),
      startQueue: () => undefined,
    });
    try {
      return await receiver.plan(message);
    } finally {
      await queue.close();
    }
  });
}

const LIMITED = "not in trust, so limits hold: limits.message_rate 600 (default) and others";
const HOOK = "hook mail, which is not asked for a plan";

const PLANS: Record<string, [PlannedMessage, string, string[]]> = {
  "a stranger's mail to a mailbox that is there": [
    { from: "a@b.test", to: "Jo@us.test", client: STRANGER },
    "250 2.1.5 Recipient OK",
    [LIMITED, "local_recipients jo@us.test", HOOK],
  ],
  "a stranger's mail to somebody else": [
    { from: "a@b.test", to: "c@d.test", client: STRANGER },
    "550 5.7.1 Relaying denied",
    [LIMITED, "is in no local_domain, and its client is not in trust and has not logged in"],
  ],
  "mail of a client that is trusted": [
    { from: "", to: "c@d.test", client: "10.1.2.3" },
    "250 2.1.5 Recipient OK",
    ["trust 10.0.0.0/8", HOOK],
  ],
  "mail of a user": [
    { from: ANNA, to: "c@d.test", client: STRANGER, user: ANNA },
    "250 2.1.5 Recipient OK",
    [LIMITED, `user ${ANNA}, from ${ANNA}`, `user ${ANNA}`, HOOK],
  ],
  "mail of a user from somebody else's address": [
    { from: "boss@example.org", to: "c@d.test", client: STRANGER, user: ANNA },
    "553 5.7.1 You may not send from this address",
    [LIMITED, `user ${ANNA}, from ${ANNA}, @anna.example.org`],
  ],
  "mail of a user whom nobody knows": [
    { from: ANNA, to: "c@d.test", client: STRANGER, user: "bob" },
    "530 5.7.0 Authentication required",
    [LIMITED, "user bob is not in the file of the users"],
  ],
  "mail to what is no address": [
    { from: "a@b.test", to: "c d", client: STRANGER },
    "501 5.1.3 Bad local part",
    [LIMITED, "its address is none (RFC 5321 §4.1.2)"],
  ],
};
for (const [what, [message, reply, rules]] of Object.entries(PLANS)) {
  Deno.test(`the plan for ${what}: ${reply}`, async () => {
    const found = await plan(message);
    assertEquals(found.decisions.map(({ rule }) => rule), rules);
    assertEquals([found.reply, found.accepted], [reply, reply.startsWith("250")]);
  });
}

Deno.test("a client that is no IP address cannot be planned for", async () => {
  await assertRejects(() => plan({ from: "", to: "a@b.test", client: "localhost" }), TypeError);
});

/** Mail that needs 8BITMIME or SMTPUTF8, from Python's smtplib to a Postfix that has them and to one that does not. */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import type { DeliveryError } from "../../mod.ts";
import { hasPostfix, Postfix } from "../helpers/postfix.ts";
import { withTempDir } from "../helpers/temp_dir.ts";
import { tool } from "../helpers/tools.ts";
import { type Outcome, TestServer } from "./test_server.ts";

const ignore = !hasPostfix || tool("python3") === undefined;

const SMTPLIB = `
import smtplib, sys

port, sender, recipient, content = sys.argv[1:]
with smtplib.SMTP("127.0.0.1", int(port), "client.test") as client:
    client.ehlo()
    client.sendmail(sender, [recipient], content.encode(), mail_options=["SMTPUTF8", "BODY=8BITMIME"])
`;

interface Letter {
  readonly from?: string;
  readonly to?: string;
  readonly content?: string;
}

const PLAIN = "Subject: Lunch\r\n\r\nGrüße\r\n";

/** Sends a letter with SMTPUTF8 through a server to a Postfix without these extensions; gives what it took and the outcome. */
async function sent(
  { from = "ann@here.test", to = "bob@there.test", content = PLAIN }: Letter,
  lacking: readonly string[],
  check: (outcome: Outcome, postfix: Postfix) => Promise<void>,
): Promise<void> {
  await Postfix.use(lacking, (postfix) =>
    withTempDir(async (spool) => {
      const smarthost = `smtp://127.0.0.1:${postfix.host.port}`;
      await using server = await TestServer.start({ spool, smarthost });
      const args = ["-c", SMTPLIB, String(server.port), from, to, content];
      const { stderr } = await new Deno.Command(tool("python3")!, { args }).output();
      assertEquals(new TextDecoder().decode(stderr), "");
      await check(await server.outcome(), postfix);
    }));
}

function errorOf(outcome: Outcome): DeliveryError {
  assert(outcome.kind === "bounced", outcome.kind);
  return outcome.error;
}

const NEEDY: readonly (readonly [what: string, letter: Letter, status: string])[] = [
  ["recipient", { to: "böb@there.test" }, "5.6.7"],
  ["sender", { from: "änn@here.test" }, "5.6.7"],
  ["header", { content: "Subject: Grüße\r\n\r\nx\r\n" }, "5.6.9"],
];

for (const [what, letter, status] of NEEDY) {
  Deno.test({
    name: `mail whose ${what} needs SMTPUTF8 goes to a Postfix that offers it, as it is`,
    ignore,
    fn: () =>
      sent(letter, [], async (outcome, postfix) => {
        assertEquals(outcome.kind, "delivered");
        const [message] = await postfix.messages();
        assertStringIncludes(message!, `sender: ${letter.from ?? "ann@here.test"}\n`);
        assertStringIncludes(message!, `recipient: ${letter.to ?? "bob@there.test"}\n`);
        assertStringIncludes(message!, letter.content?.split("\r\n")[0] ?? "Subject: Lunch");
      }),
  });

  Deno.test({
    name:
      `mail whose ${what} needs SMTPUTF8 does not go to a Postfix without it, and fails with ${status}`,
    ignore,
    fn: () =>
      sent(letter, ["smtputf8"], (outcome) => {
        const { enhanced, permanent } = errorOf(outcome);
        assertEquals([enhanced, permanent], [status, true]);
        return Promise.resolve();
      }),
  });
}

Deno.test({
  name:
    "mail that came with SMTPUTF8 and does not need it goes to a Postfix without, a domain as A-labels",
  ignore,
  fn: () =>
    sent({ to: "bob@bücher.test" }, ["smtputf8"], async (outcome, postfix) => {
      assertEquals(outcome.kind, "delivered");
      const [message] = await postfix.messages();
      assertMatch(message!, /^recipient: bob@xn--bcher-kva\.test$/m);
      assertStringIncludes(message!, "Grüße");
    }),
});

Deno.test({
  name: "8-bit content goes to a Postfix without 8BITMIME as it is",
  ignore,
  fn: () =>
    sent({}, ["8bitmime", "smtputf8"], async (outcome, postfix) => {
      assertEquals(outcome.kind, "delivered");
      assertStringIncludes((await postfix.messages())[0]!, "\nGrüße\n");
    }),
});

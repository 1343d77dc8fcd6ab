import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import {
  asciiOrcpt,
  originalRecipient,
  unitextDecoded,
  unitextEncoded,
} from "../../message/dsn_request.ts";
import { decodeXtext } from "../../message/xtext.ts";
import { parseEnvid, parseNotify, parseOrcpt, parseRet } from "../../protocol/dsn_params.ts";
import { RecordingHandler } from "./recording_handler.ts";
import { newSession, say } from "./talk.ts";

/** A text as xtext (RFC 3461 §4), every octet that may be encoded chosen by `also`. */
function xtextOf(text: string, also: (character: string) => boolean): string {
  return text.replace(/[^]/g, (character) => {
    const isPlain = /[!-*,-<>-~]/.test(character) && !also(character);
    return isPlain
      ? character
      : `+${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`;
  });
}

Deno.test("the examples of RFC 3461 §10 are read as they are meant", async () => {
  const handler = new RecordingHandler();
  const session = newSession(handler);
  await say(session, "EHLO Example.ORG\r\n");
  await say(session, "MAIL FROM:<Alice@Example.ORG> RET=HDRS ENVID=QQ314159\r\n");
  await say(
    session,
    "RCPT TO:<Bob@Example.COM> NOTIFY=SUCCESS ORCPT=rfc822;Bob@Example.COM\r\n" +
      "RCPT TO:<Carol@Ivory.EDU> NOTIFY=FAILURE ORCPT=rfc822;Carol@Ivory.EDU\r\n" +
      "RCPT TO:<Dana@Ivory.EDU> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;Dana@Ivory.EDU\r\n" +
      "RCPT TO:<Eric@Bombs.AF.MIL> NOTIFY=FAILURE ORCPT=rfc822;Eric@Bombs.AF.MIL\r\n" +
      "RCPT TO:<Fred@Bombs.AF.MIL> NOTIFY=NEVER\r\n" +
      "RCPT TO:<George@Tax-ME.GOV>\r\n",
  );
  await say(session, "DATA\r\n.\r\n");
  assertEquals(JSON.parse(JSON.stringify(handler.messages[0]!.envelope.dsn)), {
    ret: "HDRS",
    envid: "QQ314159",
    recipients: [
      { notify: ["SUCCESS"], orcpt: "rfc822;Bob@Example.COM" },
      { notify: ["FAILURE"], orcpt: "rfc822;Carol@Ivory.EDU" },
      { notify: ["SUCCESS", "FAILURE"], orcpt: "rfc822;Dana@Ivory.EDU" },
      { notify: ["FAILURE"], orcpt: "rfc822;Eric@Bombs.AF.MIL" },
      { notify: [] },
      {},
    ],
  });
});

Deno.test("an envelope without such parameters says nothing of them", async () => {
  const handler = new RecordingHandler();
  const session = newSession(handler);
  await say(session, "EHLO a\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\nDATA\r\n.\r\n");
  assert(!("dsn" in handler.messages[0]!.envelope));
});

Deno.test("what is asked of a recipient that is refused is asked of nobody", async () => {
  const handler = new RecordingHandler();
  const session = newSession(handler);
  await say(session, "EHLO a\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\n");
  await say(session, "RCPT TO:<unknown@d.example> NOTIFY=NEVER\r\n");
  await say(session, "RCPT TO:<e@d.example> NOTIFY=SUCCESS\r\nDATA\r\n.\r\n");
  const { recipients, dsn } = handler.messages[0]!.envelope;
  assertEquals(recipients, ["c@d.example", "e@d.example"]);
  assertEquals(dsn!.recipients!.map(({ notify }) => notify), [undefined, ["SUCCESS"]]);
});

Deno.test("xtext stands for the text it was made of, however much of it is encoded", () => {
  const text = fc.stringMatching(/^[ -~]{1,33}$/);
  fc.assert(fc.property(text, fc.string(), (original, more) => {
    const xtext = xtextOf(original, (character) => more.includes(character));
    assertEquals(decodeXtext(xtext), original);
    assert(parseEnvid(xtext).ok, xtext);
    const orcpt = `rfc822;${xtext}`;
    assert(parseOrcpt(orcpt).ok, orcpt);
    assertEquals(originalRecipient(orcpt), { type: "rfc822", address: original });
  }));
});

Deno.test("an address beyond US-ASCII has one meaning in all the forms of RFC 6533", () => {
  const address = fc.stringMatching(/^[!-~ü¼世𝄞é]{1,20}$/u);
  fc.assert(fc.property(address, (original) => {
    const encoded = unitextEncoded(original);
    assert(/^[!-~]+$/.test(encoded), encoded);
    assertEquals(unitextDecoded(encoded), original);
    const mixed = `utf-8;${encoded.replace(/\\x\{(FC|BC|4E16|1D11E|E9)\}/g, unitextDecoded)}`;
    assert(parseOrcpt(mixed).ok, mixed);
    assert(parseOrcpt(asciiOrcpt(mixed)).ok);
    assertEquals(asciiOrcpt(mixed), `utf-8;${encoded}`);
    assertEquals(originalRecipient(mixed), { type: "utf-8", address: original });
  }));
});

Deno.test("whatever a client gives, it is refused or decodes to one printable line", () => {
  const value = fc.oneof(
    fc.string({ unit: "binary", maxLength: 600 }),
    fc.array(fc.constantFrom("rfc822;", "utf-8;", "+0D", "+0A", "+2B", "\\x{", "A}", "d", ";", "@"))
      .map((parts) => parts.join("")),
  );
  fc.assert(
    fc.property(value, (text) => {
      const orcpt = parseOrcpt(text);
      if (orcpt.ok) {
        assert(text.length <= 500);
        const { address } = originalRecipient(text);
        // deno-lint-ignore no-control-regex
        assert(!/[\x00-\x1f\x7f-\x9f\u2028\u2029]/.test(address) && address.isWellFormed());
      }
      if (parseEnvid(text).ok) assert(/^[ -~]{1,100}$/.test(decodeXtext(text)!));
      for (const other of [parseRet(text), parseNotify(text)]) {
        if (!other.ok) assertEquals([other.reply.code, other.reply.enhanced], [501, "5.5.4"]);
      }
    }),
    { numRuns: 2000 },
  );
});

Deno.test("NOTIFY names each event once, in the order given", () => {
  const given = parseNotify("delay,SUCCESS,Delay");
  assertEquals(given, { ok: true, value: { notify: ["DELAY", "SUCCESS"] } });
});

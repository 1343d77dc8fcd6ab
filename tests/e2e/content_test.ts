/** Content of every kind on its way through the server, by DATA, by BDAT and from an application: what arrives is what was sent. */
import { assert, assertEquals, assertMatch, assertNotMatch } from "@std/assert";
import type { StartOptions } from "../../mod.ts";
import { FALSE_ENDS } from "../helpers/false_ends.ts";
import { NpmMailHost } from "../helpers/npm_mail_host.ts";
import { greet, hear, hearTheEnd, say, ScriptedPeer, takeMail } from "../helpers/scripted_peer.ts";
import { withTempDir } from "../helpers/temp_dir.ts";
import { type Framing, type Handover, handOver, octetsOf, textOf } from "./hand_over.ts";
import { TestServer } from "./test_server.ts";

const HEAD = "From: <a@here.test>\r\nSubject: x\r\n\r\n";
const ALL_OCTETS = String.fromCharCode(...Array(256).keys()).replace(/[\r\n]/g, "");

/** Kinds of content, octets as characters of the same number; each is whole lines. */
const CONTENTS: Record<string, string> = {
  "a small message": `${HEAD}Hello\r\n`,
  "a message of 30 MiB": `${HEAD}${"A line among many.\r\n.A dot\r\n".repeat(4)}${
    `${"x".repeat(70)}\r\n`.repeat(30 * 2 ** 20 / 72)
  }`,
  "an 8-bit message": `${HEAD}Gr\u00fc\u00dfe\r\n${ALL_OCTETS}\r\n`,
  "an 8-bit message that is UTF-8": `${HEAD}${textOf(new TextEncoder().encode("Grüße, 世界"))}\r\n`,
  "a message with lines of 998 octets": HEAD + `${"x".repeat(998)}\r\n`.repeat(300),
  "a message with one line of 300,000 octets": `${HEAD}${"x".repeat(300_000)}\r\n`,
  "a message with dots at line starts":
    `${HEAD}.\r\n..\r\n...\r\n.foo\r\nfoo.\r\n . \r\n\r\n.\r\n\r\n.\r\n`,
  "a message that is a dot": ".\r\n",
  "a message of nothing but line ends": "\r\n\r\n\r\n",
  "an empty message": "",
};

/** A relay, the host behind it, and ways to bring it a message. */
interface Relay {
  readonly server: TestServer;
  readonly next: NpmMailHost;
}

async function withRelay(check: (relay: Relay) => Promise<void>): Promise<void> {
  await withTempDir(async (spool) => {
    await using next = await NpmMailHost.start();
    await using server = await TestServer.start({ ...toHost(next.port), spool });
    await check({ server, next });
  });
}

function toHost(port: number): Pick<StartOptions, "smarthost"> {
  return { smarthost: `smtp://127.0.0.1:${port}` };
}

/** Brings content to the server in one of the ways there are. */
async function bring(server: TestServer, message: Handover, by: Framing | "send"): Promise<void> {
  if (by === "send") {
    await server.send({ from: "a@here.test", to: "b@there.test", content: message.content });
  } else {
    assertMatch(await handOver(server.port, message, by), /^250 2\.0\.0 /);
  }
  assertEquals((await server.outcome()).kind, "delivered");
}

/** The one message that came to the host behind since the last look, less our trace header; octets as characters. */
function arrived({ next }: Relay): string {
  const [message, ...others] = next.taken.splice(0);
  assert(message, "nothing arrived");
  assertEquals(others, []);
  const whole = textOf(message.content);
  const trace = /^Received: [^\r\n]*\r\n(?:[ \t][^\r\n]*\r\n)*/.exec(whole);
  assert(trace, whole.slice(0, 1000));
  return whole.slice(trace[0].length);
}

/** As `assertEquals`, but does not search megabytes for what to show. */
function assertSame(actual: string, expected: string): void {
  if (actual === expected) return;
  assertEquals(actual.length, expected.length);
  const at = Array.from(actual).findIndex((char, i) => char !== expected[i]);
  assertEquals([at, actual.slice(at, at + 100)], [at, expected.slice(at, at + 100)]);
}

/** The ways as test names say them. */
const HOW = { DATA: "by DATA", BDAT: "by BDAT", send: "from an application" };

for (const [kind, content] of Object.entries(CONTENTS)) {
  for (const by of ["DATA", "BDAT", "send"] as const) {
    Deno.test(`${kind} that came ${HOW[by]} arrives octet for octet`, () =>
      withRelay(async (relay) => {
        await bring(relay.server, { content: octetsOf(content) }, by);
        assertSame(arrived(relay), content);
      }));
  }
}

for (const by of ["BDAT", "send"] as const) {
  Deno.test(`a last line without its end that came ${HOW[by]} gets one, and nothing else`, () =>
    withRelay(async (relay) => {
      await bring(relay.server, { content: octetsOf(`${HEAD}no end`) }, by);
      assertSame(arrived(relay), `${HEAD}no end\r\n`);
    }));
}

Deno.test("UTF-8 in both addresses and in the header section arrives as it was", () =>
  withRelay(async (relay) => {
    const [from, to] = ["jürgen@grüße.test", "用户@例え.test"];
    const content = new TextEncoder().encode(`From: ${from}\r\nSubject: 世界\r\n\r\nПривет\r\n`);
    const message = { from, to, parameters: "BODY=8BITMIME SMTPUTF8", content };
    await bring(relay.server, message, "DATA");
    const { from: sender, recipients } = relay.next.taken[0]!;
    assertEquals([sender, recipients], [from, [to]]);
    assertSame(arrived(relay), textOf(content));
  }));

/** Line ends and dots that a receiver that is not strict takes for the end of the data (SMTP smuggling). */
const ENDS = [...FALSE_ENDS, "\r\n.\r\n", "\r\n..\r\n"];
const SMUGGLED = "MAIL FROM:<evil@here.test>\r\nRCPT TO:<b@there.test>\r\nDATA\r\nevil\r\n.\r\n";

/** The same with every line end made CRLF, as our server sends it. */
function normalized(content: string): string {
  return content.replace(/\r\n|\r|\n/g, "\r\n");
}

Deno.test("whatever an application puts into a message, the next host sees one message with clean line ends", async () => {
  const contents = ENDS.map((end) => `${HEAD}good${end}${SMUGGLED}`);
  const takeAll = contents.flatMap(() => takeMail());
  const script = [...greet(), ...takeAll, hear("QUIT"), say("221 bye"), hearTheEnd()];
  const peer = new ScriptedPeer([script]);
  await withTempDir(async (spool) => {
    const options = { ...toHost(peer.host.port), spool, hostname: "me.test" };
    await using server = await TestServer.start(options);
    for (const content of contents) {
      await bring(server, { content: octetsOf(content) }, "send");
    }
  });
  await peer.close();
  assertEquals(peer.sessions.length, 1);
  const wires = peer.sessions[0]!.contents;
  for (const [i, content] of contents.entries()) {
    const wire = wires[i]!.slice(0, -".\r\n".length);
    assertNotMatch(wire, /(?<!\r)\n|\r(?!\n)/);
    assertNotMatch(wire, /(?<=^|\n)\.(?!\.)/);
    const whole = wire.replace(/(?<=^|\n)\.\./g, ".");
    assert(whole.endsWith(normalized(content)), JSON.stringify(whole));
  }
});

Deno.test("whatever comes by BDAT, the next host sees one message or none", () =>
  withRelay(async (relay) => {
    for (const end of ENDS) {
      const content = `${HEAD}good${end}${SMUGGLED}`;
      const message = { content: octetsOf(content) };
      if (content === normalized(content)) {
        await bring(relay.server, message, "BDAT");
        assertSame(arrived(relay), content);
      } else {
        assertMatch(await handOver(relay.server.port, message, "BDAT"), /^550 5\.6\.11 /);
        assertEquals([relay.server.waiting, relay.next.taken], [0, []]);
      }
    }
  }));

/** XCLIENT at a server that decides by who the client is. */
import { assertEquals, assertMatch } from "@std/assert";
import { refuse } from "../../policy/hooks.ts";
import type { Peer } from "../transport/peer.ts";
import { inMemory, received, withReceiver } from "./receiving.ts";

const PROXY = {
  trust: ["198.51.100.0/24"],
  xclientHosts: ["127.0.0.1"],
  localDomains: ["us.example"],
};

/** Says who the client is; gives the reply, and the one to EHLO after it. */
async function speakFor(peer: Peer, claims: string): Promise<string[]> {
  return [await peer.ask(`XCLIENT ${claims}`), await peer.ask("EHLO client.example")];
}

/** The code of the reply to a recipient elsewhere. */
async function relaying(peer: Peer): Promise<string> {
  await peer.ask("MAIL FROM:<a@b.test>");
  const code = (await peer.ask("RCPT TO:<c@elsewhere.example>")).slice(0, 3);
  await peer.ask("RSET");
  return code;
}

Deno.test("who may relay, and who brought a message, goes by whom XCLIENT names", () =>
  withReceiver(inMemory, PROXY, async ({ connect, queue }) => {
    const peer = await connect();
    await peer.hello();
    assertEquals(await relaying(peer), "550");
    const [greeting, hello] = await speakFor(peer, "ADDR=198.51.100.7 PORT=4711 NAME=x.example");
    assertMatch(greeting!, /^220 mx\.example\.org /);
    assertMatch(hello!, /^250[ -]XCLIENT /m);
    assertEquals(await relaying(peer), "250");
    await speakFor(peer, "ADDR=203.0.113.9");
    assertEquals(await relaying(peer), "550");
    await speakFor(peer, "LOGIN=jo");
    assertEquals(await relaying(peer), "250");
    await speakFor(peer, "LOGIN=[UNAVAILABLE]");
    assertEquals(await relaying(peer), "550");
    assertMatch(await peer.send("Subject: x\r\n\r\nx", "a@b.test", "d@us.example"), /^250 /);
    const { message, text } = await received(queue);
    assertEquals(message.envelope.client.address, "203.0.113.9");
    assertMatch(text, /^Received: from client\.example \(\[203\.0\.113\.9\]\)/);
  }));

Deno.test("limits for each address go by whom XCLIENT names", () =>
  withReceiver(inMemory, { ...PROXY, limits: { messageRate: 1 } }, async ({ connect }) => {
    const peer = await connect();
    await peer.hello();
    for (
      const [address, code] of [["203.0.113.9", "250"], ["203.0.113.9", "450"], [
        "203.0.113.8",
        "250",
      ]]
    ) {
      await speakFor(peer, `ADDR=${address}`);
      assertEquals((await peer.ask("MAIL FROM:<a@b.test>")).slice(0, 3), code);
      await peer.ask("RSET");
    }
  }));

Deno.test("whom XCLIENT names may be turned away as if they had connected", () => {
  const hooks = {
    connect: ({ address }: { address: string }) =>
      address === "203.0.113.9" ? refuse(554, "5.7.1", "Not from you") : undefined,
  };
  return withReceiver(inMemory, { ...PROXY, hooks }, async ({ connect }) => {
    const peer = await connect();
    await peer.hello();
    await peer.say("XCLIENT ADDR=203.0.113.9\r\n");
    assertEquals(await peer.toEnd(), "554 5.7.1 Not from you\n");
  });
});

Deno.test("who is not named by xclient_hosts may not say whom it speaks for", () =>
  withReceiver(inMemory, { ...PROXY, xclientHosts: ["127.0.0.2"] }, async ({ connect }) => {
    const peer = await connect();
    await peer.reply();
    assertEquals((await peer.ask("EHLO client.example")).includes("XCLIENT"), false);
    assertEquals(
      await peer.ask("XCLIENT ADDR=198.51.100.7"),
      "550 5.7.0 Insufficient authorization",
    );
    assertEquals(await relaying(peer), "550");
  }));

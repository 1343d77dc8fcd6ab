import { assert, assertEquals } from "@std/assert";
import { canVerify, unverifiedTls } from "../../transport/client_tls.ts";
import { ServerTls } from "../../transport/server_tls.ts";
import { closeQuietly } from "../../transport/stream.ts";
import { makeAuthority } from "../helpers/certificates.ts";

const certificate = await (await makeAuthority()).issue(["mx.test"]);

/** Both ends of a connection over loopback. */
async function connected(): Promise<[Deno.TcpConn, Deno.TcpConn]> {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const ends = await Promise.all([
    Deno.connect({ hostname: "127.0.0.1", port: (listener.addr as Deno.NetAddr).port }),
    listener.accept(),
  ]);
  listener.close();
  return ends;
}

const CUT_HELLO = Uint8Array.of(0x16, 3, 1, 0, 200, 1);

Deno.test("a peer that hangs up during the handshake is noticed at once, on either side", async () => {
  for (const sent of [new Uint8Array(0), CUT_HELLO]) {
    for (const upgrade of [new ServerTls([certificate]).accept, unverifiedTls("mx.test")]) {
      const [ours, theirs] = await connected();
      const { stream, handshake } = await upgrade(ours);
      if (sent.length > 0) await theirs.write(sent);
      theirs.close();
      const error = await handshake.then(() => undefined, (error: unknown) => error);
      assert(error instanceof Error);
      closeQuietly(stream);
    }
  }
});

Deno.test("only names that the runtime can verify are taken for such", async () => {
  const names = ["mx.test", "mx1", "1a.b", "a_.b", "_a.b", "xn--a.b", "127.0.0.1", "::1"];
  const others = ["mx.1", "1.2.3", "-a.b", "a-.b", "a..b", "[::1]", "fe80::1%lo", "a b"];
  for (const name of [...names, ...others, `${"x".repeat(63)}.b`, `${"x".repeat(64)}.b`]) {
    const [ours, theirs] = await connected();
    const started = Deno.startTls(ours, { hostname: name });
    const starts = await started.then((tls) => (tls.close(), true), () => (ours.close(), false));
    assertEquals(canVerify(name), starts, name);
    theirs.close();
  }
});

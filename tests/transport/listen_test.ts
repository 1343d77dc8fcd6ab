import {
  assert,
  assertEquals,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { closeQuietly } from "../../transport/stream.ts";
import { BoundAddress, listen, ListenError, type Listening } from "../../transport/listen.ts";
import { withTransport } from "./running.ts";

/** A server whose machine has no IPv6 listens on IPv4 alone. */
const HAS_IPV6 = canListenOnSix();

function canListenOnSix(): boolean {
  try {
    Deno.listen({ hostname: "::1", port: 0 }).close();
    return true;
  } catch {
    return false;
  }
}

/** Whether a connection to the address is accepted by one of the sockets. */
async function isReachable({ sockets, address }: Listening, hostname: string): Promise<boolean> {
  const accepted = Promise.race(sockets.map((socket) => socket.accept()));
  using _ours = await Deno.connect({ hostname, port: address.port });
  using theirs = await accepted;
  return theirs.localAddr.port === address.port;
}

function closeAll({ sockets }: Listening): void {
  sockets.forEach(closeQuietly);
}

Deno.test("port 0 takes a free port, and the address says which", async () => {
  const listening = listen({ hostname: "127.0.0.1", port: 0, tls: false });
  try {
    const { address } = listening;
    assert(address.port > 0);
    assertEquals(`${address}`, `127.0.0.1:${address.port}`);
    assert(await isReachable(listening, "127.0.0.1"));
  } finally {
    closeAll(listening);
  }
});

Deno.test("an address without a host is reached over IPv4", async () => {
  const listening = listen({ port: 0, tls: false });
  try {
    assert(await isReachable(listening, "127.0.0.1"));
  } finally {
    closeAll(listening);
  }
});

Deno.test({
  name: "an address without a host is reached over IPv6 on the same port",
  ignore: !HAS_IPV6,
  fn: async () => {
    const listening = listen({ port: 0, tls: false });
    try {
      assertEquals(`${listening.address}`, `[::]:${listening.address.port}`);
      assert(await isReachable(listening, "::1"));
    } finally {
      closeAll(listening);
    }
  },
});

Deno.test("addresses are written as they are given on the command line", () => {
  assertEquals(`${new BoundAddress("::1", 25, { tls: false })}`, "[::1]:25");
  assertEquals(`${new BoundAddress("192.0.2.1", 465, { tls: true })}`, "smtps://192.0.2.1:465");
  const proxied = new BoundAddress("::", 465, { tls: true, proxied: true });
  assertEquals(`${proxied}`, "smtps+proxy://[::]:465");
});

Deno.test("a port in use is an error that names the address, with and without a host", () => {
  const first = listen({ hostname: "127.0.0.1", port: 0, tls: false });
  const { port } = first.address;
  try {
    const error = assertThrows(
      () => listen({ hostname: "127.0.0.1", port, tls: true }),
      ListenError,
    );
    assertEquals(
      error.message,
      `cannot listen on smtps://127.0.0.1:${port}: the address is in use`,
    );
  } finally {
    closeAll(first);
  }
  const everywhere = listen({ port: 0, tls: false });
  try {
    const { port } = everywhere.address;
    const error = assertThrows(() => listen({ port, tls: false }), ListenError);
    assertEquals(error.message, `cannot listen on :${port}: the address is in use`);
  } finally {
    closeAll(everywhere);
  }
});

Deno.test("an address of no interface, and a name that is none, are errors that name them", () => {
  const far = assertThrows(
    () => listen({ hostname: "192.0.2.1", port: 0, tls: false }),
    ListenError,
  );
  assertEquals(far.message, "cannot listen on 192.0.2.1:0: no interface has this address");
  const unknown = assertThrows(
    () => listen({ hostname: "no-such-host.invalid", port: 2525, tls: false }),
    ListenError,
  );
  assertStringIncludes(unknown.message, "cannot listen on no-such-host.invalid:2525: ");
});

Deno.test("when one of several addresses cannot be listened on, none is", async () => {
  using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  using free = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = free.addr;
  free.close();
  const here = { hostname: "127.0.0.1", tls: false };
  const addresses = [{ ...here, port }, { ...here, port: taken.addr.port }];
  await assertRejects(
    () => withTransport({ listen: addresses }, () => Promise.resolve()),
    ListenError,
    `127.0.0.1:${taken.addr.port}`,
  );
  Deno.listen({ hostname: "127.0.0.1", port }).close();
});

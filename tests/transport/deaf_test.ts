/** Listeners whose sockets give no connections any more. */
import { assertEquals } from "@std/assert";
import { Peer } from "./peer.ts";
import { until, withTransport } from "./running.ts";

/** The sockets that are listened with from now on, until it is disposed of. */
class ListenSpy implements Disposable {
  readonly sockets: Deno.TcpListener[] = [];
  readonly #listen = Deno.listen;

  constructor() {
    const spy = (options: Deno.TcpListenOptions) => {
      const socket = this.#listen(options);
      this.sockets.push(socket);
      return socket;
    };
    Deno.listen = spy as typeof Deno.listen;
  }

  [Symbol.dispose](): void {
    Deno.listen = this.#listen;
  }
}

Deno.test("a listener that fails three times in a row lets nobody in, and the others do", async () => {
  using spy = new ListenSpy();
  await withTransport({}, async ({ transport, clock }) => {
    const [first, second] = [transport.addresses[0]!, transport.addresses[1]!];
    assertEquals(transport.deaf, []);
    spy.sockets[0]!.close();
    for (const deaf of [[], [], [first], [first]]) {
      await until(() => clock.timers > 0);
      assertEquals(transport.deaf, deaf);
      clock.advance(100);
    }
    (await Peer.connect(second)).close();
  });
});

Deno.test("a server that stops listens nowhere", () =>
  withTransport({}, async ({ transport }) => {
    const { addresses } = transport;
    await transport.stop(0);
    assertEquals(transport.deaf, addresses);
  }));

import { assertEquals, assertLess } from "@std/assert";
import { ServerTls } from "../../transport/server_tls.ts";
import { type ByteStream, closeQuietly, writeAll } from "../../transport/stream.ts";
import { CERTIFICATE, HOSTNAME, someTurns } from "./running.ts";

const MIB = 2 ** 20;

/** Counts what is read from a stream. */
class Counted implements ByteStream {
  octets = 0;
  readonly #stream: ByteStream;

  constructor(stream: ByteStream) {
    this.#stream = stream;
  }

  async read(buffer: Uint8Array): Promise<number | null> {
    const n = await this.#stream.read(buffer);
    this.octets += n ?? 0;
    return n;
  }

  write(bytes: Uint8Array): Promise<number> {
    return this.#stream.write(bytes);
  }

  close(): void {
    this.#stream.close();
  }
}

/** The server's side of a TLS connection and what is under it, and the client's. */
async function connected(): Promise<{ under: Counted; server: ByteStream; client: Deno.TlsConn }> {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { hostname, port } = listener.addr;
  const [plain, accepted] = await Promise.all([
    Deno.connect({ hostname, port }),
    listener.accept(),
  ]);
  const under = new Counted(accepted);
  const { stream: server, handshake } = await new ServerTls([CERTIFICATE]).accept(under);
  const client = await Deno.startTls(plain, { hostname: HOSTNAME, caCerts: [CERTIFICATE.cert] });
  await Promise.all([client.handshake(), handshake]);
  return { under, server, client };
}

Deno.test("what nobody reads from a TLS connection is left with the peer, and comes when it is read", async () => {
  const { under, server, client } = await connected();
  const sent = new Uint8Array(32 * MIB); // more than the system keeps for a connection
  const sending = writeAll(client, sent);
  await someTurns();
  assertLess(under.octets, MIB);
  const buffer = new Uint8Array(64 * 1024);
  let got = 0;
  while (got < sent.length) got += await server.read(buffer) ?? Infinity;
  await sending;
  assertEquals(got, sent.length);
  client.close();
  closeQuietly(server);
});

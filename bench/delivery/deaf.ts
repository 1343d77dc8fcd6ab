/** A mail host that is there, and of no use. */

/** Where such hosts are; beside the ones that answer, on the same port. */
export const DEAF_ADDRESS = "127.0.0.2";

/** A host that accepts connections and never says a word. */
export class DeafHost {
  /** Where it listens. */
  readonly port: number;
  readonly #listener: Deno.TcpListener;
  readonly #conns: Deno.Conn[] = [];
  readonly #serving: Promise<void>;

  /** Listens on an address of its own, {@linkcode DEAF_ADDRESS}. */
  constructor(port: number) {
    this.port = port;
    this.#listener = Deno.listen({ hostname: DEAF_ADDRESS, port });
    this.#serving = this.#accept();
  }

  /** Hangs up on all. */
  async close(): Promise<void> {
    this.#listener.close();
    await this.#serving;
    for (const conn of this.#conns) conn.close();
  }

  async #accept(): Promise<void> {
    for await (const conn of this.#listener) this.#conns.push(conn);
  }
}

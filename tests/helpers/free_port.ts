/** Ports for programs that cannot take port 0 and say which one they got. */

/** A port that is free now on each of these addresses, by UDP too as far as TCP can tell. */
export function freePort(...hostnames: readonly string[]): number {
  while (true) {
    const taken: Deno.Listener[] = [];
    try {
      let port = 0;
      for (const hostname of hostnames) {
        const listener = Deno.listen({ hostname, port });
        taken.push(listener);
        port = (listener.addr as Deno.NetAddr).port;
      }
      return port;
    } catch (error) {
      if (!(error instanceof Deno.errors.AddrInUse)) throw error; // one of them has it: another
    } finally {
      for (const listener of taken) listener.close();
    }
  }
}

/** XCLIENT as swaks says it. */
import { assertEquals, assertRejects } from "@std/assert";
import { MAIL_CLIENTS } from "../helpers/mail_clients.ts";
import { withTempDir } from "../helpers/temp_dir.ts";
import { TestServer } from "./test_server.ts";

const swaks = MAIL_CLIENTS.find(({ name }) => name === "swaks")!;
const MAIL = { from: "a@here.test", to: ["b@there.test"], content: "Subject: x\r\n\r\nx\r\n" };

for (const tls of [false, true]) {
  const how = tls ? "in TLS" : "in plaintext";
  Deno.test({
    name: `swaks may relay ${how} for a trusted client that its XCLIENT names, and for no other`,
    ignore: !swaks.installed,
    fn: () =>
      withTempDir(async (spool) => {
        const received: unknown[] = [];
        await using server = await TestServer.start({
          spool,
          xclientHosts: ["127.0.0.1"],
          trust: ["192.0.2.0/24"],
          hold: true,
          on: {
            accepted: ({ envelope: { client } }) =>
              received.push([client.address, client.port, client.helo]),
          },
        });
        const send = (address: string) =>
          swaks.send({ ...MAIL, tls, port: server.port, xclient: { address, port: 4711 } });
        await send("192.0.2.77");
        await assertRejects(() => send("198.51.100.7"), Error, "550 5.7.1 Relaying denied");
        assertEquals(received, [["192.0.2.77", 4711, "client.test"]]);
      }),
  });
}

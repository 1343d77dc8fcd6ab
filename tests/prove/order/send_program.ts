/**
 * An application that sends mail of its own: `send_program.ts MOD SPOOL PORT`. It
 * says on standard output, in the words of the SMTP reply, which messages it was
 * told are queued, and stops.
 *
 * @module
 */
import { large, small } from "../rig/mail.ts";

const [mod, spool, port] = Deno.args;
const { start }: typeof import("../../../mod.ts") = await import(mod!);
const server = await start({
  listen: "127.0.0.1:0",
  hostname: "application.test",
  spool: spool!,
  smarthost: `smtp://127.0.0.1:${port}`,
  allowPrivate: true,
});
for (const { sender, recipients, content } of [small("sent0"), large("sent1")]) {
  const { id } = await server.send({ from: sender, to: recipients, content });
  console.log(`Queued as ${id}`);
}
await server.stop();

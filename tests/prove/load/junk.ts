/**
 * A client that sends nothing but commands that do not exist.
 *
 * @module
 */
import { OctetTalk } from "../octet_talk.ts";

/** Says so many of them at once; gives the codes of the replies up to the end of the connection. */
export async function talkJunk(port: number, commands: number): Promise<number[]> {
  using talk = await OctetTalk.open(port);
  await talk.reply();
  // The server hangs up long before all of it is sent.
  const saying = talk.send("JUNK of no use\r\n".repeat(commands)).catch(() => {});
  const codes: number[] = [];
  const listening = async () => {
    while (codes.push((await talk.reply()).code) < commands);
  };
  await listening().catch(() => {});
  await saying;
  return codes;
}

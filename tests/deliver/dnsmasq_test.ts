import { assertEquals } from "@std/assert";
import { systemClock } from "../../base/clock.ts";
import { DnsResolver } from "../../deliver/dns.ts";
import { tool } from "../helpers/tools.ts";

const CONFIG = `
no-resolv
no-hosts
no-poll
local=/test/
mx-host=example.test,mx2.example.test,20
mx-host=example.test,mx1.example.test,10
host-record=mx1.example.test,127.0.0.2
host-record=mx2.example.test,127.0.0.3,2001:db8::3
cname=alias.example.test,mx1.example.test
`;

/** A port that is free now, by UDP too as far as TCP can tell. */
function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}

async function waitForStart(stderr: ReadableStream<Uint8Array>): Promise<void> {
  let said = "";
  for await (const text of stderr.pipeThrough(new TextDecoderStream())) {
    said += text;
    if (said.includes("started, version")) return;
  }
  throw new Error(`dnsmasq did not start: ${said}`);
}

const dnsmasq = tool("dnsmasq");

Deno.test({
  name: "a real name server (dnsmasq) is understood: MX, addresses, aliases, absence, refusal",
  ignore: dnsmasq === undefined,
  fn: async () => {
    const file = await Deno.makeTempFile({ suffix: ".conf" });
    await Deno.writeTextFile(file, CONFIG);
    const port = freePort();
    const where = [`--port=${port}`, "--listen-address=127.0.0.1", "--bind-interfaces"];
    const child = new Deno.Command(dnsmasq!, {
      args: [
        "--keep-in-foreground",
        "--log-facility=-",
        `--conf-file=${file}`,
        "--user=",
        ...where,
      ],
      stdin: "null",
      stdout: "null",
      stderr: "piped",
    }).spawn();
    try {
      await waitForStart(child.stderr);
      const resolver = new DnsResolver({
        nameServer: { host: "127.0.0.1", port },
        clock: systemClock,
      });
      assertEquals(await resolver.mx("example.test"), {
        kind: "found",
        records: [
          { preference: 10, exchange: "mx1.example.test" },
          { preference: 20, exchange: "mx2.example.test" },
        ],
      });
      const mx2 = { kind: "found" as const, records: ["127.0.0.3", "2001:db8::3"] };
      assertEquals(await resolver.addresses("mx2.example.test"), mx2);
      const alias = { kind: "found" as const, records: ["127.0.0.2"] };
      assertEquals(await resolver.addresses("alias.example.test"), alias);
      assertEquals(await resolver.mx("mx1.example.test"), { kind: "none" });
      assertEquals(await resolver.mx("nowhere.test"), { kind: "no-such-domain" });
      assertEquals(await resolver.addresses("nowhere.test"), { kind: "no-such-domain" });
      assertEquals((await resolver.mx("elsewhere.example")).kind, "no-answer");
    } finally {
      child.kill();
      await child.status;
      await Deno.remove(file);
    }
  },
});

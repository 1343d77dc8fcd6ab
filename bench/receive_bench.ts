/** What receiving costs around the conversation: a client's verdict, the Received field, a log record. */
import { encode } from "../base/bytes.ts";
import type { LogRecord } from "../base/log.ts";
import { jsonLine, prettyLine } from "../config/log_format.ts";
import { receivedHeader, type Trace } from "../message/received.ts";
import { Networks } from "../policy/networks.ts";

const NOW = Date.UTC(2026, 0, 1);

const networks = new Networks(["127.0.0.0/8", "::1/128", "198.51.100.0/24"]);
let host = 0;
Deno.bench("the network of a client that came before", { group: "client" }, () => {
  networks.has("192.0.2.1");
});
Deno.bench("the network of a new client", { group: "client" }, () => {
  host = (host + 1) % 0x1000000;
  networks.has(`10.${host >> 16}.${host >> 8 & 255}.${host & 255}`);
});

const trace: Trace = {
  client: { address: "192.0.2.1", port: 4321, helo: "client.example", protocol: "ESMTP" },
  hostname: "mx.example",
  id: "01JQ0000000000000000000000",
  recipients: ["someone@mail.example.com"],
  now: NOW,
};
const room = new Uint8Array(4096);
Deno.bench("a Received field in a kept buffer", { group: "trace" }, () => {
  receivedHeader(trace, room);
});
Deno.bench("a Received field of its own", { group: "trace" }, () => void receivedHeader(trace));

const accepted: LogRecord = {
  time: NOW,
  level: "info",
  room: "receive",
  message: "accepted",
  fields: {
    id: trace.id,
    client: trace.client.address,
    from: "someone@mail.example.com",
    recipients: 1,
    size: 4373,
    messageId: "<20260101000000.1234@client.example>",
  },
};
Deno.bench("a log record for people", { group: "log" }, () => void prettyLine(accepted, false));
Deno.bench("a log record in JSON", { group: "log" }, () => void jsonLine(accepted));
Deno.bench("its octets", { group: "log" }, () => void encode(prettyLine(accepted, false)));

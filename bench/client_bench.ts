/**
 * What handing a message over costs: 4 KiB messages into Postfix's smtp-sink,
 * over one connection and over twenty. The whole machine is shared with the sink.
 * Prints processor time, which `deno bench` does not, and is left out without a sink.
 *
 * @module
 */
import { cpuUsage } from "node:process";
import { encode } from "../base/bytes.ts";
import { systemClock } from "../base/clock.ts";
import { DEFAULT_DELIVERY } from "../config/config.ts";
import type { Transaction } from "../deliver/client.ts";
import { type ConnectOptions, openClient } from "../deliver/connect.ts";
import type { Host } from "../deliver/route.ts";
import { UnverifiableHosts } from "../deliver/unverifiable.ts";
import { memoryContent } from "../queue/content.ts";
import { Deadlines } from "../transport/deadlines.ts";
import { SmtpSink } from "../tests/helpers/smtp_sink.ts";
import { tool } from "../tests/helpers/tools.ts";

const MESSAGES = 20_000;
const LINE = "x".repeat(70) + "\r\n";
const content = memoryContent(encode(`Subject: bench\r\n\r\n${LINE.repeat(57)}`));

const transaction: Transaction = {
  reversePath: "a@me.test",
  recipients: ["b@mx.test"],
  smtputf8: false,
  binary: false,
  eightBit: false,
  size: content.size,
  content,
};

const options: ConnectOptions = {
  hostname: "me.test",
  settings: DEFAULT_DELIVERY,
  deadlines: new Deadlines(systemClock),
  clock: systemClock,
  unverifiable: new UnverifiableHosts(systemClock),
};

async function send(host: Host, count: number): Promise<void> {
  const client = await openClient(host, options);
  for (let i = 0; i < count; i++) {
    const { outcomes: [outcome], reply } = await client.transact(transaction);
    if (outcome!.kind !== "delivered") throw new Error(reply);
  }
  await client.quit();
}

async function measure(host: Host, connections: number): Promise<void> {
  const cpu = cpuUsage();
  const begun = performance.now();
  const share = MESSAGES / connections;
  await Promise.all(Array.from({ length: connections }, () => send(host, share)));
  const seconds = (performance.now() - begun) / 1000;
  const { user, system } = cpuUsage();
  const micros = (user - cpu.user + system - cpu.system) / MESSAGES;
  const rate = Math.round(MESSAGES / seconds);
  console.log(`${connections} connections: ${rate} messages/s, ${micros.toFixed(0)} µs CPU each`);
}

async function measureAll(program: string): Promise<void> {
  const sink = await SmtpSink.start(program);
  try {
    await measure(sink.host, 20); // warm-up
    for (const connections of [1, 20]) await measure(sink.host, connections);
  } finally {
    await sink.stop();
  }
}

const program = tool("smtp-sink");
if (program !== undefined) await measureAll(program);
else console.log("smtp-sink is not installed: handing over is not measured");

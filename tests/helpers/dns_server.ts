/**
 * A name server under a test's control, on 127.0.0.1 by UDP and TCP. Each
 * question is answered by its script: records, an error, silence or garbage.
 */
import { Buffer } from "node:buffer";
import { createSocket, type Socket } from "node:dgram";
import dnsPacket from "dns-packet";
import type { NameServer } from "../../config/config.ts";

/** The record types that can be scripted. */
export type RecordType = "MX" | "A" | "AAAA";

/** A record of an answer; its owner is the name asked for unless given. */
export type ScriptedRecord =
  | { type: "MX"; preference: number; exchange: string; name?: string }
  | { type: "A" | "AAAA"; address: string; name?: string }
  | { type: "CNAME"; target: string; name?: string };

/** What the server does with a question. */
export type Answer =
  /** These records; none is "the name exists, but has no such record". */
  | ScriptedRecord[]
  | "NXDOMAIN"
  | "SERVFAIL"
  | "REFUSED"
  /** No answer at all. */
  | "drop"
  /** Octets that are no DNS message. */
  | "garbage"
  /** An answer to another question, that claims the name does not exist. */
  | "other-question"
  /** By UDP an empty answer marked as truncated, by TCP these records. */
  | { truncated: ScriptedRecord[] | "NXDOMAIN" | "other-question" }
  /** By UDP an empty answer marked as truncated, by TCP a closed connection. */
  | "truncated-then-closed"
  /** The same, but the connection stays open. */
  | "truncated-then-silent";

/** A question that came. */
export interface Asked {
  name: string;
  type: string;
  transport: "udp" | "tcp";
  /** Whether it came with EDNS, as the runtime's own resolver asks; our second question has none. */
  edns: boolean;
}

interface Codec {
  encode(message: object): Uint8Array<ArrayBuffer>;
  decode(octets: Buffer): {
    id: number;
    flag_ad: boolean;
    questions: { name: string; type: string; class: string }[];
    additionals: { type: string }[];
  };
  TRUNCATED_RESPONSE: number;
  AUTHENTIC_DATA: number;
}
const codec: Codec = dnsPacket;

const RCODES = new Map([["NXDOMAIN", 3], ["SERVFAIL", 2], ["REFUSED", 5]]);

/** The server. A name without any script does not exist; one with a script for another type has no such record. */
export class DnsServer implements AsyncDisposable {
  /** The questions so far. */
  readonly asked: Asked[] = [];
  readonly #scripts = new Map<string, { first: Answer; second: Answer }>();
  readonly #names = new Set<string>();
  readonly #proven = new Set<string>();
  #waiting: { matches: (asked: Asked) => boolean; resolve: () => void }[] = [];
  readonly #connections = new Set<Deno.Conn>();
  readonly #serving: Promise<void>;

  private constructor(readonly socket: Socket, readonly listener: Deno.TcpListener) {
    socket.on("message", (octets, from) => {
      const answer = this.#answer(octets, "udp");
      if (answer !== undefined) socket.send(answer, from.port, from.address);
    });
    this.#serving = this.#serveTcp();
  }

  /** Starts one on a free port. */
  static async start(): Promise<DnsServer> {
    while (true) {
      const socket = createSocket("udp4");
      await new Promise<void>((bound) => socket.bind(0, "127.0.0.1", () => bound()));
      try {
        const { port } = socket.address();
        return new DnsServer(socket, Deno.listen({ hostname: "127.0.0.1", port }));
      } catch (error) {
        await new Promise<void>((closed) => socket.close(() => closed()));
        if (!(error instanceof Deno.errors.AddrInUse)) throw error; // the TCP port of that number is taken: another
      }
    }
  }

  /** Where it listens. */
  get nameServer(): NameServer {
    return { host: "127.0.0.1", port: this.socket.address().port };
  }

  /** Scripts the answer to a question. With two, the first is for the runtime's resolver, the second for the question after it. */
  script(name: string, type: RecordType, first: Answer, second: Answer = first): void {
    this.#names.add(name.toLowerCase());
    this.#scripts.set(`${type} ${name.toLowerCase()}`, { first, second });
  }

  /** Scripts MX records, e.g. `mx("example.test", [10, "a.example.test"])`. */
  mx(name: string, ...records: [preference: number, exchange: string][]): void {
    this.script(
      name,
      "MX",
      records.map(([preference, exchange]) => ({ type: "MX", preference, exchange })),
    );
  }

  /** Scripts the addresses of a host. */
  host(name: string, ...addresses: string[]): void {
    for (const type of ["A", "AAAA"] as const) {
      const own = addresses.filter((address) => address.includes(":") === (type === "AAAA"));
      this.script(name, type, own.map((address) => ({ type, address })));
    }
  }

  /** Lets it say of a name that it has validated what it answers (the AD bit), to those who ask to be told. */
  prove(name: string): void {
    this.#proven.add(name.toLowerCase());
  }

  /** Resolves when a question that matches has come, now or earlier. */
  async heard(matches: (asked: Asked) => boolean): Promise<void> {
    if (this.asked.some(matches)) return;
    await new Promise<void>((resolve) => this.#waiting.push({ matches, resolve }));
  }

  /** Lets another server answer every further question by UDP as well, from its own port. */
  passQuestionsTo(other: DnsServer): void {
    this.socket.on("message", (octets, from) => {
      const answer = other.#answer(octets, "udp");
      if (answer !== undefined) other.socket.send(answer, from.port, from.address);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.listener.close();
    for (const connection of this.#connections) connection.close();
    await this.#serving;
    await new Promise<void>((closed) => this.socket.close(() => closed()));
  }

  #answer(octets: Buffer, transport: "udp" | "tcp"): Uint8Array<ArrayBuffer> | undefined {
    const query = codec.decode(octets);
    const question = query.questions[0]!;
    const edns = query.additionals.some(({ type }) => type === "OPT");
    const asked: Asked = { name: question.name, type: question.type, transport, edns };
    this.asked.push(asked);
    const ready = this.#waiting.filter(({ matches }) => matches(asked));
    this.#waiting = this.#waiting.filter((waiting) => !ready.includes(waiting));
    ready.forEach(({ resolve }) => resolve());
    const isProven = query.flag_ad && this.#proven.has(asked.name.toLowerCase());
    return this.#encode(query.id, question, this.#scriptOf(asked), transport, isProven);
  }

  #scriptOf({ name, type, edns }: Asked): Answer {
    const key = name.toLowerCase();
    const script = this.#scripts.get(`${type} ${key}`);
    if (script === undefined) return this.#names.has(key) ? [] : "NXDOMAIN";
    return edns ? script.first : script.second;
  }

  #encode(
    id: number,
    question: { name: string; type: string; class: string },
    answer: Answer,
    transport: "udp" | "tcp",
    isProven: boolean,
  ): Uint8Array<ArrayBuffer> | undefined {
    const message = (flags: number, records: ScriptedRecord[] = [], asked = question) =>
      codec.encode({
        type: "response",
        id,
        flags: isProven ? flags | codec.AUTHENTIC_DATA : flags,
        questions: [asked],
        answers: records.map((record) => onTheWire(record, question.name)),
      });
    if (Array.isArray(answer)) return message(0, answer);
    if (typeof answer === "object") {
      if (transport === "udp") return message(codec.TRUNCATED_RESPONSE);
      return this.#encode(id, question, answer.truncated, transport, isProven);
    }
    switch (answer) {
      case "drop":
        return undefined;
      case "garbage":
        return new Uint8Array([id >> 8, id & 255, 0x81, 0x80, 0, 1, 255, 255, 192, 12, 192]);
      case "other-question":
        return message(3, [], { ...question, name: "other.example" });
      case "truncated-then-closed":
        return transport === "udp" ? message(codec.TRUNCATED_RESPONSE) : new Uint8Array();
      case "truncated-then-silent":
        return transport === "udp" ? message(codec.TRUNCATED_RESPONSE) : undefined;
      default:
        return message(RCODES.get(answer)!);
    }
  }

  async #serveTcp(): Promise<void> {
    const open: Promise<void>[] = [];
    for await (const connection of this.listener) {
      this.#connections.add(connection);
      open.push(this.#serveConnection(connection).catch(() => {}));
    }
    await Promise.all(open);
  }

  /** Answers one question, and hangs up; empty octets stand for no more than that. */
  async #serveConnection(connection: Deno.Conn): Promise<void> {
    try {
      const octets = Buffer.alloc(1024);
      let size = 0;
      while (size < 2 || size < 2 + octets[0]! * 256 + octets[1]!) {
        const read = await connection.read(octets.subarray(size));
        if (read === null) return;
        size += read;
      }
      const answer = this.#answer(octets.subarray(2, size), "tcp");
      if (answer === undefined) await connection.read(octets); // silence, until the other side hangs up
      else if (answer.length > 0) await connection.write(withLength(answer));
    } finally {
      if (this.#connections.delete(connection)) connection.close();
    }
  }
}

function withLength(octets: Uint8Array): Uint8Array {
  return new Uint8Array([octets.length >> 8, octets.length & 255, ...octets]);
}

function onTheWire(record: ScriptedRecord, asked: string): object {
  const name = record.name ?? asked;
  switch (record.type) {
    case "MX": {
      const { preference, exchange } = record;
      return { name, type: "MX", ttl: 60, class: "IN", data: { preference, exchange } };
    }
    case "CNAME":
      return { name, type: "CNAME", ttl: 60, class: "IN", data: record.target };
    default:
      return { name, type: record.type, ttl: 60, class: "IN", data: record.address };
  }
}

/**
 * How much those who connect to the API may take up, and what they are told who may
 * not: so many connections, so many requests of one ahead of their answers, and
 * nothing for what is no HTTP. Every answer is a problem in JSON, as the API's own.
 *
 * @module
 */
import { type IncomingMessage, type Server, type ServerResponse, STATUS_CODES } from "node:http";
import type { Duplex } from "node:stream";
import { encode } from "../base/bytes.ts";
import { Problem, problemHeaders } from "./problem.ts";

/** Connections that are answered at once. */
const MOST_CONNECTIONS = 64;
/** Connections beyond these, which are asked to come back later; more are closed without a word. */
const MOST_TURNED_AWAY = 192;
/**
 * Requests of one connection under way. The answers go in order, so each is kept until those
 * before it were read: who never reads would have all of them kept. No program of today sends
 * its requests ahead (RFC 9112 §9.3.2), so what is more than these is an attack.
 */
const MOST_AHEAD = 8;

/** What has come to a place where the API listens. */
export interface ConnectionTally {
  /** Connections that are open. */
  readonly open: number;
  /** How many were too many, and told so. */
  readonly refused: number;
}

/** The connections of one listener. */
export class Connections {
  /** Those that are answered. */
  readonly #seated = new Set<Duplex>();
  readonly #underWay = new WeakMap<Duplex, Set<ServerResponse>>();
  #refused = 0;

  /** Watches over a server's. */
  constructor(server: Server) {
    server.maxConnections = MOST_CONNECTIONS + MOST_TURNED_AWAY;
    server.on("connection", (socket) => {
      if (!this.#seat(socket)) this.#refused++;
    });
    server.on("clientError", (error, socket) => this.#refuse(error, socket));
  }

  /** How many there are, and were too many. */
  get tally(): ConnectionTally {
    return { open: this.#seated.size, refused: this.#refused };
  }

  /** Whether a request is to be answered. If not, it has been, or its connection is broken off. */
  admit({ socket }: IncomingMessage, response: ServerResponse): boolean {
    // Of requests that were read in one piece the rest still come.
    if (socket.destroyed) return false;
    const underWay = this.#underWayOn(socket);
    if (underWay.size >= MOST_AHEAD) {
      socket.destroy();
      return false;
    }
    underWay.add(response);
    response.once("close", () => underWay.delete(response));
    if (this.#seat(socket)) return true;
    const problem = new Problem("overloaded", `${MOST_CONNECTIONS} connections are open already`);
    const { text, fields } = parting(problem);
    response.writeHead(problem.status, fields).end(text);
    return false;
  }

  /** Gives a connection a place, if there is one: also to one that had none when it was opened. */
  #seat(socket: Duplex): boolean {
    if (this.#seated.has(socket)) return true;
    if (this.#seated.size >= MOST_CONNECTIONS || socket.destroyed) return false;
    this.#seated.add(socket);
    socket.once("close", () => this.#seated.delete(socket));
    return true;
  }

  #underWayOn(socket: Duplex): Set<ServerResponse> {
    const known = this.#underWay.get(socket);
    if (known !== undefined) return known;
    const none = new Set<ServerResponse>();
    this.#underWay.set(socket, none);
    return none;
  }

  /** Says what is wrong with what came, unless an answer is half sent already, and closes (RFC 9112 §9.6). */
  #refuse(error: Error, socket: Duplex): void {
    const isAnswered = [...this.#underWayOn(socket)].some(({ headersSent }) => headersSent);
    if (!socket.writable || isAnswered) return void socket.destroy();
    const problem = problemOf(error);
    const { text, fields } = parting(problem);
    const head = [
      `HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status]}`,
      ...Object.entries(fields).map(([name, value]) => `${name}: ${value}`),
    ];
    socket.end(`${head.join("\r\n")}\r\n\r\n${text}`, () => socket.destroy());
  }
}

/** What the parser calls what it cannot go on after. */
function problemOf(error: Error): Problem {
  const code = "code" in error ? error.code : undefined;
  if (code === "HPE_HEADER_OVERFLOW") {
    return new Problem("header_too_large", "the header section is too large");
  }
  if (code === "ERR_HTTP_REQUEST_TIMEOUT") {
    return new Problem("timeout", "the request did not come in time");
  }
  return new Problem("bad_request", "this is no request of HTTP/1.1");
}

/** A problem as the last answer on its connection. */
function parting(problem: Problem): { text: string; fields: Record<string, string> } {
  const text = JSON.stringify(problem.body);
  const fields = {
    "content-type": "application/json",
    "content-length": String(encode(text).length),
    "connection": "close",
    ...problemHeaders(problem),
  };
  return { text, fields };
}

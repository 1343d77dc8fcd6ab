/**
 * A mail host by npm's smtp-server, which shares no code with ours: takes
 * everything, keeps the exact octets, and can do TLS and AUTH.
 */
import type { Buffer } from "node:buffer";
import type { AddressInfo } from "node:net";
import { SMTPServer, type SMTPServerOptions, type SMTPServerSession } from "smtp-server";
import { concat } from "../../base/bytes.ts";
import type { Certificate } from "../../config/config.ts";

/** A message as it came. */
export interface NpmTaken {
  readonly from: string;
  readonly recipients: readonly string[];
  /** Without dot-stuffing, with its last line end. */
  readonly content: Uint8Array;
  /** What TLS it came by, e.g. `TLSv1.3`; undefined in plaintext. */
  readonly tls: string | undefined;
  /** Whether it came with REQUIRETLS (RFC 8689). */
  readonly requireTls: boolean;
  /** Who logged in to send it. */
  readonly user: string | undefined;
}

/** What the host does beyond taking mail. */
export interface NpmMailHostOptions {
  /** Where it listens; default 127.0.0.1. */
  readonly address?: string;
  /** Default a free one. */
  readonly port?: number;
  /** With one it offers STARTTLS. */
  readonly certificate?: Certificate;
  /** Whether TLS begins at once instead. */
  readonly implicitTls?: boolean;
  /** Who has to log in before any mail is taken; in plaintext too, where a client does that. */
  readonly credentials?: { readonly user: string; readonly password: string };
  /** Whether REQUIRETLS is offered, once TLS is there. */
  readonly requireTls?: boolean;
  /** Recipients that are told to come again later. */
  readonly busy?: readonly string[];
}

/** A listening host. */
export class NpmMailHost implements AsyncDisposable {
  /** The messages so far. */
  readonly taken: NpmTaken[] = [];
  /** Passwords that were tried, right or wrong. */
  readonly passwords: string[] = [];
  readonly #server: SMTPServer;

  private constructor(
    { certificate, implicitTls, requireTls, credentials, busy = [] }: NpmMailHostOptions,
  ) {
    const disabled = [certificate ? [] : "STARTTLS", credentials ? [] : "AUTH"];
    const options: SMTPServerOptions = {
      ...certificate,
      secure: implicitTls ?? false,
      disabledCommands: disabled.flat(),
      hideREQUIRETLS: !requireTls,
      authOptional: credentials === undefined,
      allowInsecureAuth: true,
      disableReverseLookup: true,
      closeTimeout: 0,
      onAuth: ({ username: user, password }, _session, done) => {
        this.passwords.push(password ?? "");
        const isRight = user === credentials?.user && password === credentials?.password;
        if (isRight) done(null, { user });
        else done(new Error("wrong password"));
      },
      onRcptTo: ({ address }, _session, done) =>
        busy.includes(address) ? done(refusal(450, "come again later")) : done(),
      onData: (stream, session, done) => {
        stream.toArray().then((chunks: Buffer[]) => {
          this.taken.push(takenOf(session, concat(chunks)));
          done();
        }, done);
      },
    };
    this.#server = new SMTPServer(options);
    // A client that breaks its handshake off is what some tests are about.
    this.#server.on("error", () => {});
  }

  /** Starts one. */
  static async start(options: NpmMailHostOptions = {}): Promise<NpmMailHost> {
    const host = new NpmMailHost(options);
    const { port = 0, address = "127.0.0.1" } = options;
    await new Promise<void>((ready) => host.#server.listen(port, address, ready));
    return host;
  }

  /** Where it listens. */
  get port(): number {
    return (this.#server.server.address() as AddressInfo).port;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await new Promise<void>((closed) => this.#server.close(() => closed()));
  }
}

function refusal(responseCode: number, text: string): Error {
  return Object.assign(new Error(text), { responseCode });
}

function takenOf(session: SMTPServerSession, content: Uint8Array): NpmTaken {
  const { mailFrom, rcptTo, requireTLS } = session.envelope;
  return {
    from: mailFrom ? mailFrom.address : "",
    recipients: rcptTo.map(({ address }) => address),
    content,
    tls: session.tlsOptions ? session.tlsOptions.version : undefined,
    requireTls: requireTLS ?? false,
    user: session.user,
  };
}

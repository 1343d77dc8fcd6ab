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
  /** Who logged in to send it. */
  readonly user: string | undefined;
}

/** What the host does beyond taking mail. */
export interface NpmMailHostOptions {
  /** Port 0, the default, takes a free one. */
  readonly port?: number;
  /** Where it listens; default 127.0.0.1. */
  readonly address?: string;
  /** With one it offers STARTTLS. */
  readonly certificate?: Certificate;
  /** Whether TLS begins at once instead. */
  readonly implicitTls?: boolean;
  /** Who has to log in, over TLS, before any mail is taken. */
  readonly credentials?: { readonly user: string; readonly password: string };
}

/** A listening host. */
export class NpmMailHost implements AsyncDisposable {
  /** The messages so far. */
  readonly taken: NpmTaken[] = [];
  /** Passwords that were tried, right or wrong. */
  readonly passwords: string[] = [];
  /** What it heard clients say in EHLO, one entry for each connection that got so far. */
  connections = 0;
  readonly #server: SMTPServer;

  private constructor(options: NpmMailHostOptions) {
    const { certificate, credentials, implicitTls = false } = options;
    const disabled = [certificate ? [] : "STARTTLS", credentials ? [] : "AUTH"].flat();
    this.#server = new SMTPServer(
      {
        ...certificate,
        secure: implicitTls,
        disabledCommands: disabled,
        authOptional: credentials === undefined,
        disableReverseLookup: true,
        closeTimeout: 0,
        onConnect: (_session, done) => {
          this.connections++;
          done();
        },
        onAuth: ({ username, password }, _session, done) => {
          this.passwords.push(password ?? "");
          const isRight = username === credentials?.user && password === credentials?.password;
          if (isRight) done(null, { user: username });
          else done(new Error("wrong password"));
        },
        onData: (stream, session, done) => {
          stream.toArray().then((chunks: Buffer[]) => {
            this.taken.push(takenOf(session, concat(chunks)));
            done();
          }, done);
        },
      } satisfies SMTPServerOptions,
    );
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

function takenOf(session: SMTPServerSession, content: Uint8Array): NpmTaken {
  const { mailFrom, rcptTo } = session.envelope;
  return {
    from: mailFrom ? mailFrom.address : "",
    recipients: rcptTo.map(({ address }) => address),
    content,
    tls: session.tlsOptions ? session.tlsOptions.version : undefined,
    user: session.user,
  };
}

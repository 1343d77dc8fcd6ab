/**
 * The certificates that the server shows its clients: those of files, looked at
 * again every minute; those that the application gave; or else one of its own
 * making, renewed before it ends. One that cannot be used any more is logged, and
 * the one before it stays.
 *
 * @module
 */
import type { Clock } from "../base/clock.ts";
import { log } from "../base/log.ts";
import type { Certificate, Config } from "../config/config.ts";
import { readKeyPair } from "../config/pem.ts";
import { keptCertificate } from "../transport/certificate.ts";
import { ServerTls, type ServerTlsOptions } from "../transport/server_tls.ts";

/** How often the files are read again, ms. */
const FILES_CHECK = 60 * 1000;
/** How often the kept certificate is looked at, ms. */
const KEPT_CHECK = 24 * 60 * 60 * 1000;

const logger = log("certificates");

/** What of the configuration says which they are. */
type Sources = Pick<
  Config,
  | "certificates"
  | "certificateFiles"
  | "tlsMinVersion"
  | "trustCertificates"
  | "spool"
  | "hostname"
>;

/** The server's certificates. */
export class Certificates {
  /** Shows them. */
  readonly tls: ServerTls;
  #config: Sources;
  readonly #clock: Clock;
  #shown: readonly Certificate[];
  #cancelCheck: () => void = () => {};
  /** The look at them that is under way. */
  #check: Promise<void> | undefined;
  #stopped = false;
  /** What was said last about why they cannot be replaced. */
  #complaint: string | undefined;

  private constructor(shown: readonly Certificate[], config: Sources, clock: Clock) {
    this.tls = new ServerTls(shown, tlsOptions(config));
    this.#shown = shown;
    this.#config = config;
    this.#clock = clock;
  }

  /**
   * Begins with those of the configuration, or with the one in the spool.
   *
   * @throws {Error} of the file system, when that cannot be read or made.
   */
  static async open(config: Sources, clock: Clock): Promise<Certificates> {
    return new Certificates(await configured(config, clock), config, clock);
  }

  /**
   * Gives what shows those of another configuration from now on.
   *
   * @throws {Error} of the file system, or {TypeError} for what is no certificate with its key
   */
  async prepare(config: Sources): Promise<() => void> {
    const shown = await configured(config, this.#clock);
    const replace = this.tls.prepare(shown, tlsOptions(config));
    return () => {
      replace();
      this.#shown = shown;
      this.#config = config;
      this.#complaint = undefined;
      this.#cancelCheck();
      this.watch();
    };
  }

  /** Looks at them from time to time, where they can change. */
  watch(): void {
    const { certificates, certificateFiles } = this.#config;
    if (certificateFiles.length > 0) this.#checkAfter(FILES_CHECK);
    else if (certificates.length === 0) this.#checkAfter(KEPT_CHECK);
  }

  /** Looks no more. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#cancelCheck();
    await this.#check;
  }

  #checkAfter(ms: number): void {
    this.#cancelCheck = this.#clock.after(ms, () => {
      const config = this.#config;
      this.#check = this.#refresh(config).then(() => {
        // Else another look is booked already, at those of another configuration.
        if (!this.#stopped && config === this.#config) this.#checkAfter(ms);
      });
    });
  }

  async #refresh(config: Sources): Promise<void> {
    try {
      const found = await this.#read();
      if (config !== this.#config) return;
      this.#complaint = undefined;
      if (isSame(found, this.#shown)) return;
      this.tls.replace(found);
      this.#shown = found;
      logger.info("certificates replaced", { certificates: found.length });
    } catch (error) {
      this.#complain(error instanceof Error ? error.message : String(error));
    }
  }

  /** Says why the certificates stay as they are, once: a file that is being written is whole at the next look. */
  #complain(why: string): void {
    if (why !== this.#complaint) logger.error("cannot replace the certificates", { error: why });
    this.#complaint = why;
  }

  /** As they are now. */
  async #read(): Promise<readonly Certificate[]> {
    const { certificateFiles } = this.#config;
    if (certificateFiles.length === 0) return [await kept(this.#config, this.#clock)];
    return await Promise.all(
      certificateFiles.map(({ cert, key }) =>
        readKeyPair({ path: cert, where: "tls_cert" }, { path: key, where: "tls_key" })
      ),
    );
  }
}

/** Those that a configuration says. */
async function configured(config: Sources, clock: Clock): Promise<readonly Certificate[]> {
  const { certificates } = config;
  return certificates.length > 0 ? certificates : [await kept(config, clock)];
}

function tlsOptions({ tlsMinVersion, trustCertificates }: Sources): ServerTlsOptions {
  return { minVersion: tlsMinVersion, askCertificate: trustCertificates.length > 0 };
}

function kept({ spool, hostname }: Sources, clock: Clock): Promise<Certificate> {
  return keptCertificate(spool, hostname, clock);
}

function isSame(some: readonly Certificate[], others: readonly Certificate[]): boolean {
  return some.every(({ cert, key }, i) => cert === others[i]?.cert && key === others[i]?.key);
}

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
import { ServerTls } from "../transport/server_tls.ts";

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
  readonly #config: Sources;
  readonly #clock: Clock;
  #shown: readonly Certificate[];
  #cancelCheck: () => void = () => {};
  /** The look at them that is under way. */
  #check: Promise<void> | undefined;
  #stopped = false;
  /** What was said last about why they cannot be replaced. */
  #complaint: string | undefined;

  private constructor(shown: readonly Certificate[], config: Sources, clock: Clock) {
    this.tls = new ServerTls(shown, {
      minVersion: config.tlsMinVersion,
      askCertificate: config.trustCertificates.length > 0,
    });
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
    const given = config.certificates;
    const shown = given.length > 0 ? given : [await kept(config, clock)];
    return new Certificates(shown, config, clock);
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
      this.#check = this.#refresh().then(() => {
        if (!this.#stopped) this.#checkAfter(ms);
      });
    });
  }

  async #refresh(): Promise<void> {
    try {
      const found = await this.#read();
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

function kept({ spool, hostname }: Sources, clock: Clock): Promise<Certificate> {
  return keptCertificate(spool, hostname, clock);
}

function isSame(some: readonly Certificate[], others: readonly Certificate[]): boolean {
  return some.every(({ cert, key }, i) => cert === others[i]?.cert && key === others[i]?.key);
}

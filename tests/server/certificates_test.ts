import { assert, assertEquals } from "@std/assert";
import { DEFAULT_CONFIG } from "../../config/config.ts";
import { Certificates } from "../../server/certificates.ts";
import { selfSignedCertificate } from "../../transport/certificate.ts";
import { withTempDir } from "../helpers/temp_dir.ts";
import { TestClock } from "../helpers/test_clock.ts";
import { until } from "../helpers/waiting.ts";
import { Peer } from "../transport/peer.ts";
import { HOSTNAME, withTransport } from "../transport/running.ts";

const FIRST = await selfSignedCertificate(HOSTNAME, Date.now());
const SECOND = await selfSignedCertificate(HOSTNAME, Date.now());
const MINUTE = 60_000;

/** Certificates that are read from two files and watched. */
interface Watched {
  readonly certificates: Certificates;
  readonly clock: TestClock;
  write(name: "cert" | "key", text: string): Promise<void>;
  /** Lets a minute pass and the look at the files end. */
  minute(): Promise<void>;
  /** Whether clients are shown this certificate. */
  shows(cert: string): Promise<boolean>;
}

function withFiles(check: (watched: Watched) => Promise<void>): Promise<void> {
  return withTempDir(async (directory) => {
    const clock = new TestClock();
    const write = (name: string, text: string) =>
      Deno.writeTextFile(`${directory}/${name}.pem`, text);
    await write("cert", FIRST.cert);
    await write("key", FIRST.key);
    const certificateFiles = [{ cert: `${directory}/cert.pem`, key: `${directory}/key.pem` }];
    const config = {
      ...DEFAULT_CONFIG,
      hostname: HOSTNAME,
      certificates: [FIRST],
      certificateFiles,
    };
    const certificates = await Certificates.open(config, clock);
    certificates.watch();
    await withTransport({ tls: certificates.tls }, async ({ transport }) => {
      const minute = async () => {
        clock.advance(MINUTE);
        await until(() => clock.timers > 0);
      };
      const shows = async (cert: string) => {
        const shown = Peer.connectTls(transport.addresses[1]!, HOSTNAME, cert);
        return await shown.then((peer) => (peer.close(), true), () => false);
      };
      await check({ certificates, clock, write, minute, shows });
    });
    await certificates.stop();
    assertEquals(clock.timers, 0);
  });
}

Deno.test("a certificate whose files change is shown within a minute, without a restart", () =>
  withFiles(async ({ write, minute, shows }) => {
    assert(await shows(FIRST.cert));
    await write("cert", SECOND.cert);
    await write("key", SECOND.key);
    await minute();
    assertEquals([await shows(FIRST.cert), await shows(SECOND.cert)], [false, true]);
  }));

Deno.test("while a certificate and its key do not belong together the ones before stay", () =>
  withFiles(async ({ write, minute, shows }) => {
    await write("cert", SECOND.cert);
    await minute();
    assert(await shows(FIRST.cert), "half of a change was taken");
    await write("key", "not a key");
    await minute();
    assert(await shows(FIRST.cert));
    await write("key", SECOND.key);
    await minute();
    assert(await shows(SECOND.cert), "the whole change was not taken");
  }));

Deno.test("files that stay as they are leave sessions that can be resumed alone", () =>
  withFiles(async ({ certificates, minute }) => {
    const { tls } = certificates;
    tls.replace = () => {
      throw new Error("replaced");
    };
    await minute();
    await minute();
  }));

Deno.test("certificates that an application gave are not looked for again", async () => {
  const clock = new TestClock();
  const config = { ...DEFAULT_CONFIG, hostname: HOSTNAME, certificates: [FIRST] };
  const certificates = await Certificates.open(config, clock);
  certificates.watch();
  assertEquals(clock.timers, 0);
  await certificates.stop();
});

/** Client certificates as a way to be allowed to relay, with swaks. */
import { assertEquals, assertRejects } from "@std/assert";
import { createHash, X509Certificate } from "node:crypto";
import { makeAuthority } from "../helpers/certificates.ts";
import { MAIL_CLIENTS } from "../helpers/mail_clients.ts";
import { withTempDir } from "../helpers/temp_dir.ts";
import { TestServer } from "./test_server.ts";

const swaks = MAIL_CLIENTS.find(({ name }) => name === "swaks")!;

Deno.test({
  name: "swaks may relay with a certificate that is on the list, and not with another or none",
  ignore: !swaks.installed,
  fn: () =>
    withTempDir(async (directory) => {
      const authority = await makeAuthority();
      const [listed, other] = [
        await authority.issue(["a.test"]),
        await authority.issue(["b.test"]),
      ];
      const fingerprint = createHash("sha256").update(new X509Certificate(listed.cert).raw);
      await using server = await TestServer.start({
        spool: `${directory}/spool`,
        trust: [],
        trustCertificates: [fingerprint.digest("hex")],
        hold: true,
      });
      const send = async (shown?: typeof listed) => {
        const files = { cert: `${directory}/cert.pem`, key: `${directory}/key.pem` };
        await Deno.writeTextFile(files.cert, shown?.cert ?? "");
        await Deno.writeTextFile(files.key, shown?.key ?? "");
        const certificate = shown && files;
        const mail = {
          from: "a@here.test",
          to: ["b@there.test"],
          content: "Subject: x\r\n\r\nx\r\n",
        };
        await swaks.send({ ...mail, port: server.port, tls: true, certificate });
      };
      await assertRejects(() => send(), Error, "550 5.7.1 Relaying denied");
      await assertRejects(() => send(other), Error, "550 5.7.1 Relaying denied");
      assertEquals(server.waiting, 0);
      await send(listed);
      assertEquals(server.waiting, 1);
    }),
});

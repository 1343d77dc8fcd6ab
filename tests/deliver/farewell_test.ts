/** How connections to next hops end, as a host sees it that nobody here wrote: Python's `ssl`, over OpenSSL. */
import { assertEquals, assertRejects } from "@std/assert";
import type { DeliverySettings, Smarthost } from "../../config/config.ts";
import { openClient } from "../../deliver/connect.ts";
import { DeliveryFailure } from "../../deliver/failure.ts";
import type { Host } from "../../deliver/route.ts";
import { makeAuthority } from "../helpers/certificates.ts";
import { connectOptions, transactionOf } from "../helpers/outgoing.ts";
import { python } from "../helpers/python_email.ts";
import { withTempDir } from "../helpers/temp_dir.ts";

/** Takes one connection, says its port before and how it ended after; its last EHLO is answered as it is told. */
const HOST = `
import socket, ssl, sys

certificate, key, way, version, answer = sys.argv[1:]
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(certificate, key)
context.minimum_version = context.maximum_version = ssl.TLSVersion[version]

def secured(plain):
    return context.wrap_socket(plain, server_side=True, suppress_ragged_eofs=False)

def say(line):
    connection.sendall(line.encode() + b"\\r\\n")

def hear(command):
    line = connection.recv(1000)
    assert line.startswith(command), line

listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
connection, _ = listener.accept()
connection.settimeout(10)
if way == "implicit TLS":
    connection = secured(connection)
    say("220 mx.test")
else:
    say("220 mx.test")
    hear(b"EHLO")
    say("250-mx.test\\r\\n250 STARTTLS")
    hear(b"STARTTLS")
    say("220 go ahead")
    connection = secured(connection)
hear(b"EHLO")
say(answer)
if answer.startswith("250"):
    for command, reply in ((b"MAIL", "250 ok"), (b"RCPT", "250 ok"), (b"DATA", "354 go on"),
                           (b"Subject", "250 taken"), (b"QUIT", "221 bye")):
        hear(command)
        say(reply)
try:
    print("close_notify" if connection.recv(1) == b"" else "more octets")
except ssl.SSLEOFError:
    print("cut off")
`;

const VERSIONS = ["TLSv1_2", "TLSv1_3"];

const authority = await makeAuthority();
const certificate = await authority.issue(["mx.test"]);
const SMARTHOST: Smarthost = { host: "mx.test", port: 465, implicitTls: true };

/** The ways to TLS, and what makes a client go there. */
const WAYS: Record<string, Partial<DeliverySettings>> = {
  "verified STARTTLS": { caCerts: [authority.cert] },
  "unverified STARTTLS": {},
  "implicit TLS": { caCerts: [authority.cert], smarthost: SMARTHOST },
};

/** A host whose name cannot be verified where it shall not be: then no connection comes before the one that counts. */
const nameFor = (way: string) => way === "unverified STARTTLS" ? "mx-.test" : "mx.test";

/** Lets a client visit a host in Python, and gives how the host saw the connection end. */
function endOf(
  way: string,
  version: string,
  answer: string,
  visit: (host: Host) => Promise<void>,
): Promise<string> {
  return withTempDir(async (directory) => {
    const files = [`${directory}/cert.pem`, `${directory}/key.pem`] as const;
    await Deno.writeTextFile(files[0], certificate.cert);
    await Deno.writeTextFile(files[1], certificate.key);
    const args = ["-c", HOST, ...files, way, version, answer];
    const child = new Deno.Command(python!, { args, stdout: "piped" }).spawn();
    const said = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
    const port = Number((await said.read()).value);
    await visit({ name: nameFor(way), address: "127.0.0.1", port });
    let end = "";
    for (let more = await said.read(); !more.done; more = await said.read()) end += more.value;
    await child.status;
    return end.trim();
  });
}

for (const [way, settings] of Object.entries(WAYS)) {
  for (const version of VERSIONS) {
    Deno.test({
      name: `after QUIT a host with ${way} (${version}) gets close_notify`,
      ignore: python === undefined,
      fn: async () => {
        const end = await endOf(way, version, "250 mx.test", async (host) => {
          const client = await openClient(host, connectOptions(settings));
          assertEquals((await client.transact(transactionOf())).reply, "250 taken");
          await client.quit();
        });
        assertEquals(end, "close_notify");
      },
    });

    Deno.test({
      name: `a host with ${way} (${version}) that refuses EHLO gets close_notify`,
      ignore: python === undefined,
      fn: async () => {
        const end = await endOf(way, version, "450 not now", async (host) => {
          await assertRejects(() => openClient(host, connectOptions(settings)), DeliveryFailure);
        });
        assertEquals(end, "close_notify");
      },
    });
  }
}

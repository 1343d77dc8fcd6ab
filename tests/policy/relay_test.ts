import { assertEquals, assertThrows } from "@std/assert";
import { parsePath } from "../../protocol/path.ts";
import { RelayPolicy } from "../../policy/relay.ts";
import { Networks } from "../../policy/networks.ts";

const STRANGER = "192.0.2.1";
const FRIEND = "127.0.0.1";

const policy = new RelayPolicy({
  trust: ["127.0.0.0/8", "::1/128", "198.51.100.0/24"],
  localDomains: ["us.example", "xn--bcher-kva.example"],
  localRecipients: [],
  trustCertificates: ["ab".repeat(32)],
});

/** The code of the refusal of `RCPT TO:<address>` from a client, or 250. */
function judge(address: string, client: string, rules = policy, fingerprint?: string): number {
  const path = parsePath(`<${address}>`, 0, "5.1.3");
  if (!path.ok) return path.reply.code;
  const tls = { version: "TLSv1.3", verified: false, fingerprint };
  const info = { address: client, port: 25, helo: "client.example", protocol: "ESMTPS", tls };
  return rules.judge(path.value, info).refusal?.code ?? 250;
}

Deno.test("a trusted client may send to anyone", () => {
  assertEquals(judge("a@anywhere.example", FRIEND), 250);
  assertEquals(judge("a@anywhere.example", "198.51.100.77"), 250);
  assertEquals(judge("a@[192.0.2.9]", "::1"), 250);
});

Deno.test("a client with a trusted certificate may send to anyone, one with another may not", () => {
  assertEquals(judge("a@anywhere.example", STRANGER, policy, "ab".repeat(32)), 250);
  assertEquals(judge("a%v.example@us.example", STRANGER, policy, "ab".repeat(32)), 250);
  for (const fingerprint of ["ab".repeat(31) + "aa", "AB".repeat(32), "", undefined]) {
    assertEquals(judge("a@anywhere.example", STRANGER, policy, fingerprint), 550);
  }
});

Deno.test("any other client may send to the local domains only", () => {
  assertEquals(judge("a@us.example", STRANGER), 250);
  assertEquals(judge("a@US.Example", STRANGER), 250);
  assertEquals(judge("a@bücher.example", STRANGER), 250);
  assertEquals(judge("a@them.example", STRANGER), 550);
  assertEquals(judge("a@sub.us.example", STRANGER), 550);
  assertEquals(judge("a@notus.example", STRANGER), 550);
});

const ROUTED: Record<string, number> = {
  "a%v.example@us.example": 550,
  "v.example!a@us.example": 550,
  "a@v.example@us.example": 501,
  '"a@v.example"@us.example': 550,
  '"a%v.example"@us.example': 550,
  "@us.example,@b.example:a@v.example": 550,
  "a@[127.0.0.1]": 550,
  "a@us.example.": 501,
  "a@us.example@": 501,
};
for (const [address, code] of Object.entries(ROUTED)) {
  Deno.test(`a stranger cannot relay through <${address}>: ${code}`, () => {
    assertEquals(judge(address, STRANGER), code);
  });
}

Deno.test("a bare postmaster is taken wherever mail is taken", () => {
  assertEquals(judge("Postmaster", STRANGER), 250);
  const closed = new RelayPolicy({
    trust: [],
    localDomains: [],
    localRecipients: [],
    trustCertificates: [],
  });
  assertEquals(judge("postmaster", STRANGER, closed), 550);
});

Deno.test("where the local addresses are listed, an unknown one is refused in the session", () => {
  const listed = new RelayPolicy({
    trust: ["127.0.0.0/8"],
    localDomains: ["us.example"],
    localRecipients: ["ann@us.example"],
    trustCertificates: [],
  });
  assertEquals(judge("Ann@us.example", STRANGER, listed), 250);
  assertEquals(judge("bob@us.example", STRANGER, listed), 550);
  assertEquals(judge("bob@us.example", FRIEND, listed), 550);
  assertEquals(judge("postmaster@us.example", STRANGER, listed), 250);
  assertEquals(judge("bob@elsewhere.example", FRIEND, listed), 250);
});

Deno.test("a network that is none is named when the rules are made", () => {
  for (const wrong of ["10.0.0.0/33", "10.0.0.0/8/8", "example.org", "10.0.0.0/", "::/129"]) {
    assertThrows(() => new Networks([wrong]), TypeError, wrong);
  }
});

Deno.test("networks hold their addresses and no others", () => {
  const networks = new Networks(["10.0.0.0/8", "2001:db8::/32", "192.0.2.7"]);
  assertEquals(networks.has("10.255.0.1"), true);
  assertEquals(networks.has("11.0.0.1"), false);
  assertEquals(networks.has("2001:db8::1"), true);
  assertEquals(networks.has("192.0.2.7"), true);
  assertEquals(networks.has("192.0.2.8"), false);
  assertEquals(networks.has("no address"), false);
});

Deno.test("networks judge more addresses than they remember, and again the same", () => {
  const networks = new Networks(["10.0.0.0/17"]);
  for (let round = 0; round < 2; round++) {
    for (let i = 0; i < 5000; i++) {
      assertEquals(networks.has(`10.0.${i >> 5}.${i & 31}`), i >> 5 < 128);
    }
  }
});

/**
 * What Python's `email` package makes of a message: an independent reader of
 * the MIME that we write.
 */
import { tool } from "./tools.ts";

/** One entity of the MIME tree, depth first. */
export interface PythonPart {
  /** How deep it is; 0 is the message. */
  depth: number;
  type: string;
  /** Names of the defects that the parser found. */
  defects: string[];
  /** Header fields, decoded, names in lower case. */
  headers: [name: string, value: string][];
  /** The decoded text of a leaf; empty for multiparts and messages. */
  text: string;
}

const SCRIPT = `
import base64, email, email.policy, json, sys

def walk(part, depth, found):
    leaf = not part.is_multipart()
    payload = part.get_payload(decode=True) if leaf else b""
    found.append({
        "depth": depth,
        "type": part.get_content_type(),
        "defects": [type(defect).__name__ for defect in part.defects],
        "headers": [[name.lower(), str(value)] for name, value in part.items()],
        "text": (payload or b"").decode("utf-8", "replace"),
    })
    if not leaf:
        for child in part.get_payload():
            walk(child, depth + 1, found)
    return found

for line in sys.stdin:
    message = email.message_from_bytes(base64.b64decode(line), policy=email.policy.compat32)
    print(json.dumps(walk(message, 0, [])))
`;

/** The path of Python; undefined when it is not installed. */
export const python: string | undefined = tool("python3");

/** Parses each message, all in one run of Python. */
export async function parseWithPython(messages: readonly Uint8Array[]): Promise<PythonPart[][]> {
  const child = new Deno.Command(python!, {
    args: ["-c", SCRIPT],
    stdin: "piped",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const output = child.output();
  const input = messages.map((message) => message.toBase64() + "\n").join("");
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(input));
  await writer.close();
  const { stdout } = await output;
  return new TextDecoder().decode(stdout).trimEnd().split("\n").map((line) => JSON.parse(line));
}

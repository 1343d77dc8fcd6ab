/** The store on real files: what is in them, who may read them, and who may have them open. */
import {
  assert,
  assertEquals,
  assertMatch,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { concat } from "../../base/bytes.ts";
import { fileContent } from "../../queue/content.ts";
import type { FileQueue } from "../../queue/file_queue.ts";
import { denoFiles, type Files } from "../../queue/files.ts";
import { SpoolError } from "../../queue/lock.ts";
import { QueueError } from "../../queue/queue.ts";
import { storageError } from "../../queue/storage_error.ts";
import { TestClock } from "../helpers/test_clock.ts";
import {
  attemptAt,
  binary,
  changes,
  claimOne,
  contentOf,
  deferred,
  delivered,
  envelopeTo,
  octetsOf,
  openQueue,
  put,
} from "./fixtures.ts";
import { type Schema, violations } from "./json_schema.ts";

async function withDirectory(test: (directory: string) => Promise<void>): Promise<void> {
  const directory = await Deno.makeTempDir();
  try {
    await test(directory);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

function open(directory: string): Promise<FileQueue> {
  return openQueue({ directory, clock: new TestClock() });
}

async function names(directory: string): Promise<string[]> {
  return (await denoFiles.list(directory)).sort();
}

const schema: Schema = JSON.parse(
  await Deno.readTextFile(new URL("../../docs/spool.schema.json", import.meta.url)),
);

async function assertFitsSchema(path: string): Promise<void> {
  for (const line of (await Deno.readTextFile(path)).split(/\n(?=\{"v")/)) {
    assertEquals(violations(schema, JSON.parse(line)), [], path);
  }
}

Deno.test("journal and message files fit the schema", () =>
  withDirectory(async (directory) => {
    const queue = await open(directory);
    const deferredId = (await put(queue, contentOf("x"), ["a@example.com", "b@example.com"])).id;
    await put(queue, binary(1000));
    await put(queue, "held", ["c@example.com"], true);
    const [first, second] = await queue.claim(2);
    await first!.settle({
      ...changes(delivered(0), deferred(60_000, 1)),
      attempts: [attemptAt(1000, [0, 1])],
    });
    await second!.settle(changes(delivered()));
    await put(queue, "so that the notes are written");
    await assertFitsSchema(`${directory}/journal/00000001.jsonl`);
    assertMatch(await Deno.readTextFile(`${directory}/journal/00000001.jsonl`), /"done"/);
    await assertFitsSchema(`${directory}/${deferredId}.json`);
    await queue.close();
    const files = (await names(directory)).filter((name) => name.endsWith(".json"));
    assertEquals(files.length, 3);
    for (const name of files) await assertFitsSchema(`${directory}/${name}`);
  }));

Deno.test("a message whose sender wants to be told of it fits the schema", () =>
  withDirectory(async (directory) => {
    const queue = await open(directory);
    const recipients = [{ notify: ["SUCCESS" as const, "DELAY" as const], orcpt: "rfc822;d" }, {}];
    const dsn = { ret: "HDRS" as const, envid: "QQ314159", recipients };
    const since = Date.UTC(2000, 11, 31);
    const deliverBy = { seconds: 60, mode: "notify" as const, trace: true as const, since };
    const more = { deliverBy, requireTls: true as const, holdRequest: "for;60" };
    const wishes = { dsn, release: Date.UTC(2001, 0, 1), priority: 3, ...more };
    const envelope = { ...envelopeTo("d@example.com", "e@example.com"), ...wishes };
    const { id } = await queue.draft().commit(envelope);
    const claim = await claimOne(queue);
    await claim.settle(changes(
      { index: 0, status: "relayed", tried: true },
      { ...deferred(60_000, 1), delayTold: true },
    ));
    await assertFitsSchema(`${directory}/${id}.json`);
    await queue.close();
    const reopened = await open(directory);
    const message = await reopened.read(id);
    assertEquals(message!.envelope.dsn, dsn);
    const { deliverBy: by, requireTls, holdRequest } = message!.envelope;
    assertEquals({ deliverBy: by, requireTls, holdRequest }, more);
    assertEquals(message!.recipients.map(({ status, delayTold }) => [status, delayTold]), [
      ["relayed", undefined],
      ["waiting", true],
    ]);
    await reopened.close();
  }));

Deno.test("the schema refuses what is not a record", () => {
  const good = { v: 1, len: 49, crc: "00000000", r: { type: "done", id: "0".repeat(26) } };
  assertEquals(violations(schema, good), []);
  for (const bad of [{ ...good, v: 2 }, { ...good, r: { type: "done", id: "x" } }, {}]) {
    assert(violations(schema, bad).length > 0);
  }
});

Deno.test("a message file says in plain words what became of each recipient", () =>
  withDirectory(async (directory) => {
    const queue = await open(directory);
    const { id } = await put(queue, "Subject: hi\r\n\r\nhello\r\n", ["a@example.com"]);
    const claim = await claimOne(queue);
    const next = Date.UTC(2026, 0, 1, 0, 5);
    await claim.settle({ ...changes(deferred(next)), attempts: [attemptAt(Date.UTC(2026, 0, 1))] });
    claim.release();
    const { r } = JSON.parse(await Deno.readTextFile(`${directory}/${id}.json`));
    assertEquals(r.recipients[0].nextAttempt, "2026-01-01T00:05:00.000Z");
    assertEquals(r.recipients[0].lastError.text, "451 4.7.1 later");
    assertEquals(r.recipients[0].attempts, 1);
    assertEquals(r.history[0].at, "2026-01-01T00:00:00.000Z");
    assertEquals(r.content, "Subject: hi\r\n\r\nhello\r\n");
    await queue.close();
  }));

Deno.test("the names of all directories above a spool are durable before it takes mail", () =>
  withDirectory(async (directory) => {
    const synced: string[] = [];
    const files: Files = {
      ...denoFiles,
      async syncDirectory(path) {
        await denoFiles.syncDirectory(path);
        const made = await denoFiles.size(`${directory}/mail/spool/journal`).catch(() => undefined);
        if (made !== undefined) synced.push(path);
      },
    };
    const spool = `${directory}/mail/spool`;
    const queue = await openQueue({ directory: spool, clock: new TestClock(), files });
    for (const path of [directory, `${directory}/mail`, spool]) assert(synced.includes(path), path);
    await queue.close();
  }));

Deno.test({
  name: "only the owner may read the spool",
  ignore: Deno.build.os === "windows",
  fn: () =>
    withDirectory(async (parent) => {
      const directory = `${parent}/new/spool`;
      const queue = await open(directory);
      const { id } = await put(queue, binary(1000));
      const modes: Record<string, number> = {
        "": 0o700,
        "/journal": 0o700,
        "/.lock": 0o600,
        "/journal/00000001.jsonl": 0o600,
        [`/${id}.eml`]: 0o600,
      };
      for (const [path, mode] of Object.entries(modes)) {
        assertEquals((await Deno.stat(directory + path)).mode! & 0o777, mode, path);
      }
      await queue.close();
      assertEquals((await Deno.stat(`${directory}/${id}.json`)).mode! & 0o777, 0o600);
    }),
});

Deno.test("after a stop in good order only waiting messages are left", () =>
  withDirectory(async (directory) => {
    const queue = await open(directory);
    const { id } = await put(queue, "waits");
    const draft = queue.draft();
    await draft.write(binary(100_000));
    await queue.close();
    assertEquals(await names(directory), [".lock", `${id}.json`]);
    assertEquals(await names(`${directory}/journal`), []);
  }));

Deno.test("a spool that this process has open is refused with its name and process", () =>
  withDirectory(async (directory) => {
    const queue = await open(directory);
    const error = await assertRejects(() => open(directory), SpoolError);
    assertEquals(error.kind, "held");
    assertStringIncludes(error.message, directory);
    assertStringIncludes(error.message, `process ${Deno.pid}`);
    await queue.close();
    await (await open(directory)).close();
  }));

Deno.test("a spool that another process has open is refused, until that is killed", () =>
  withDirectory(async (directory) => {
    const program = `
      import { lockSpool } from ${JSON.stringify(import.meta.resolve("../../queue/lock.ts"))};
      await lockSpool(${JSON.stringify(directory)});
      console.log("held");
      await Deno.stdin.read(new Uint8Array(1));
    `;
    const holder = new Deno.Command(Deno.execPath(), {
      args: [
        "eval",
        "--no-check",
        "--config",
        new URL("../../deno.json", import.meta.url).pathname,
        program,
      ],
      stdin: "piped",
      stdout: "piped",
    }).spawn();
    const reader = holder.stdout.getReader();
    await reader.read();
    const error = await assertRejects(() => open(directory), SpoolError, `process ${holder.pid}`);
    assertEquals(error.kind, "held");
    holder.kill("SIGKILL");
    await holder.status;
    await reader.cancel();
    await holder.stdin.close().catch(() => {});
    await (await open(directory)).close();
  }));

Deno.test("a lock file without a process in it is still a lock", () =>
  withDirectory(async (directory) => {
    const queue = await open(directory);
    await Deno.writeTextFile(`${directory}/.lock`, "nonsense");
    await assertRejects(() => open(directory), SpoolError, "in use by another process");
    await queue.close();
  }));

Deno.test("a spool that is no directory, or has no lock file, is unusable", () =>
  withDirectory(async (directory) => {
    await Deno.writeTextFile(`${directory}/file`, "");
    const error = await assertRejects(
      () => open(`${directory}/file`),
      SpoolError,
      "cannot use spool",
    );
    assertEquals(error.kind, "unusable");
    await Deno.mkdir(`${directory}/spool/.lock`, { recursive: true });
    await assertRejects(() => open(`${directory}/spool`), SpoolError, "cannot lock spool");
  }));

Deno.test("a used-up quota is no-space, though the runtime gives no code for it", () => {
  for (const words of ["Disk quota exceeded (os error 122)", "Disc quota exceeded (os error 69)"]) {
    assertEquals(storageError(new Error(words), "writing").kind, "no-space");
  }
  assertEquals(storageError(new Error("Input/output error"), "writing").kind, "storage");
});

Deno.test({
  name: "a full disk is no-space, as the system reports it",
  ignore: Deno.build.os !== "linux",
  fn: async () => {
    const file = await denoFiles.create("/dev/full");
    const error = await assertRejects(() => file.write(binary(10)), Error);
    file.close();
    assertEquals(storageError(error, "writing").kind, "no-space");
    assertEquals(storageError(new QueueError("storage", "x"), "writing").message, "x");
    assertEquals(storageError("odd", "writing").message, "writing: odd");
  },
});

Deno.test("the real files read, cut, and free what they should", () =>
  withDirectory(async (directory) => {
    const path = `${directory}/file`;
    await Deno.writeFile(path, binary(100));
    assertEquals(await denoFiles.readAt(path, 90, 20), binary(100).slice(90));
    await denoFiles.truncate(path, 10);
    assertEquals(await denoFiles.size(path), 10);
    await denoFiles.remove(path);
    await denoFiles.remove(path);
    assert(await denoFiles.freeSpace(directory) > 0);
  }));

Deno.test("a file is streamed into one buffer, or into one for each chunk", () =>
  withDirectory(async (directory) => {
    const whole = binary(150_000);
    await Deno.writeFile(`${directory}/file`, whole);
    const content = fileContent(denoFiles, `${directory}/file`, whole.length);
    const own = await Array.fromAsync(content.stream());
    assertEquals(concat(own), whole);
    assertEquals(new Set(own.map(({ buffer }) => buffer)).size, 3);
    const into = new Uint8Array(64 * 1024);
    const pieces: Uint8Array[] = [];
    for await (const chunk of content.stream(into)) {
      assertEquals(chunk.buffer, into.buffer);
      pieces.push(chunk.slice());
    }
    assertEquals(concat(pieces), whole);
  }));

Deno.test("a killed process loses nothing it acknowledged", () =>
  withDirectory(async (directory) => {
    const module = (path: string) => JSON.stringify(import.meta.resolve(path));
    const program = `
      import { FileQueue } from ${module("../../queue/file_queue.ts")};
      import { systemClock } from ${module("../../base/clock.ts")};
      import { binary, contentOf, put } from ${module("./fixtures.ts")};
      const queue = await FileQueue.open({ directory: ${
      JSON.stringify(directory)
    }, clock: systemClock });
      for (let i = 0; ; i++) {
        const { id } = await put(queue, i % 5 ? contentOf("m" + i) : binary(100_000));
        console.log(id);
      }
    `;
    const child = new Deno.Command(Deno.execPath(), {
      args: [
        "eval",
        "--no-check",
        "--config",
        new URL("../../deno.json", import.meta.url).pathname,
        program,
      ],
      stdout: "piped",
    }).spawn();
    let output = "";
    for await (const chunk of child.stdout.pipeThrough(new TextDecoderStream())) {
      output += chunk;
      if (output.split("\n").length > 50) child.kill("SIGKILL");
    }
    await child.status;
    const acknowledged = output.split("\n").filter((id) => id.length === 26);
    assert(acknowledged.length >= 50);
    const queue = await open(directory);
    const found = new Set([...queue.overviews()].map(({ id }) => id));
    for (const id of acknowledged) assert(found.has(id), `${id} is lost`);
    for (const claim of await queue.claim(found.size)) {
      const octets = await octetsOf(claim.content());
      const expected = octets.length === 100_000 ? binary(100_000) : contentOf(nameIn(octets));
      assertEquals(octets, expected);
    }
    await queue.close();
  }));

/** The name that {@linkcode contentOf} put into a content. */
function nameIn(octets: Uint8Array): string {
  return /"(m\d+)"/.exec(new TextDecoder().decode(octets))![1]!;
}

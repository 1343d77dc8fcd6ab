/**
 * Writes a file so that it is durable when the promise resolves. One that fails is
 * removed, not written or synced again: after a failed fsync nobody knows what it
 * holds. Failures are thrown as the system's errors.
 *
 * @module
 */
import type { Files } from "./files.ts";

/** Writes a new file, or over one that nobody needs; its name is not durable yet. */
export async function writeDurably(files: Files, path: string, bytes: Uint8Array): Promise<void> {
  try {
    const file = await files.create(path);
    try {
      await file.write(bytes);
      await file.syncData();
    } finally {
      file.close();
    }
  } catch (error) {
    await files.remove(path).catch(() => {});
    throw error;
  }
}

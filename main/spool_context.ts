/**
 * Opens the way to a spool for a command: the socket of the server that has it, or,
 * where none has, the spool itself under its lock. A reader that goes away in the
 * middle is no failure.
 *
 * @module
 */
import type { Config } from "../config/config.ts";
import { ControlClient } from "../control/client.ts";
import { Problem } from "../control/problem.ts";
import { SpoolError } from "../queue/lock.ts";
import { SOCKET_NAME } from "../server/control.ts";
import { openSpoolControl } from "../server/spool_control.ts";
import { CommandError, type Context, OK } from "./context.ts";
import { OutputClosed, Terminal } from "./terminal.ts";

/** Which spool, as a command line says. */
export interface SpoolNamed {
  readonly spool?: string;
  readonly configFile?: string;
}

/** Reads the configuration. @throws {ConfigError} */
export type ConfigReader = (named: SpoolNamed) => Promise<Config>;

/** Runs a command with what it needs; gives its exit status. @throws {CommandError} */
export async function withContext(
  config: Config,
  command: (context: Context) => Promise<number>,
): Promise<number> {
  return await withTerminal((terminal) =>
    withClient(config, (way) => command({ ...way, terminal, now: Date.now() }))
  );
}

/** Runs a command that writes to standard output, to its end or until nobody reads that. */
export async function withTerminal(
  command: (terminal: Terminal) => Promise<number>,
): Promise<number> {
  const terminal = new Terminal();
  try {
    const status = await command(terminal);
    await terminal.flush();
    return status;
  } catch (error) {
    if (error instanceof OutputClosed) return OK;
    throw error;
  }
}

async function withClient(
  config: Config,
  work: (way: Pick<Context, "client" | "isServed">) => Promise<number>,
): Promise<number> {
  const { spool } = config;
  await checkSpool(spool);
  using client = ControlClient.onSocket(`${spool}/${SOCKET_NAME}`);
  const status = await client.status();
  if (!(status instanceof Problem)) return await work({ client, isServed: true });
  if (status.code !== "unreachable") throw new CommandError(status.message);
  try {
    await using opened = await openSpoolControl(config);
    return await work({ client: opened.client, isServed: false });
  } catch (error) {
    if (!(error instanceof SpoolError)) throw error;
    const about = error.kind === "held"
      ? `, and does not answer at ${SOCKET_NAME} in it: ${status.message}`
      : "";
    throw new CommandError(error.message + about);
  }
}

/** A spool that is not there would be made: here it is a mistake. */
async function checkSpool(spool: string): Promise<void> {
  try {
    await Deno.stat(`${spool}/.lock`);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) {
      throw new CommandError(`spool ${spool}: ${error instanceof Error ? error.message : error}`);
    }
    throw new CommandError(
      `there is no spool at ${spool}: --spool DIR or --config FILE says where`,
    );
  }
}

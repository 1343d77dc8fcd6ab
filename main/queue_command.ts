/**
 * `queue …`: finds whoever has the spool, a running server or nobody, and runs the
 * command against it. Problems are a line on standard error and an exit status: 1 for
 * what is not there or could not be done, 2 for what makes no sense.
 *
 * @module
 */
import { didYouMean } from "../config/nearest.ts";
import { ConfigError } from "../config/source.ts";
import { type Context, OK } from "./context.ts";
import { COMMON_FLAGS, QUEUE_COMMANDS, type QueueCommand } from "./queue_commands.ts";
import { exportMessages, importMessage } from "./queue_files.ts";
import { commandHelp, queueHelp } from "./queue_help.ts";
import { type Line, readLine, valueOf } from "./queue_line.ts";
import { listQueue, summarizeQueue } from "./queue_list.ts";
import { searchHistory } from "./queue_history.ts";
import { explainMessage, showMessage } from "./queue_show.ts";
import { steerMessages } from "./queue_steer.ts";
import { type ConfigReader, withContext } from "./spool_context.ts";

/**
 * Runs what stands behind `queue`; gives the exit status.
 *
 * @throws {ConfigError} for a wrong command line
 * @throws {CommandError} for what could not be done
 */
export async function queueCommand(
  args: readonly string[],
  readConfig: ConfigReader,
): Promise<number> {
  const [name = "--help", ...rest] = args;
  if (name === "--help" || name === "-h" || name === "help") {
    console.log(queueHelp());
    return OK;
  }
  const command = QUEUE_COMMANDS.find((one) => one.name === name);
  if (command === undefined) throw unknown(name);
  if (rest.includes("--help") || rest.includes("-h")) {
    console.log(commandHelp(command));
    return OK;
  }
  const line = readLine(rest, {
    ...command,
    name: `queue ${command.name}`,
    flags: [...command.flags, ...COMMON_FLAGS],
  });
  const config = await readConfig({
    spool: valueOf(line, "spool"),
    configFile: valueOf(line, "config"),
  });
  return await withContext(config, (context) => run(command, line, context));
}

function unknown(name: string): ConfigError {
  const names = QUEUE_COMMANDS.map((command) => command.name);
  if (name.startsWith("-")) return new ConfigError([`queue: expected one of ${names.join(", ")}`]);
  return new ConfigError([`queue: unknown command "${name}"${didYouMean(name, names)}`]);
}

function run({ name }: QueueCommand, line: Line, context: Context): Promise<number> {
  switch (name) {
    case "list":
      return listQueue(line, context);
    case "summary":
      return summarizeQueue(line, context);
    case "show":
      return showMessage(line, context);
    case "explain":
      return explainMessage(line, context);
    case "history":
      return searchHistory(line, context);
    case "retry":
    case "hold":
    case "release":
    case "bounce":
    case "remove":
    case "redirect":
      return steerMessages(name, line, context);
    case "import":
      return importMessage(line, context);
    case "export":
      return exportMessages(line, context);
    default:
      return name satisfies never;
  }
}

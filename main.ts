/**
 * The command line: reads the configuration, starts the server, says so, and
 * stops it on a signal; `user`, `queue` and `plan` are in `main/`. It handles no mail. Exit status: 0 after a stop in good
 * order, 1 with one line for what failed at run time, 2 with a line for each
 * problem in the configuration.
 *
 * @module
 */
import { log } from "./base/log.ts";
import { visible } from "./base/printable.ts";
import type { Config } from "./config/config.ts";
import { readCommandLine } from "./config/flags.ts";
import { loadConfig, type Loaded } from "./config/load.ts";
import { setUpLog } from "./config/log_setup.ts";
import { helpText } from "./config/options.ts";
import { ConfigError, type Source } from "./config/source.ts";
import type { UserLine } from "./config/user_line.ts";
import { CommandError } from "./main/context.ts";
import { planCommand } from "./main/plan_command.ts";
import { queueCommand } from "./main/queue_command.ts";
import type { SpoolNamed } from "./main/spool_context.ts";
import { userCommand, UserCommandError } from "./main/user_command.ts";
import { UsersError } from "./policy/users.ts";
import manifest from "./deno.json" with { type: "json" };
import type { ReloadableServer, RunningServer } from "./server/running_server.ts";
import { startServer } from "./server/server.ts";

const PROGRAM = "deno-smtp-server";

/** Exit statuses. */
const OK = 0;
const FAILED = 1;
const USAGE = 2;

/** What asks the program to stop, and the status a second one ends it with: 128 and the signal's number. */
const STOP_SIGNALS: ReadonlyMap<Deno.Signal, number> = new Map(
  Deno.build.os === "windows"
    ? [["SIGINT", 130], ["SIGBREAK", 149]]
    : [["SIGINT", 130], ["SIGTERM", 143]],
);

const main = log("main");

/** Runs one command line and gives the exit status. */
async function run(args: readonly string[]): Promise<number> {
  try {
    const line = readCommandLine(args);
    switch (line.command) {
      case "help":
        console.log(helpText());
        return OK;
      case "version":
        console.log(`${PROGRAM} ${manifest.version}`);
        return OK;
      case "user":
        return await user(line.line);
      case "queue":
        return await queueCommand(line.args, configOf);
      case "plan":
        return await planCommand(line.args, configOf);
      case "serve":
        return await serve(line, await load(line));
      default:
        return line satisfies never;
    }
  } catch (error) {
    if (error instanceof CommandError) {
      console.error(`${PROGRAM}: ${visible(error.message)}`);
      return error.status;
    }
    if (!(error instanceof ConfigError)) throw error;
    for (const problem of error.problems) console.error(`${PROGRAM}: ${problem}`);
    console.error(`${PROGRAM}: --help lists the options`);
    return USAGE;
  }
}

/** What the command line says of the configuration. */
interface Named {
  readonly flags: Source;
  readonly configFile?: string;
}

/** The configuration, with what the command line says of it. */
async function load({ flags, configFile }: Named): Promise<Loaded> {
  const variable = (name: string) => Deno.env.get(name);
  return await loadConfig({ flags, configFile, variable, machineName: Deno.hostname() });
}

/** The configuration, of which a command says little more than where it is. */
async function configOf({ spool, configFile }: SpoolNamed): Promise<Config> {
  const values = spool === undefined ? {} : { spool };
  const { config } = await load({ flags: { values, where: () => "--spool" }, configFile });
  return config;
}

/** Changes or lists the users. */
async function user({ action, users, configFile }: UserLine): Promise<number> {
  const values = users === undefined ? {} : { users };
  const { config } = await load({ flags: { values, where: () => "--users" }, configFile });
  if (config.users === undefined) {
    throw new ConfigError(["user: say with --users which file the users are in"]);
  }
  try {
    for (const line of await userCommand(action, config.users)) console.log(line);
    return OK;
  } catch (error) {
    if (!(error instanceof UserCommandError)) throw error;
    console.error(`${PROGRAM}: ${error.message}`);
    return FAILED;
  }
}

/** Runs the server until a signal stops it. */
async function serve(line: Named, { config, ...log }: Loaded): Promise<number> {
  const changeLog = changingLog(log);
  endOnBug();
  const signal = stopSignal();
  const reread = async () => {
    const { config, ...log } = await load(line);
    return { config, applied: () => changeLog(log) };
  };
  try {
    const server = await startServer(config, { reread });
    announce(config, server);
    reloadOnSignal(server);
    main.info("stopping", { signal: await signal });
    await server.stop();
    main.info("stopped");
    return OK;
  } catch (error) {
    if (error instanceof UsersError) throw inConfiguration(error, config);
    main.error(error instanceof Error ? error.message : String(error));
    main.debug("where it failed", { error });
    return FAILED;
  }
}

/** How the log is written. */
type LogSettings = Pick<Loaded, "logFormat" | "logLevel">;

/** Sets the log up; gives what changes it, and tells what that changes. */
function changingLog(log: LogSettings): (next: LogSettings) => readonly string[] {
  const change = setUpLog(log.logFormat, log.logLevel);
  return (next) => {
    const { logFormat, logLevel } = log;
    change(next.logFormat, next.logLevel);
    log = next;
    return [
      ...(logFormat === next.logFormat ? [] : [`log_format: ${logFormat} → ${next.logFormat}`]),
      ...(logLevel === next.logLevel ? [] : [`log_level: ${logLevel} → ${next.logLevel}`]),
    ];
  };
}

/** What is wrong with the file of the users is as wrong as a setting. */
function inConfiguration({ problems }: UsersError, { users }: Config): ConfigError {
  return new ConfigError(problems.map((problem) => `users "${users}": ${problem}`));
}

/** Says where the server listens, who may relay, and what waits. */
function announce(config: Config, server: RunningServer): void {
  for (const address of server.addresses) {
    main.info("listening", { address: String(address), hostname: config.hostname });
  }
  const { api, web } = server.control;
  if (web !== undefined) main.info("the page is served", { address: web });
  if (api !== undefined) main.info("the API is served", { address: api });
  main.info("relaying for", { trust: config.trust, localDomains: config.localDomains });
  const { messages, held } = server.counts();
  main.info("spool", { path: config.spool, messages, held });
  if (config.hold) main.info("holding: mail is accepted and queued, nothing is delivered");
  if (config.capture) main.info("capturing: mail is kept, and only what is released is delivered");
  if (config.trust.some((network) => network.endsWith("/0"))) {
    main.warn("anyone may relay: --trust names every address there is");
  }
  if (!config.hostname.includes(".")) {
    main.warn("the hostname has no domain, and many hosts refuse mail from such: see --hostname");
  }
}

/** SIGHUP has the configuration read again. What cannot be used is in the log, and everything stays as it was. */
function reloadOnSignal(server: ReloadableServer): void {
  if (Deno.build.os === "windows") return;
  Deno.addSignalListener("SIGHUP", () => {
    server.reload().catch(() => {
      // The server has logged it.
    });
  });
}

/** The first stop signal; a second one ends the process at once. */
function stopSignal(): Promise<Deno.Signal> {
  const { promise, resolve } = Promise.withResolvers<Deno.Signal>();
  let asked = false;
  for (const [signal, status] of STOP_SIGNALS) {
    Deno.addSignalListener(signal, () => {
      if (asked) Deno.exit(status);
      asked = true;
      resolve(signal);
    });
  }
  return promise;
}

/**
 * Ends the process, with a line that says why, when an error was handled by
 * nobody. What state that left behind is unknown, and nothing that was accepted
 * depends on it: the spool is made to survive a crash at any point, so starting
 * anew from it is the safe way on.
 */
function endOnBug(): void {
  const end = (error: unknown): never => {
    main.error("unexpected error, ending", { error });
    Deno.exit(FAILED);
  };
  globalThis.addEventListener("unhandledrejection", (event) => end(event.reason));
  globalThis.addEventListener("error", (event) => end(event.error));
}

if (import.meta.main) Deno.exit(await run(Deno.args));

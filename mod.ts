/**
 * A mail server as a module: it receives mail over SMTP, makes it durable in a
 * spool before it says 250, and delivers it to the recipients' mail hosts.
 *
 * ```ts
 * import { start } from "@deno-smtp/server";
 *
 * const { addr, send, stop } = await start("127.0.0.1:0");
 * console.log(`listening on ${addr}`);
 * await send({
 *   from: "app@example.org",
 *   to: "user@example.net",
 *   content: "Subject: Hello\n\nWorld\n",
 * });
 * await stop();
 * ```
 *
 * Nothing here ends the process or listens to signals; errors are thrown, or
 * told through events and the log (LogTape, category `smtp`).
 *
 * @module
 */
import { configOf, type StartOptions } from "./server/options.ts";
import type { RunningServer } from "./server/running_server.ts";
import { startServer } from "./server/server.ts";
import type { BoundAddress } from "./transport.ts";

/** A running server. Its functions need no `this` and may be taken apart. */
export interface Server extends RunningServer {
  /** Where the first listener listens. As text it is `HOST:PORT`. */
  readonly addr: BoundAddress;
  /**
   * Goes by other options from now on, all of them or none; `hooks` and `on` stay those of
   * the start. Gives what has changed, a line for each setting, without secrets.
   *
   * @throws {TypeError} for an option that is wrong, naming it
   * @throws {ReloadError} for one that cannot change while the server runs
   * @throws {ListenError} when an address cannot be listened on
   * @throws {UsersError} when the file of the users cannot be read, or is none
   */
  reload(options: string | Omit<StartOptions, "hooks" | "on">): Promise<readonly string[]>;
}

/**
 * Starts a server.
 *
 * @param options an address to listen on, such as `:2525` (port 0 takes a free one), or everything there is to set
 * @throws {TypeError} for an option that is wrong, naming it
 * @throws {ListenError} when an address cannot be listened on
 * @throws {ControlListenError} when that of the API cannot
 * @throws {UsersError} when the file of the users cannot be read, or is none
 * @throws {SpoolError} when the spool is held by another process or cannot be used
 */
export async function start(options: string | StartOptions = {}): Promise<Server> {
  const given = optionsIn(options);
  const server = await startServer(configOf(given), given);
  return {
    get addr(): BoundAddress {
      return server.addresses[0]!;
    },
    get addresses(): readonly BoundAddress[] {
      return server.addresses;
    },
    control: server.control,
    counts: () => server.counts(),
    send: (message) => server.send(message),
    on: (event, listener) => server.on(event, listener),
    reload: async (options) => await server.reload(configOf(optionsIn(options))),
    stop: () => server.stop(),
  };
}

function optionsIn(options: string | StartOptions): StartOptions {
  return typeof options === "string" ? { listen: options } : options;
}

export { ControlListenError } from "./control/listener.ts";
export type { ControlAddresses } from "./server/control.ts";
export type { MaybePromise } from "./base/maybe_promise.ts";
export type {
  Certificate,
  DeliverySettings,
  HistorySettings,
  Limits,
  ListenRole,
  NameServer,
  RetrySchedule,
  Smarthost,
  TlsVersion,
  VrfyPolicy,
} from "./config/config.ts";
export type {
  BouncedEvent,
  DeferredEvent,
  DeliveredEvent,
  DeliveryEvent,
  DeliveryEvents,
} from "./deliver/events.ts";
export type { DeliverBy } from "./message/deliver_by.ts";
export type { DsnRequest, NotifyEvent, RecipientRequest } from "./message/dsn_request.ts";
export type { ClientInfo, Envelope, TlsInfo } from "./message/envelope.ts";
export {
  type Accept,
  accept,
  type Hooks,
  type IncomingMessage,
  type Login,
  type Refuse,
  refuse,
  type Take,
  take,
  type Verdict,
} from "./policy/hooks.ts";
export type { SessionLimits } from "./protocol/handler.ts";
export type { SmtpReply } from "./protocol/reply.ts";
export { SpoolError, type SpoolErrorKind } from "./queue/lock.ts";
export {
  type Content,
  type DeliveryError,
  type FailureScope,
  type MessageState,
  type QueueCounts,
  QueueError,
  type QueueErrorKind,
} from "./queue/queue.ts";
export type { AcceptedEvent, Listeners, ServerEvents } from "./server/events.ts";
export type { DeliveryTuning, StartOptions } from "./server/options.ts";
export { ReloadError } from "./server/reload.ts";
export type { OutgoingMessage, SentMessage } from "./server/send.ts";
export type { RunningServer } from "./server/running_server.ts";
export { UsersError } from "./policy/users.ts";
export { BoundAddress, ListenError } from "./transport.ts";

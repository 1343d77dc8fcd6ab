/**
 * How the conversation calls its handler: a throw or a rejection becomes
 * 451 4.3.0 and a logged error, never the end of the session; and where the
 * answer is there at once, no promise is made.
 *
 * @module
 */
import { log } from "../base/log.ts";
import { isPromise, type MaybePromise } from "../base/maybe_promise.ts";
import { LOCAL_ERROR, type SmtpReply } from "./reply.ts";

const logger = log("protocol");

/** Calls one of the handler's methods; `what` names it in the log when it fails. */
export function ask<T>(what: string, call: () => MaybePromise<T>): MaybePromise<T | SmtpReply> {
  try {
    const answer = call();
    return isPromise(answer) ? answer.catch((error) => failed(what, error)) : answer;
  } catch (error) {
    return failed(what, error);
  }
}

function failed(what: string, error: unknown): SmtpReply {
  logger.error("the session's handler failed", { what, error });
  return LOCAL_ERROR;
}

/** Goes on with a value: now when it is there, else once it is. */
export function whenThere<T, R>(
  value: MaybePromise<T>,
  next: (value: T) => MaybePromise<R>,
): MaybePromise<R> {
  return isPromise(value) ? value.then(next) : next(value);
}

/** Repeats a step until it gives false. */
export function repeat(step: () => MaybePromise<boolean>): MaybePromise<void> {
  while (true) {
    const more = step();
    if (isPromise(more)) return repeatAfter(more, step);
    if (!more) return;
  }
}

/** Goes on with it after a step that has to be waited for; a loop, so that no chain of promises grows. */
async function repeatAfter(
  waiting: Promise<boolean>,
  step: () => MaybePromise<boolean>,
): Promise<void> {
  let more = await waiting;
  while (more) {
    const next = step();
    more = isPromise(next) ? await next : next;
  }
}

/** A handler that keeps what it is asked and given, and refuses what its addresses ask for. */
import { concat } from "../../base/bytes.ts";
import type { MaybePromise } from "../../base/maybe_promise.ts";
import type { ClientInfo, Envelope } from "../../message/envelope.ts";
import type { Authenticator } from "../../protocol/auth.ts";
import type {
  MailCommand,
  MessageSink,
  RcptCommand,
  SessionHandler,
  SubmissionOffer,
} from "../../protocol/handler.ts";
import type { Inquiries } from "../../protocol/inquiries.ts";
import { reply, type SmtpReply } from "../../protocol/reply.ts";

/** A message that was accepted. */
export interface Received {
  readonly envelope: Envelope;
  readonly content: Uint8Array;
}

/** What a local part makes the handler do, wherever it appears. */
const REFUSALS: ReadonlyMap<string, SmtpReply> = new Map([
  ["refused", reply(550, "5.7.1", "Not welcome")],
  ["unknown", reply(550, "5.1.1", "No such user")],
  ["later", reply(451, "4.7.1", "Come back later")],
  ["goaway", reply(421, "4.7.0", "Go away")],
]);

/** Accepts everything but what `REFUSALS` names, a sender `full` (no room), and `throw` (an exception). */
export class RecordingHandler implements SessionHandler {
  readonly messages: Received[] = [];
  readonly mails: MailCommand[] = [];
  readonly rcpts: RcptCommand[] = [];
  readonly clients: ClientInfo[] = [];
  /** Sinks that were opened, and how they ended. */
  opened = 0;
  aborted = 0;
  finished = 0;
  /** What a client that may submit mail is offered. */
  offer: SubmissionOffer | undefined;

  /** @param asynchronous whether every answer is a promise @param authenticator who knows the users, if there are any @param inquiries who answers VRFY and ETRN, if anybody does @param mayXclient whether XCLIENT is taken */
  constructor(
    readonly asynchronous = false,
    readonly authenticator?: Authenticator,
    readonly inquiries?: Inquiries,
    readonly mayXclient?: boolean,
  ) {}

  submission(): SubmissionOffer | undefined {
    return this.offer;
  }

  mail(mail: MailCommand, client: ClientInfo): MaybePromise<SmtpReply> {
    this.mails.push(mail);
    this.clients.push(client);
    return this.#give(() => this.#judge(mail.reversePath, reply(250, "2.1.0", "Sender OK")));
  }

  rcpt(rcpt: RcptCommand): MaybePromise<SmtpReply> {
    this.rcpts.push(rcpt);
    return this.#give(() => this.#judge(rcpt.address, reply(250, "2.1.5", "Recipient OK")));
  }

  message(envelope: Envelope): MaybePromise<MessageSink | SmtpReply> {
    return this.#give(() => {
      if (envelope.reversePath.startsWith("nodata@")) throw new Error("message failed");
      if (envelope.reversePath.startsWith("full@")) return reply(452, "4.3.1", "No room");
      return this.#sink(envelope);
    });
  }

  #sink(envelope: Envelope): MessageSink {
    const parts: Uint8Array[] = [];
    this.opened++;
    return {
      write: (chunk) =>
        this.#give(() => {
          if (envelope.reversePath.startsWith("nowrite@")) throw new Error("write failed");
          parts.push(chunk.slice());
        }),
      finish: () =>
        this.#give(() => {
          this.finished++;
          if (envelope.reversePath.startsWith("nofinish@")) throw new Error("finish failed");
          if (envelope.reversePath.startsWith("spam@")) return reply(554, "5.7.1", "Spam");
          this.messages.push({ envelope, content: concat(parts) });
          return reply(250, "2.0.0", "Queued");
        }),
      abort: () => {
        this.aborted++;
      },
    };
  }

  #judge(address: string, otherwise: SmtpReply): SmtpReply {
    const localPart = address.split("@")[0]!;
    if (localPart === "throw") throw new Error("judging failed");
    return REFUSALS.get(localPart) ?? otherwise;
  }

  #give<T>(make: () => T): MaybePromise<T> {
    return this.asynchronous ? Promise.resolve().then(make) : make();
  }
}

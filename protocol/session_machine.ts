/**
 * What of a session faces its transport: octets in, replies out, one step at a time,
 * and the state that says what the octets are. What they mean is for the class that
 * extends it. Never fails by itself.
 *
 * @module
 */
import { type Bytes, encodeInto } from "../base/bytes.ts";
import type { MaybePromise } from "../base/maybe_promise.ts";
import { repeat, whenThere } from "./ask.ts";
import type { Step } from "./handler.ts";
import { Input } from "./input.ts";
import { formatReply, type SmtpReply } from "./reply.ts";
import type {
  AuthState,
  ChunkState,
  CommandState,
  DataState,
  SessionState,
} from "./session_state.ts";

/**
 * Replies that are sent before more commands are run, in characters. Some commands
 * have replies a hundred times their length: a client that sends many of them and
 * reads nothing must not make the server keep what it would have been told.
 */
const ENOUGH_OUTPUT = 16 * 1024;
/** No output. */
const NOTHING: Bytes = new Uint8Array(0);

/** A session, without what it says. */
export abstract class SessionMachine {
  /** What came and is not used up. */
  protected readonly input: Input = new Input();
  /** Where the session stands. */
  protected state: SessionState = { name: "connected" };
  /** Whether the client has said QUIT. */
  hasQuit = false;
  /** Replies that were not given to the transport yet. */
  #output = "";
  /** Whether a step is under way, which may wait for the handler. */
  #stepping = false;
  /** Whether the connection is gone. */
  #gone = false;

  /** Reads a command and runs it; false when its line is not all there. */
  protected abstract readCommand(state: CommandState): MaybePromise<boolean>;
  /** Reads a line of AUTH and takes the turn that it makes; false when it is not all there. */
  protected abstract readResponse(state: AuthState): MaybePromise<boolean>;
  /** Reads content; false when none is there. */
  protected abstract readContent(state: DataState | ChunkState): MaybePromise<boolean>;

  /** Takes octets from the transport. The chunk must not change before the next step is done. */
  receive(chunk: Uint8Array): void {
    const { name } = this.state;
    if (name !== "closed" && name !== "starttls") this.input.append(chunk);
  }

  /**
   * Does all that can be done with the octets received, up to some length of
   * replies, which it gathers. Gives a promise only where the handler did; until
   * that resolves, only `abort` may be called.
   *
   * @param room where the output is put if it fits; it may be what the octets came in
   */
  step(room?: Bytes): MaybePromise<Step> {
    this.#stepping = true;
    const done = repeat(() => !this.#gone && !this.#isFull && this.#advance());
    return whenThere(done, () => this.#endStep(room));
  }

  /** The connection is gone; a message on its way is dropped. */
  abort(): void {
    this.#gone = true;
    // A sink is not disturbed in the middle of a call: the step that waits for it drops it.
    if (!this.#stepping) this.close();
  }

  /** Whether the octets to come are content. */
  get receiving(): boolean {
    return this.state.name === "data" || this.state.name === "chunk";
  }

  /** Whether a transaction is open: MAIL was accepted, and its message neither ended nor dropped. */
  get inTransaction(): boolean {
    return this.state.name === "mail" || this.state.name === "bdat" || this.receiving;
  }

  /** Octets of content that came in this transaction, refused ones included. */
  get contentOctets(): number {
    return "content" in this.state ? this.state.content.octets : 0;
  }

  /** The content that is under way will not be taken, and why; the client hears it from who decided that. */
  refuseContent(reply: SmtpReply): void {
    if ("content" in this.state) this.state.content.refuse(reply);
  }

  /** Adds a reply to what is sent. */
  protected say(reply: SmtpReply): void {
    this.#output += formatReply(reply);
    // RFC 5321 §3.8: 421 announces that the server closes.
    if (reply.code === 421) this.close();
  }

  /** Drops a message that is on its way. */
  protected dropMessage(): void {
    if ("content" in this.state) this.state.content.abort();
  }

  /** Ends the session: what was said is still sent, and nothing more is read. */
  protected close(): void {
    this.dropMessage();
    this.input.clear();
    this.state = { name: "closed" };
  }

  /** Whether replies have to be sent before more are gathered. */
  get #isFull(): boolean {
    return this.#output.length >= ENOUGH_OUTPUT;
  }

  /** Does one thing; false when nothing can be done before more octets come. */
  #advance(): MaybePromise<boolean> {
    const state = this.state;
    switch (state.name) {
      case "connected":
      case "greeted":
      case "mail":
      case "bdat":
        return this.readCommand(state.name);
      case "auth":
        return this.readResponse(state);
      case "data":
      case "chunk":
        return this.readContent(state);
      case "starttls":
      case "restart":
      case "closed":
        return false;
      default:
        return state satisfies never;
    }
  }

  /** Hands out the replies and says what is next. */
  #endStep(room: Bytes | undefined): Step {
    this.#stepping = false;
    if (this.#gone) this.close();
    const next = this.#next();
    // First, since the input may be in the same place.
    this.input.keep();
    const output = this.#output === "" ? NOTHING : encodeInto(this.#output, room);
    this.#output = "";
    return { output, next };
  }

  #next(): Step["next"] {
    switch (this.state.name) {
      case "starttls":
        return "starttls";
      case "restart":
        return "restart";
      case "closed":
        return "close";
      default:
        return this.#isFull ? "step" : "read";
    }
  }
}

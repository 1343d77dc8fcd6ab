/**
 * The mailboxes of a From or Sender field (RFC 5322 §3.4), read so strictly that
 * nobody can read another address in it. What is not well-formed is `undefined`.
 *
 * @module
 */

/** The longest value that is read, in UTF-16 units. */
const LONGEST_VALUE = 16 * 1024;

/** White space, a quoted string, a domain literal, an atom, a special character; comments are looked for by hand. */
const TOKEN =
  /[ \t\r\n]+|"(?:[^"\\\p{Cc}]|\\[ -~])*"|\[[^\s\p{Cc}[\]\\]*\]|[^\s\p{Cc}"()<>[\]:;@,.\\]+|[<>:;@,.]/uy;

/** The addresses in a value, without display names and comments; undefined when it is no list of mailboxes. */
export function mailboxesIn(value: string): string[] | undefined {
  const tokens = value.length > LONGEST_VALUE ? undefined : tokensOf(value);
  return tokens && new ListParser(tokens).list();
}

/** The tokens of a value, white space and comments left out. */
function tokensOf(value: string): string[] | undefined {
  const tokens: string[] = [];
  for (let at = 0; at < value.length;) {
    const end = value[at] === "(" ? commentEnd(value, at) : tokenEnd(value, at);
    if (end === undefined) return undefined;
    const token = value.slice(at, end);
    if (token[0] !== "(" && token.trim() !== "") tokens.push(token);
    at = end;
  }
  return tokens;
}

function tokenEnd(value: string, at: number): number | undefined {
  TOKEN.lastIndex = at;
  return TOKEN.test(value) ? TOKEN.lastIndex : undefined;
}

/** Where the comment at `at` ends; comments nest (RFC 5322 §3.2.2). */
function commentEnd(value: string, at: number): number | undefined {
  let depth = 0;
  for (; at < value.length; at++) {
    const character = value[at];
    if (character === "\\") at++;
    else if (character === "(") depth++;
    else if (character === ")" && --depth === 0) return at + 1;
  }
  return undefined;
}

/** Reads tokens from the left. */
class ListParser {
  readonly #tokens: readonly string[];
  #at = 0;

  constructor(tokens: readonly string[]) {
    this.#tokens = tokens;
  }

  /** `mailbox *("," mailbox)` to the end of the tokens. */
  list(): string[] | undefined {
    const mailboxes: string[] = [];
    do {
      const mailbox = this.#mailbox();
      if (mailbox === undefined) return undefined;
      mailboxes.push(mailbox);
    } while (this.#take(","));
    return this.#at === this.#tokens.length ? mailboxes : undefined;
  }

  /** `addr-spec`, or `[phrase] "<" addr-spec ">"`. */
  #mailbox(): string | undefined {
    const start = this.#at;
    while (isWord(this.#token) || this.#token === ".") this.#at++;
    if (this.#take("<")) {
      const address = this.#address();
      return this.#take(">") ? address : undefined;
    }
    this.#at = start;
    return this.#address();
  }

  /** `local-part "@" domain`. */
  #address(): string | undefined {
    const localPart = this.#dotted();
    if (localPart === undefined || !this.#take("@")) return undefined;
    const domain = this.#token?.startsWith("[") ? this.#tokens[this.#at++] : this.#dotted();
    return domain === undefined ? undefined : `${localPart}@${domain}`;
  }

  /** `word *("." word)`. */
  #dotted(): string | undefined {
    let text = "";
    do {
      if (!isWord(this.#token)) return undefined;
      text += (text === "" ? "" : ".") + this.#tokens[this.#at++];
    } while (this.#take("."));
    return text;
  }

  get #token(): string | undefined {
    return this.#tokens[this.#at];
  }

  #take(token: string): boolean {
    if (this.#token !== token) return false;
    this.#at++;
    return true;
  }
}

/** Whether a token is an atom or a quoted string. */
function isWord(token: string | undefined): boolean {
  return token !== undefined && !/^[<>:;@,.[]/.test(token);
}

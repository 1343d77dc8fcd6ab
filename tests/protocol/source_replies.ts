/**
 * The replies that a source file can give, read from its syntax tree: every call of
 * `reply` and `refused`, with a gap where its words depend on what the client said.
 */

/** A reply in the source. */
export interface SourceReply {
  /** As it goes over the wire, with `…` for each gap. */
  readonly text: string;
  /** What a line of it looks like. */
  readonly pattern: RegExp;
}

/** What makes replies: `protocol/reply.ts` and `protocol/parsed.ts`. */
const MAKERS = new Set(["reply", "refused"]);

/** The values of variables that stand in the place of an enhanced status code. */
const VARIABLE_CODES: ReadonlyMap<string, readonly string[]> = new Map([
  ["kind", ["5.1.7", "5.1.3"]],
]);

const GAP = "…";

/** The replies of a file, in their order. */
export function repliesIn(source: string): SourceReply[] {
  const found: SourceReply[] = [];
  const collect: Deno.lint.Rule = {
    create: () => ({
      CallExpression({ callee, arguments: args }) {
        if (callee.type === "Identifier" && MAKERS.has(callee.name)) found.push(...madeBy(args));
      },
    }),
  };
  Deno.lint.runPlugin({ name: "replies", rules: { collect } }, "source.ts", source);
  return found;
}

type Argument = Deno.lint.CallExpression["arguments"][number];

/** What a call makes; nothing, where its code is another function's to say. */
function madeBy([code, enhanced, ...texts]: readonly Argument[]): SourceReply[] {
  if (code?.type !== "Literal" || enhanced === undefined) return [];
  const words = texts.filter(({ type }) => type !== "SpreadElement").map(wordsOf);
  return codesOf(enhanced).flatMap((status) =>
    (words.length > 0 ? words : [GAP]).map((text) => sourceReply(`${code.value}`, status, text))
  );
}

function codesOf(enhanced: Argument): readonly string[] {
  if (enhanced.type !== "Identifier") return [wordsOf(enhanced)];
  return VARIABLE_CODES.get(enhanced.name) ?? [GAP];
}

/** A text as far as it stands in the source. */
function wordsOf(argument: Argument): string {
  if (argument.type === "Literal") return String(argument.value);
  if (argument.type === "TemplateLiteral") {
    return argument.quasis.map(({ cooked }) => cooked).join(GAP);
  }
  return GAP;
}

function sourceReply(code: string, status: string, words: string): SourceReply {
  const text = status === "" ? words : `${status} ${words}`;
  const gaps = text.split(GAP).map((part) => part.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&"));
  return { text: `${code} ${text}`, pattern: new RegExp(`^${code}[- ]${gaps.join(".*")}$`) };
}

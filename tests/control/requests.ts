/** Requests as a description of the API allows them, and as it does not: for a property to try. */
import fc from "fast-check";

/** A schema as it stands in the document, as far as values are made of it. */
interface Schema {
  readonly $ref?: string;
  readonly type?: string;
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly Schema[];
  readonly pattern?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minItems?: number;
  readonly items?: Schema;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: Schema | boolean;
}

/** An operation of the document. */
export interface Operation {
  readonly parameters: readonly {
    readonly name: string;
    readonly in: "path" | "query";
    readonly required: boolean;
    readonly schema: Schema;
  }[];
  readonly requestBody?: { readonly content: Readonly<Record<string, { schema?: Schema }>> };
  readonly responses: Readonly<
    Record<string, { readonly content: Readonly<Record<string, { schema?: unknown }>> }>
  >;
}

/** The document as it is served. */
export interface ApiDocument {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> };
}

/** A request to make. */
export interface MadeRequest {
  /** The path with its query. */
  readonly path: string;
  readonly init: RequestInit & { readonly method: string };
}

/** Values that mean something, by the names of what they are for. */
export type Known = Readonly<Record<string, readonly string[]>>;

/** Texts that are none of what is expected anywhere, or only look so. */
const STRANGE = fc.oneof(
  fc.string({ unit: "binary" }),
  fc.constantFrom(
    ...["", " ", "*", "<>", "%", "%00", "%zz", "..", "../../etc/passwd", "null", "NaN", "-1"],
    ...["1e999", "0x10", "\0", "\r\nX: y", "\u202e", "\ud800", "__proto__", "constructor"],
    ...["x".repeat(1001), "*a".repeat(400), "9".repeat(400), "[]", "{}", "''\"`;--", "１２"],
  ),
);

/** The media types of bodies, right ones and others. */
const TYPES = fc.constantFrom(
  "application/json",
  "application/json; charset=utf-8",
  "message/rfc822",
  "text/plain",
  "multipart/form-data; boundary=x",
  "",
);

/** Requests for an operation. */
export function requestsOf(
  document: ApiDocument,
  [template, method]: readonly [template: string, method: string],
  known: Known,
): fc.Arbitrary<MadeRequest> {
  const operation = document.paths[template]![method]!;
  const make = new Maker(document, known);
  return fc.record({
    path: make.path(template, operation),
    query: make.query(operation),
    accept: fc.constantFrom("*/*", "application/x-ndjson", "text/html"),
    ...make.body(operation),
  }).map(({ path, query, accept, body, type }) => ({
    path: query === "" ? path : `${path}?${query}`,
    init: {
      method: method.toUpperCase(),
      headers: { accept, ...(body !== undefined && type && { "content-type": type }) },
      ...(body !== undefined && { body }),
    },
  }));
}

class Maker {
  readonly #document: ApiDocument;
  readonly #known: Known;

  constructor(document: ApiDocument, known: Known) {
    this.#document = document;
    this.#known = known;
  }

  path(template: string, { parameters }: Operation): fc.Arbitrary<string> {
    const names = parameters.filter((parameter) => parameter.in === "path");
    const values = fc.tuple(...names.map(({ name, schema }) => this.#text(name, schema)));
    return values.map((texts) =>
      names.reduce((path, { name }, i) => path.replace(`{${name}}`, escaped(texts[i]!)), template)
    );
  }

  /** Some of the parameters, now and then one that there is not, or one twice. */
  query({ parameters }: Operation): fc.Arbitrary<string> {
    const names = parameters.filter((parameter) => parameter.in === "query");
    const pairs = names.map(({ name, schema }) =>
      fc.tuple(fc.constant(name), this.#text(name, schema))
    );
    const pair = pairs.length === 0 ? undefined : fc.oneof(...pairs);
    const strange = fc.tuple(STRANGE, STRANGE);
    const none = fc.array(strange, { maxLength: 0 });
    return fc.tuple(
      pair ? fc.uniqueArray(pair, { selector: ([name]) => name, maxLength: 4 }) : none,
      mostly(none, fc.array(pair ?? strange, { maxLength: 2 })),
      mostly(none, fc.array(strange, { maxLength: 2 })),
    ).map((all) => all.flat().map((each) => each.map(escaped).join("=")).join("&"));
  }

  body({ requestBody }: Operation): {
    body: fc.Arbitrary<BodyInit | undefined>;
    type: fc.Arbitrary<string>;
  } {
    if (requestBody === undefined) return { body: fc.constant(undefined), type: TYPES };
    const [[type, { schema }] = ["", {}]] = Object.entries(requestBody.content);
    const fitting = schema === undefined
      ? fc.constantFrom("From: a@example.org\nTo: b@example.com\n\nHi.\n", "\n", "To: (\n\n")
      : this.#value("", schema).map((value) => JSON.stringify(value));
    const octets = fc.uint8Array({ maxLength: 200 }).map((octets) => new Uint8Array(octets));
    const other = fc.oneof(
      fc.json(),
      octets,
      fc.constantFrom("", "{", "[".repeat(50_000), `{"__proto__":{"action":"hold"}}`),
    );
    return { body: mostly<BodyInit>(fitting, other), type: mostly(fc.constant(type), TYPES) };
  }

  /** A value as text. */
  #text(name: string, schema: Schema): fc.Arbitrary<string> {
    return mostly(this.#value(name, schema).map(String), STRANGE);
  }

  #value(name: string, schema: Schema): fc.Arbitrary<unknown> {
    const fitting = this.#fitting(name, schema);
    return fc.oneof(
      { weight: 20, arbitrary: fitting },
      { weight: 1, arbitrary: fc.oneof(STRANGE, fc.jsonValue()) },
    );
  }

  #fitting(name: string, schema: Schema): fc.Arbitrary<unknown> {
    const { $ref, type, anyOf, minimum = 0, maximum = 1000 } = schema;
    if ($ref !== undefined) {
      return this.#fitting(name, this.#document.components.schemas[$ref.split("/").at(-1)!]!);
    }
    if (schema.enum !== undefined) return fc.constantFrom(...schema.enum);
    if (this.#known[name] && type !== "array") return fc.constantFrom(...this.#known[name]);
    if (anyOf !== undefined) return fc.oneof(...anyOf.map((one) => this.#value(name, one)));
    switch (type) {
      case "string":
        return STRANGE;
      case "integer":
      case "number":
        return fc.integer({ min: minimum, max: maximum });
      case "boolean":
        return fc.boolean();
      case "null":
        return fc.constant(null);
      case "array":
        return fc.array(this.#value(name, schema.items ?? {}), {
          minLength: schema.minItems ?? 0,
          maxLength: 4,
        });
      case "object":
        return this.#object(schema);
      default:
        return fc.jsonValue();
    }
  }

  #object({ properties = {}, required = [], additionalProperties }: Schema): fc.Arbitrary<unknown> {
    if (typeof additionalProperties === "object") {
      const { address = [""] } = this.#known;
      return fc.dictionary(
        fc.oneof(fc.constantFrom(...address), STRANGE),
        this.#value("address", additionalProperties),
        { maxKeys: 3 },
      );
    }
    const optional = Object.keys(properties).filter((name) => !required.includes(name));
    const of = (name: string) =>
      this.#value(name, properties[name]!).map((value) => [name, value] as const);
    // Few of them: with many, each for another purpose, hardly anything would be in order.
    return fc.tuple(
      fc.tuple(...required.map(of)),
      fc.subarray(optional, { maxLength: Math.min(optional.length, 2) })
        .chain((names) => fc.tuple(...names.map(of))),
    ).map((pairs) => Object.fromEntries(pairs.flat()));
  }
}

/** Mostly the one, now and then the other. */
function mostly<T>(usual: fc.Arbitrary<T>, other: fc.Arbitrary<T>): fc.Arbitrary<T> {
  return fc.oneof({ weight: 4, arbitrary: usual }, { weight: 1, arbitrary: other });
}

/** As it stands in a URL; a lone surrogate has no such form. */
function escaped(text: string): string {
  return encodeURIComponent(text.toWellFormed());
}

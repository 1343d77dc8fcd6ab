/**
 * Describes the routes as an OpenAPI 3.1 document, from the very schemas that check
 * requests. It cannot fail for the routes there are: a test makes it.
 *
 * @module
 */
import { z } from "zod";
import { problemStatuses } from "./problem.ts";
import { isOctets } from "./request.ts";
import type { Answers, Route } from "./route.ts";

/** A JSON value with names. */
export type JsonObject = Record<string, unknown>;

const problemSchema: JsonObject = {
  type: "object",
  required: ["error"],
  properties: {
    error: {
      type: "object",
      required: ["code", "message"],
      properties: {
        code: { enum: problemStatuses().map(([code]) => code) },
        message: { type: "string" },
        key: { type: "string", description: "The part of the request that it is about" },
        expected: { type: "string", description: "What was expected there" },
      },
    },
  },
};

/** The document. */
export function openApiDocument(routes: readonly Route[], version: string): JsonObject {
  const components = new Components();
  const paths: Record<string, JsonObject> = {};
  for (const route of routes) {
    paths[route.path] = {
      ...paths[route.path],
      [route.method.toLowerCase()]: operation(route, components),
    };
  }
  return {
    openapi: "3.1.0",
    info: {
      title: "deno-smtp-server",
      version,
      description: "See and steer the queue. Times are ms since 1970, spans ms, sizes octets.",
      license: { name: "MIT", identifier: "MIT" },
    },
    servers: [{ url: "http://localhost", description: "`control.sock` in the spool, or `api`" }],
    security: [{ token: [] }],
    paths,
    components: {
      securitySchemes: { token: { type: "http", scheme: "bearer" } },
      schemas: { Problem: problemSchema, ...components.schemas },
      responses: {
        Problem: {
          description: "It cannot be answered",
          content: { "application/json": { schema: { $ref: "#/components/schemas/Problem" } } },
        },
      },
    },
  };
}

function operation(route: Route, components: Components): JsonObject {
  const { name, summary, description, body, open, unavailable } = route;
  return {
    operationId: name,
    summary,
    ...(description !== undefined && { description }),
    ...(open && { security: [] }),
    parameters: [
      ...parameters("path", route.params, components),
      ...parameters("query", route.query, components),
    ],
    ...(body !== undefined && {
      requestBody: {
        required: true,
        content: isOctets(body)
          ? { [body.octets]: {} }
          : { "application/json": { schema: components.of(body, "input") } },
      },
    }),
    responses: {
      "200": { description: "Done", content: contents(route.answers, components) },
      ...(unavailable && {
        "503": {
          description: "Not now",
          content: contents({ "application/json": unavailable }, components),
        },
      }),
      default: { $ref: "#/components/responses/Problem" },
    },
  };
}

function parameters(place: "path" | "query", schema: z.ZodObject, all: Components): JsonObject[] {
  const { properties = {}, required = [] } = all.of(schema, "input") as {
    properties?: Record<string, JsonObject>;
    required?: string[];
  };
  return Object.entries(properties).map(([name, { description, ...property }]) => ({
    name,
    in: place,
    ...(description !== undefined && { description }),
    required: place === "path" || required.includes(name),
    schema: property,
  }));
}

function contents(answers: Answers, components: Components): JsonObject {
  return Object.fromEntries(
    Object.entries(answers).map(([type, schema]) => [
      type,
      schema === "text" ? {} : { schema: components.of(schema, "output") },
    ]),
  );
}

/** Schemas that have a name stand in one place and are referred to. */
class Components {
  readonly schemas: Record<string, unknown> = {};

  /** A schema as JSON Schema. */
  of(schema: z.ZodType, io: "input" | "output"): JsonObject {
    const { $defs = {}, $schema: _, ...rest } = z.toJSONSchema(schema, { io, reused: "inline" });
    for (const [name, definition] of Object.entries($defs)) {
      this.schemas[name] ??= moved(definition as JsonObject);
    }
    return moved(rest as JsonObject);
  }
}

/** The same with its references leading to where the document has its schemas. */
function moved(schema: JsonObject): JsonObject {
  return JSON.parse(
    JSON.stringify(schema),
    (key, value) =>
      key === "$ref" && typeof value === "string"
        ? value.replace("#/$defs/", "#/components/schemas/")
        : value,
  );
}

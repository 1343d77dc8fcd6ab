/** A collector of OpenTelemetry spans on 127.0.0.1: takes OTLP over HTTP in its JSON form. */

/** A span as it came, as far as tests look at it. */
export interface CollectedSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string;
  readonly name: string;
  /** 1 internal, 2 server, 3 client. */
  readonly kind: number;
  /** ms since 1970. */
  readonly begin: number;
  /** ms since 1970. */
  readonly end: number;
  readonly attributes: Readonly<Record<string, unknown>>;
  /** Its status: 0 unset, 2 error. */
  readonly status: number;
}

/** What Deno's exporter sends, as far as it is read here. */
interface ExportedSpan extends Omit<CollectedSpan, "begin" | "end" | "attributes" | "status"> {
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes: readonly { readonly key: string; readonly value: Record<string, unknown> }[];
  readonly status: { readonly code: number };
}

interface Export {
  readonly resourceSpans: readonly {
    readonly scopeSpans: readonly {
      readonly scope: { readonly name: string };
      readonly spans: readonly ExportedSpan[];
    }[];
  }[];
}

/** A running collector. */
export class TraceCollector implements AsyncDisposable {
  /** Our spans so far, and no others. */
  readonly spans: CollectedSpan[] = [];
  /** All that was ever sent here, whatever it is. */
  received = "";
  readonly #server: Deno.HttpServer<Deno.NetAddr>;

  /** Listens at once. */
  constructor() {
    const options = { hostname: "127.0.0.1", port: 0, onListen: () => {} };
    this.#server = Deno.serve(options, (request) => this.#take(request));
  }

  /** What a program has to find in its environment to export to it. */
  get environment(): Record<string, string> {
    return {
      OTEL_DENO: "true",
      OTEL_DENO_CONSOLE: "ignore",
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${this.#server.addr.port}`,
      OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
  }

  async #take(request: Request): Promise<Response> {
    const path = new URL(request.url).pathname;
    const text = await request.text();
    this.received += text;
    const body: unknown = JSON.parse(text);
    if (path === "/v1/traces") {
      for (const { scopeSpans } of (body as Export).resourceSpans) {
        const ours = scopeSpans.filter(({ scope }) => scope.name === "deno-smtp-server");
        this.spans.push(...ours.flatMap(({ spans }) => spans.map(spanOf)));
      }
    }
    return Response.json({});
  }
}

function spanOf(exported: ExportedSpan): CollectedSpan {
  const { traceId, spanId, parentSpanId, name, kind, status } = exported;
  return {
    ...{ traceId, spanId, parentSpanId, name, kind, status: status.code },
    begin: msOf(exported.startTimeUnixNano),
    end: msOf(exported.endTimeUnixNano),
    attributes: Object.fromEntries(
      exported.attributes.map(({ key, value }) => [key, Object.values(value)[0]]),
    ),
  };
}

function msOf(nanoseconds: string): number {
  return Math.round(Number(BigInt(nanoseconds) / 1000n) / 1000);
}

/**
 * Numbers about a running program, in the text format that Prometheus reads
 * (version 0.0.4). The values of a label are named when the metric is made, and
 * every other value counts as `other`: no peer can make a series. Cannot fail.
 *
 * @module
 */

/** The labels of a metric and the values that each may have. */
export type Labels = Readonly<Record<string, readonly string[]>>;

/** A value of a metric by the values of its labels, in their order. */
export interface Sample {
  readonly labels: readonly string[];
  readonly value: number;
}

/** What stands for every value that a label does not name. */
const OTHER = "other";

/** A metric: what it is called, what it means, and how its lines look. */
export interface Metric {
  readonly name: string;
  readonly help: string;
  readonly type: "counter" | "gauge" | "histogram";
  /** Its lines, without those that describe it. */
  lines(): Iterable<string>;
}

/** Series by the values of labels. */
class Series<T> {
  readonly #names: readonly string[];
  /** For each label its values, numbered. */
  readonly #numbers: readonly ReadonlyMap<string, number>[];
  /** By the numbers of their values, read as the digits of one: no text is made for what is only counted. */
  readonly #byNumber: (T | undefined)[] = [];
  readonly #all: [labels: string, series: T][] = [];
  readonly #make: () => T;

  constructor(labels: Labels, make: () => T) {
    this.#names = Object.keys(labels);
    this.#numbers = Object.values(labels).map((values) =>
      new Map([...values, OTHER].map((value, number) => [value, number]))
    );
    this.#make = make;
    if (this.#names.length === 0) this.of([]);
  }

  /** The series with these values. */
  of(values: readonly string[]): T {
    let number = 0;
    for (let i = 0; i < this.#numbers.length; i++) {
      const numbers = this.#numbers[i]!;
      number = number * (numbers.size + 1) + (numbers.get(values[i]!) ?? numbers.get(OTHER)!);
    }
    return this.#byNumber[number] ??= this.#begin(values);
  }

  /** All of them, each with its labels as they are written. */
  entries(): Iterable<[labels: string, series: T]> {
    return this.#all;
  }

  #begin(values: readonly string[]): T {
    const series = this.#make();
    this.#all.push([this.#written(values), series]);
    return series;
  }

  /** `outcome="delivered",class="2xx"`. Their values are this program's own words, which need no escapes. */
  #written(values: readonly string[]): string {
    const known = (value: string, i: number) => this.#numbers[i]!.has(value) ? value : OTHER;
    return this.#names.map((name, i) => `${name}="${known(values[i]!, i)}"`).join(",");
  }
}

/** Something that is counted and only grows. */
export class Counter implements Metric {
  readonly type = "counter";
  readonly #series: Series<{ value: number }>;

  /** Makes one; its name ends in `_total`. */
  constructor(readonly name: string, readonly help: string, labels: Labels = {}) {
    this.#series = new Series(labels, () => ({ value: 0 }));
  }

  /** Adds to the series with these values of the labels. */
  add(amount: number, ...labels: readonly string[]): void {
    this.#series.of(labels).value += amount;
  }

  *lines(): Iterable<string> {
    for (const [labels, { value }] of this.#series.entries()) yield line(this.name, labels, value);
  }
}

/** Something that is looked at when it is asked for. */
export class Gauge implements Metric {
  readonly #labels: Labels;
  readonly #read: () => Iterable<Sample>;

  /** Makes one; `read` is asked each time. Of what was counted elsewhere the type is `counter`. */
  constructor(
    readonly name: string,
    readonly help: string,
    labels: Labels,
    read: () => Iterable<Sample>,
    readonly type: "gauge" | "counter" = "gauge",
  ) {
    this.#labels = labels;
    this.#read = read;
  }

  *lines(): Iterable<string> {
    const samples = [...this.#read()];
    // Without labels there is a series at once; what is not known has none.
    if (samples.length === 0) return;
    const series = new Series(this.#labels, () => ({ value: 0 }));
    for (const { labels, value } of samples) series.of(labels).value += value;
    for (const [labels, { value }] of series.entries()) yield line(this.name, labels, value);
  }
}

/** How values are spread. */
export class Histogram implements Metric {
  readonly type = "histogram";
  readonly #bounds: readonly number[];
  readonly #series: Series<{ counts: number[]; sum: number }>;

  /** Makes one with these upper bounds, in rising order. */
  constructor(
    readonly name: string,
    readonly help: string,
    bounds: readonly number[],
    labels: Labels = {},
  ) {
    this.#bounds = bounds;
    const counts = () => Array.from({ length: bounds.length + 1 }, () => 0);
    this.#series = new Series(labels, () => ({ counts: counts(), sum: 0 }));
  }

  /** Notes a value in the series with these values of the labels. */
  observe(value: number, ...labels: readonly string[]): void {
    const series = this.#series.of(labels);
    let bucket = 0;
    while (bucket < this.#bounds.length && value > this.#bounds[bucket]!) bucket++;
    series.counts[bucket]!++;
    series.sum += value;
  }

  *lines(): Iterable<string> {
    for (const [labels, { counts, sum }] of this.#series.entries()) {
      let count = 0;
      const separated = labels === "" ? "" : `${labels},`;
      for (const [i, inBucket] of counts.entries()) {
        count += inBucket;
        const bound = this.#bounds[i] ?? "+Inf";
        yield line(`${this.name}_bucket`, `${separated}le="${bound}"`, count);
      }
      yield line(`${this.name}_sum`, labels, sum);
      yield line(`${this.name}_count`, labels, count);
    }
  }
}

/** The content type of {@linkcode metricsText}. */
export const METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8";

/** The metrics as Prometheus reads them. */
export function metricsText(metrics: Iterable<Metric>): string {
  const lines: string[] = [];
  for (const metric of metrics) {
    const help = metric.help.replaceAll("\\", "\\\\").replaceAll("\n", "\\n");
    lines.push(`# HELP ${metric.name} ${help}`, `# TYPE ${metric.name} ${metric.type}`);
    lines.push(...metric.lines());
  }
  return lines.join("\n") + "\n";
}

function line(name: string, labels: string, value: number): string {
  return labels === "" ? `${name} ${value}` : `${name}{${labels}} ${value}`;
}

/** Metrics as text. */
import { assertEquals } from "@std/assert";
import { Counter, Gauge, Histogram, metricsText } from "../../base/metrics.ts";

Deno.test("counters, gauges and histograms are written as Prometheus reads them", () => {
  const counter = new Counter("a_total", "A\nline.", { kind: ["x", "y"] });
  counter.add(2, "y");
  counter.add(1, "y");
  const gauge = new Gauge("b", "B.", {}, () => [{ labels: [], value: 1.5 }]);
  const histogram = new Histogram("c_seconds", "C.", [0.1, 1]);
  for (const value of [0.1, 0.5, 7]) histogram.observe(value);
  assertEquals(
    metricsText([counter, gauge, histogram]),
    [
      "# HELP a_total A\\nline.",
      "# TYPE a_total counter",
      'a_total{kind="y"} 3',
      "# HELP b B.",
      "# TYPE b gauge",
      "b 1.5",
      "# HELP c_seconds C.",
      "# TYPE c_seconds histogram",
      'c_seconds_bucket{le="0.1"} 1',
      'c_seconds_bucket{le="1"} 2',
      'c_seconds_bucket{le="+Inf"} 3',
      "c_seconds_sum 7.6",
      "c_seconds_count 3",
      "",
    ].join("\n"),
  );
});

Deno.test("a value that a label does not name counts as other, whatever is in it", () => {
  const counter = new Counter("a_total", "A.", { kind: ["x"] });
  for (const value of ["x", 'y"} 1\n', "__proto__", ""]) counter.add(1, value);
  assertEquals([...counter.lines()], ['a_total{kind="x"} 1', 'a_total{kind="other"} 3']);
});

// Reports as a hostile hand could write them: whatever `parseReport` lets through.
import fc from "fast-check";
import { judgeReport } from "../../src/analysis/gate.js";
import { partNames, type Report, type Row } from "../../src/analysis/report.js";
import { sample } from "./sample.js";

const nasty = fc.oneof(
  fc.string({ unit: "binary" }),
  fc.constantFrom(
    "<script>alert(1)</script>",
    '"><svg onload=alert(1)>',
    "]]>",
    "&amp;&",
    "'",
    "\u0000\u0008\ufffe\ud800",
    "a".repeat(5000),
    "</style>",
    "\u202e",
    "",
  ),
);
const positive = fc.oneof(
  fc.double({ min: 0, max: Number.MAX_VALUE, noNaN: true }),
  fc.double({ min: 1e-3, max: 1e3, noNaN: true }),
  fc.constantFrom(0, Number.MIN_VALUE, Number.MAX_VALUE, 1),
);
const count = fc.oneof(fc.integer({ min: 1, max: 64 }), fc.constantFrom(1, 2, Number.MAX_SAFE_INTEGER));
const place = fc.record({
  layer: fc.oneof(fc.nat(3), fc.constant(Number.MAX_SAFE_INTEGER)),
  part: fc.constantFrom(...partNames),
  head: fc.option(fc.nat(3)),
  n: count,
  sample: fc.nat(3),
  start: fc.nat(),
  key: fc.option(nasty),
  radius: fc.option(positive),
  seed: fc.nat(),
});
const row = fc.oneof(
  fc.record({ place, values: fc.tuple(positive, positive, positive) }).map(({ place, values }): Row => {
    const [lower, upper] = [Math.min(values[0], values[1]), Math.max(values[0], values[1])];
    const rest = { failureProbability: 1e-6, status: "converged", steps: 1, applications: 2 } as const;
    const more = { accuracy: null, relative: values[0], certified: null };
    return { ...place, sigma: values[2], lower, upper, ...more, ...rest };
  }),
  fc.record({ place, error: nasty }).map(({ place, error }): Row => {
    const nothing = {
      sigma: null,
      lower: null,
      upper: null,
      failureProbability: null,
      accuracy: null,
      relative: null,
      certified: null,
      steps: null,
      applications: null,
    };
    return { ...place, ...nothing, status: "failed", error };
  }),
);
const fit = fc
  .record({
    layer: fc.nat(3),
    part: fc.constantFrom(...partNames),
    head: fc.option(fc.nat(3)),
    ends: fc.tuple(positive, positive),
    exponent: positive,
    constant: positive,
  })
  .map(({ layer, part, head, ends, exponent, constant }) => ({
    layer,
    part,
    head,
    exponent: exponent - 1,
    constant,
    interval: [-Math.max(...ends), Math.min(...ends)] as [number, number],
    r2: 0.5,
    points: 3,
    omitted: 0,
  }));

export const arbitraryReport: fc.Arbitrary<Report> = fc
  .record({
    rows: fc.array(row, { maxLength: 30 }),
    fits: fc.array(fit, { maxLength: 4 }),
    complete: fc.boolean(),
    heads: fc.boolean(),
    words: fc.tuple(nasty, nasty, nasty, nasty, nasty),
  })
  .map(({ rows, fits, complete, heads, words: [source, file, hash, reason, wrapped] }) => ({
    provenance: {
      ...sample.provenance,
      howsmooth: reason,
      date: wrapped,
      model: { ...sample.provenance.model, source, architecture: hash, files: { [file]: hash } },
      runtime: { ...sample.provenance.runtime!, reason, adapter: source },
      input: { ...sample.provenance.input, sha256: hash, wrapped },
      options: { ...sample.provenance.options, heads },
    },
    rows,
    fits,
    ...(heads
      ? { windows: [{ n: 4, sample: 0, start: 0, text: source }], gate: judgeReport(sample, { failAbove: 1 }) }
      : {}),
    complete,
  }));

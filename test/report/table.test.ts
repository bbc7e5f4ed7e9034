import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { assembleReport } from "../../src/analysis/report.js";
import { formatBracket, formatNumber } from "../../src/base/numbers.js";
import { formatHeader, formatRow, formatSummary, toTable } from "../../src/report/table.js";
import { failed, measured, sample } from "./sample.js";

describe("toTable", () => {
  it("aligns every row under the header and ends with fits and notes", () => {
    expect(toTable(sample)).toMatchInlineSnapshot(`
      "layer      n  sample       sigma  [lower, upper]             relative  status           steps      radius
          0      2       0     0.50000  [0.49995, 0.52000]            1.500  converged           12      27.713
          0      4       0     0.70000  [0.69992, 0.72800]            1.500  converged           12      27.713
          0      6       0     0.82000  [0.81991, 0.85280]            1.500  converged           12      27.713
          0      8       0     0.99000  [0.98990, 1.0296]             1.500  converged           12      27.713
          6      2       0   1.2346e+5  [1.2344e+5, 1.2840e+5]        1.500  converged           12      27.713
          6      8       0           –  –                                 –  failed               –           –  out of memory: "scores", needs 10 bytes and more

      layer 0: sigma ~ 0.35741 n^0.480  (exponent within [0.372, 0.588] at 95 %, r2 0.995, 4 rows)
      layer 6: no power law: 1 length with sigma above 0, a power law is shown from 4 on
      each upper bound fails with probability at most 1e-6 over the solver's random start
      note: the text has 20 tokens: taken modulo
      failed: 1 of 6 rows
      incomplete: 6 of 8 rows
      "
    `);
  });

  it("is the header, the rows and the summary, which can be shown as they come", () => {
    expect(toTable(sample)).toBe(
      `${formatHeader()}\n${sample.rows.map((row) => `${formatRow(row)}\n`).join("")}\n${formatSummary(sample)}\n`,
    );
  });

  it("says of a complete report neither incomplete nor failed", () => {
    const summary = formatSummary(assembleReport(sample.provenance, [measured(0, 2, 1)], true));
    expect(summary).not.toMatch(/incomplete|failed:/);
    expect(summary).toContain("layer 0: no power law: 1 length with sigma above 0, a power law is shown from 4 on");
  });

  it("has a column for the head where heads were measured", () => {
    const { provenance } = sample;
    const options = { ...provenance.options, heads: true };
    const rows = [2, 4, 8, 16].flatMap((n) => [measured(0, n, n), { ...measured(0, n, n / 2), head: 11 }]);
    expect(
      toTable(assembleReport({ ...provenance, options }, rows, true))
        .split("\n")
        .slice(0, 3),
    ).toEqual([
      "layer  head      n  sample       sigma  [lower, upper]             relative  status           steps      radius",
      "    0   all      2       0      2.0000  [1.9998, 2.0800]              1.500  converged           12      27.713",
      "    0    11      2       0      1.0000  [0.99990, 1.0400]             1.500  converged           12      27.713",
    ]);
    expect(toTable(assembleReport({ ...provenance, options }, rows, true))).toContain("layer 0, head 11: sigma ~ 0.50");
  });

  it("keeps the error of a failed row on its line", () => {
    expect(formatRow(failed)).toMatch(/failed .*out of memory: "scores", needs 10 bytes and more$/);
  });
});

describe("numbers", () => {
  it("have five significant digits", () => {
    expect([0, 0.25134449, 12.3, 123456.7, 1.23456e-5, 0.00123456].map(formatNumber)).toEqual([
      "0",
      "0.25134",
      "12.300",
      "1.2346e+5",
      "1.2346e-5",
      "0.0012346",
    ]);
  });

  it("round a bracket outwards, by less than one part in 5000", () => {
    const sigma = fc.double({ min: 1e-8, max: 1e8, noNaN: true });
    fc.assert(
      fc.property(sigma, sigma, (a, b) => {
        const [lower, upper] = [Math.min(a, b), Math.max(a, b)];
        const [low, high] = JSON.parse(formatBracket(lower, upper)) as [number, number];
        return low <= lower && high >= upper && low >= lower * (1 - 2e-4) && high <= upper * (1 + 2e-4);
      }),
    );
    expect(formatBracket(0, 0)).toBe("[0, 0]");
    expect(formatBracket(0.99999999, 9.99999)).toBe("[0.99999, 10.000]");
  });
});

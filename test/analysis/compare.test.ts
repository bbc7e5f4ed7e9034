import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { compareReports, median } from "../../src/analysis/compare.js";
import { assembleReport, type Row } from "../../src/analysis/report.js";
import { failed, measured, sample } from "../report/sample.js";

const report = (...rows: Row[]) => assembleReport(sample.provenance, rows, true);

describe("compareReports", () => {
  it("sets matching rows side by side and marks what is beyond both brackets", () => {
    const a = report(measured(0, 2, 1), measured(0, 4, 1), measured(0, 8, 1), measured(0, 16, 1));
    const b = report(measured(0, 2, 1.041), measured(0, 4, 1.0399), measured(0, 8, 0.5), measured(0, 16, 0.97));
    const { rows } = compareReports(a, b);
    expect(rows.map(({ n, beyond }) => [n, beyond])).toEqual([
      [2, "above"],
      [4, null],
      [8, "below"],
      [16, null],
    ]);
    expect(rows.map(({ ratio }) => ratio)).toEqual([1.041, 1.0399, 0.5, 0.97]);
  });

  it("sums up each layer and head at each length and at all, ratios by their geometric mean", () => {
    const at = (n: number, sample: number, sigma: number) => ({ ...measured(3, n, sigma), sample });
    const a = report(at(2, 0, 1), at(2, 1, 2), at(4, 0, 3));
    const b = report(at(2, 0, 2), at(2, 1, 16), at(4, 0, 12));
    const { groups } = compareReports(a, b);
    expect(groups.map(({ n, rows, a, b, above, below }) => ({ n, rows, a, b, above, below }))).toEqual([
      { n: 2, rows: 2, a: 1.5, b: 9, above: 2, below: 0 },
      { n: 4, rows: 1, a: 3, b: 12, above: 1, below: 0 },
      { n: null, rows: 3, a: 2, b: 12, above: 3, below: 0 },
    ]);
    expect(groups.map(({ ratio }) => ratio)).toEqual([expect.closeTo(4, 12), expect.closeTo(4, 12), expect.closeTo(4)]);
    expect(groups[2].exponents!.a).toEqual(a.fits[0]);
    expect(groups[0].exponents).toBeUndefined();
  });

  it("a report against itself has ratio 1 everywhere and nothing beyond", () => {
    const { rows, groups, onlyInA, onlyInB, differences } = compareReports(sample, structuredClone(sample));
    expect(rows).toHaveLength(5);
    for (const { ratio, beyond } of rows) expect([ratio, beyond]).toEqual([1, null]);
    for (const { ratio } of groups) expect(ratio).toBe(1);
    expect([onlyInA, onlyInB, differences]).toEqual([[], [], []]);
  });

  it("mirrors when the reports change places", () => {
    const sigma = fc.double({ min: 1e-3, max: 1e3, noNaN: true });
    fc.assert(
      fc.property(sigma, sigma, (x, y) => {
        const forth = compareReports(report(measured(0, 2, x)), report(measured(0, 2, y))).rows[0];
        const back = compareReports(report(measured(0, 2, y)), report(measured(0, 2, x))).rows[0];
        expect(forth.ratio! * back.ratio!).toBeCloseTo(1, 12);
        const mirrored = { above: "below", below: "above" } as const;
        expect(back.beyond).toBe(forth.beyond && mirrored[forth.beyond]);
      }),
    );
  });

  it("has no ratio from 0, ratio 1 from 0 to 0, and names rows that are in one report only", () => {
    const a = report(measured(0, 2, 0), measured(0, 4, 0), measured(1, 2, 1), failed);
    const b = report(measured(0, 2, 1), measured(0, 4, 0), measured(2, 2, 1));
    const { rows, groups, onlyInA, onlyInB } = compareReports(a, b);
    expect(rows.map(({ ratio, beyond }) => [ratio, beyond])).toEqual([
      [null, "above"],
      [1, null],
    ]);
    expect(groups.at(-1)!.ratio).toBeNull();
    expect([onlyInA.map(({ layer }) => layer), onlyInB.map(({ layer }) => layer)]).toEqual([[1], [2]]);
  });

  it("says where the provenances differ", () => {
    const { provenance } = sample;
    const other = { ...sample, provenance: { ...provenance, model: { ...provenance.model, source: "elsewhere" } } };
    expect(compareReports(sample, other).differences).toEqual([
      'provenance.model.source ("random:gpt2" there, "elsewhere" here)',
    ]);
  });
});

it("median is the middle value, or the middle of the two middle ones", () => {
  expect([[3], [4, 1], [5, 1, 2], [4, 3, 2, 1]].map(median)).toEqual([3, 2.5, 2, 2.5]);
  expect(median([1.7e308, 1.7e308])).toBe(1.7e308);
});

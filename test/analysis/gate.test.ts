import { describe, expect, it } from "vitest";
import { rowsAbove, rowsGrown } from "../../src/analysis/gate.js";
import { assembleReport, type Row } from "../../src/analysis/report.js";
import { failed, measured, sample } from "../report/sample.js";

const report = (...rows: Row[]) => assembleReport(sample.provenance, rows, true);

describe("rowsAbove", () => {
  it("judges the upper bounds, the largest first", () => {
    const rows = [measured(0, 2, 1), measured(1, 2, 3), measured(2, 2, 2), failed];
    expect(rowsAbove(report(...rows), 1.5).map(({ layer }) => layer)).toEqual([1, 2]);
    expect(rowsAbove(report(measured(0, 2, 1)), 1.04)).toEqual([]);
    expect(rowsAbove(report(measured(0, 2, 1)), 1.0399)).toHaveLength(1);
    expect(() => rowsAbove(report(), Number.NaN)).toThrow(RangeError);
  });
});

describe("rowsGrown", () => {
  it("judges upper against the baseline's lower at the same layer, head, n and sample, the most grown first", () => {
    const before = report(measured(0, 2, 1), measured(0, 4, 1), { ...measured(0, 4, 9), head: 1 });
    const now = report(measured(0, 2, 1.15), measured(0, 4, 1.5), { ...measured(0, 4, 18), head: 1 });
    const { grown, judged, unmatched, missing } = rowsGrown(now, before, 1.2);
    expect(grown.map(({ row, ratio, decision }) => [row.head, row.n, ratio, decision])).toEqual([
      [1, 4, (18 * 1.04) / (9 * 0.9999), "grown"],
      [null, 4, (1.5 * 1.04) / 0.9999, "grown"],
    ]);
    expect([judged, unmatched, missing]).toEqual([3, [], []]);
  });

  it("passes a row whose upper bound is at the factor, and one that shrank", () => {
    const before = report(measured(0, 2, 1), measured(0, 4, 1));
    const atFactor = { ...measured(0, 2, 1.9), upper: 2 * 0.9999 };
    expect(rowsGrown(report(atFactor, measured(0, 4, 0.1)), before, 2).grown).toEqual([]);
  });

  it("does not pass what may have grown under a baseline's wide bracket: it is undecided", () => {
    const before = report({ ...measured(0, 4, 1), lower: 1, upper: 2.4 });
    const now = report({ ...measured(0, 4, 2.5), key: null, lower: 2.5, upper: 2.51 });
    expect(rowsGrown(now, before, 1.2).grown.map(({ decision }) => decision)).toEqual(["undecided"]);
  });

  it("passes a row of the baseline's content key as unchanged, and no row without a key", () => {
    const wide = { ...measured(0, 4, 1), upper: 3 };
    expect(rowsGrown(report(wide), report(wide), 1.01)).toMatchObject({ grown: [], judged: 1, unchanged: 1 });
    const keyless = { ...wide, key: null };
    expect(rowsGrown(report(keyless), report(keyless), 1.01)).toMatchObject({ judged: 1, unchanged: 0 });
    expect(rowsGrown(report(keyless), report(keyless), 1.01).grown).toHaveLength(1);
  });

  it("judges reports of before rows had parts and keys", () => {
    const old = ({ sigma, lower, upper }: { sigma: number; lower: number; upper: number }) => {
      const { key: _, part: __, ...row } = measured(0, 4, sigma);
      return report({ ...row, lower, upper } as Row);
    };
    const before = old({ sigma: 1, lower: 1, upper: 1.05 });
    expect(rowsGrown(before, before, 1.2)).toMatchObject({ grown: [], judged: 1, unchanged: 0 });
  });

  it("finds any growth from 0 infinite, and 0 to 0 none", () => {
    const before = report(measured(0, 2, 0), measured(0, 4, 0));
    const { grown } = rowsGrown(report(measured(0, 2, 0), measured(0, 4, 1e-9)), before, 100);
    expect(grown.map(({ row, ratio }) => [row.n, ratio])).toEqual([[4, Number.POSITIVE_INFINITY]]);
  });

  it("says which rows have no match; failed rows have none", () => {
    const before = report(measured(0, 2, 1), measured(3, 2, 1), failed);
    const now = report(measured(0, 2, 1), measured(6, 8, 1), failed);
    const { judged, unmatched, missing } = rowsGrown(now, before, 2);
    expect(judged).toBe(1);
    expect(unmatched.map(({ layer }) => layer)).toEqual([6]);
    expect(missing.map(({ layer }) => layer)).toEqual([3]);
  });

  it.each([0, -1, Number.NaN, Number.POSITIVE_INFINITY])("refuses the factor %s", (factor) => {
    expect(() => rowsGrown(sample, sample, factor)).toThrow(/"factor": expected a finite number above 0/);
  });
});

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
  it("judges upper against the baseline's upper at the same layer, head, n and sample, the most grown first", () => {
    const before = report(measured(0, 2, 1), measured(0, 4, 1), { ...measured(0, 4, 9), head: 1 });
    const now = report(measured(0, 2, 1.19), measured(0, 4, 1.5), { ...measured(0, 4, 18), head: 1 });
    const { grown, judged, unmatched, missing } = rowsGrown(now, before, 1.2);
    expect(grown.map(({ row, ratio }) => [row.head, row.n, ratio])).toEqual([
      [1, 4, 2],
      [null, 4, 1.5],
    ]);
    expect([judged, unmatched, missing]).toEqual([3, [], []]);
  });

  it("does not call a row grown that is at the factor, or that shrank", () => {
    const before = report(measured(0, 2, 1), measured(0, 4, 1));
    expect(rowsGrown(report(measured(0, 2, 2), measured(0, 4, 0.1)), before, 2).grown).toEqual([]);
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

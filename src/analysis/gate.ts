// The gate: which rows break a limit. It tests `upper`, so that a row passes only if its true value is within.
import { checkNumber } from "../base/check.js";
import { isMeasured, type MeasuredRow, placeOf, type Report } from "./report.js";

/**
 * The rows whose upper bound is above `limit`, the largest first. Failed rows have no bound and are not among them.
 * @throws TypeError, RangeError unless limit is a finite number of at least 0
 * @example
 * rowsAbove(report, 1e6).length; // 0
 */
export function rowsAbove(report: Report, limit: number): MeasuredRow[] {
  checkNumber("limit", limit, 0, Number.POSITIVE_INFINITY, true);
  return report.rows
    .filter(isMeasured)
    .filter(({ upper }) => upper > limit)
    .sort((a, b) => b.upper - a.upper);
}

/** The rows whose upper bounds have grown since a baseline. */
export interface Growth {
  /** Rows whose upper bound is more than `factor` times the baseline's, the most grown first. */
  grown: { row: MeasuredRow; baseline: MeasuredRow; ratio: number }[];
  /** How many rows were judged: those measured in both, at the same layer, head, n and sample. */
  judged: number;
  /** Measured rows that the baseline has not. */
  unmatched: MeasuredRow[];
  /** Measured rows of the baseline that this report has not. */
  missing: MeasuredRow[];
}

/**
 * Upper bounds against those of an earlier report, row by row. From a baseline of 0 any growth is infinite.
 * @throws TypeError, RangeError unless factor is a finite number above 0
 * @example
 * rowsGrown(report, report, 1.2).grown.length; // 0
 */
export function rowsGrown(report: Report, baseline: Report, factor: number): Growth {
  checkNumber("factor", factor, 0);
  const rows = report.rows.filter(isMeasured);
  const before = new Map(baseline.rows.filter(isMeasured).map((row) => [placeOf(row), row]));
  const places = new Set(rows.map(placeOf));
  const pairs = rows.flatMap((row) => {
    const baseline = before.get(placeOf(row));
    return baseline ? [{ row, baseline, ratio: ratioOf(row.upper, baseline.upper) }] : [];
  });
  return {
    grown: pairs.filter(({ ratio }) => ratio > factor).sort((a, b) => b.ratio - a.ratio || b.row.upper - a.row.upper),
    judged: pairs.length,
    unmatched: rows.filter((row) => !before.has(placeOf(row))),
    missing: [...before.values()].filter((row) => !places.has(placeOf(row))),
  };
}

/** a / b for numbers of at least 0; 1 where both are 0. */
export function ratioOf(a: number, b: number): number {
  return a === b ? 1 : a / b;
}

// The gate: which rows break a limit. A row passes only if its true value is within, so it is `upper` that is tested.
import { checkNumber } from "../base/check.js";
import { isMeasured, type MeasuredRow, placeOf, type Report } from "./report.js";
import type { Breach, Verdict } from "./verdict.js";

/** What rows are held against. */
export interface Limits {
  /** No true value may be above this. */
  failAbove?: number;
  /** No true value may have grown by more than the factor since the baseline. */
  growth?: { baseline: Report; factor: number };
}

/** What is known of a row under its limits. */
export type Decision =
  | "passed"
  /** Of the same content as the baseline's row: the true value is the same. */
  | "unchanged"
  | "above"
  | "grown"
  /** The bracket holds the limit: it may be kept or not. */
  | "undecided";

/** Whether a row keeps its limits, as far as its bracket says; of several limits the first that it does not keep. */
export function decide(row: MeasuredRow, before: MeasuredRow | undefined, limits: Limits): Decision {
  const { failAbove, growth } = limits;
  if (failAbove !== undefined && row.upper > failAbove) return row.lower > failAbove ? "above" : "undecided";
  if (!growth || !before) return "passed";
  if (typeof row.key === "string" && row.key === before.key) return "unchanged";
  if (row.upper <= growth.factor * before.lower) return "passed";
  return row.lower > growth.factor * before.upper ? "grown" : "undecided";
}

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

/** A row against the same one of a baseline. */
export interface GrownRow {
  row: MeasuredRow;
  baseline: MeasuredRow;
  /** The row's upper bound over the baseline's lower bound: the true value has grown by no more. */
  ratio: number;
  /** "undecided": the brackets allow for both, growth and none. */
  decision: "grown" | "undecided";
}

/** The rows that may have grown since a baseline. */
export interface Growth {
  /** Rows that have not provably grown by `factor` at most, the most grown first. */
  grown: GrownRow[];
  /** How many rows were judged: those measured in both, at the same part, n and sample. */
  judged: number;
  /** Of them, those of the same content as the baseline's. */
  unchanged: number;
  /** Measured rows that the baseline has not. */
  unmatched: MeasuredRow[];
  /** Measured rows of the baseline that this report has not. */
  missing: MeasuredRow[];
}

/**
 * Upper bounds against the lower bounds of an earlier report, row by row: a row passes if its upper bound is at most
 * `factor` times the baseline's lower bound, so that its true value has not grown by more, or if it has the baseline's
 * content key. From a baseline of 0 any growth is infinite.
 * @throws TypeError, RangeError unless factor is a finite number above 0
 * @example
 * rowsGrown(report, report, 1.2).grown.length; // 0
 */
export function rowsGrown(report: Report, baseline: Report, factor: number): Growth {
  checkNumber("factor", factor, 0);
  const rows = report.rows.filter(isMeasured);
  const before = rowsByPlace(baseline);
  const places = new Set(rows.map(placeOf));
  const pairs = rows.flatMap((row) => {
    const old = before.get(placeOf(row));
    if (!old) return [];
    const decision = decide(row, old, { growth: { baseline, factor } });
    return [{ row, baseline: old, ratio: ratioOf(row.upper, old.lower), decision }];
  });
  const grown = pairs.filter((pair): pair is GrownRow => pair.decision === "grown" || pair.decision === "undecided");
  return {
    grown: grown.sort((a, b) => b.ratio - a.ratio || b.row.upper - a.row.upper),
    judged: pairs.length,
    unchanged: pairs.filter(({ decision }) => decision === "unchanged").length,
    unmatched: rows.filter((row) => !before.has(placeOf(row))),
    missing: [...before.values()].filter((row) => !places.has(placeOf(row))),
  };
}

/**
 * A report judged by its limits.
 * @throws TypeError, RangeError for limits that are none
 * @example
 * const { above } = judgeReport(report, { failAbove: 5 });
 */
export function judgeReport(report: Report, { failAbove, growth }: Limits): Verdict {
  const above = failAbove === undefined ? [] : rowsAbove(report, failAbove);
  const grown = growth && rowsGrown(report, growth.baseline, growth.factor);
  const measured = report.rows.filter(isMeasured).length;
  const breaches = [
    ...above.map((row) => breachOf(row, "fail-above", row.lower > failAbove! ? "above" : "undecided", failAbove!)),
    ...(grown?.grown ?? []).map(({ row, baseline, decision }) =>
      breachOf(row, "fail-growth", decision, growth!.factor * baseline.lower),
    ),
  ];
  const judged = failAbove === undefined ? (grown?.judged ?? 0) : measured;
  const whole = measured === report.rows.length && report.complete && measured > 0;
  return {
    passed: breaches.length === 0 && whole && (!grown || grown.judged > 0),
    failAbove: failAbove ?? null,
    failGrowth: growth?.factor ?? null,
    judged,
    unchanged: grown?.unchanged ?? 0,
    breaches,
  };
}

function breachOf(
  { layer, part, head, n, sample, lower, upper }: MeasuredRow,
  limit: Breach["limit"],
  decision: Breach["decision"],
  allowed: number,
): Breach {
  return { layer, part, head, n, sample, limit, decision, lower, upper, allowed };
}

/** The measured rows of a report, by place. */
export function rowsByPlace(report: Report): Map<string, MeasuredRow> {
  return new Map(report.rows.filter(isMeasured).map((row) => [placeOf(row), row]));
}

/** a / b for numbers of at least 0; 1 where both are 0. */
export function ratioOf(a: number, b: number): number {
  return a === b ? 1 : a / b;
}

// The gate: which rows break a limit. It tests `upper`, so that a row passes only if its true value is within.
import { checkNumber } from "../check.js";
import { isMeasured, type MeasuredRow, type Report } from "./report.js";

/**
 * The rows whose upper bound is above `limit`, the largest first. Failed rows have no bound and are not among them.
 * @throws TypeError, RangeError unless limit is a finite number of at least 0
 */
export function rowsAbove(report: Report, limit: number): MeasuredRow[] {
  checkNumber("limit", limit, 0, Number.POSITIVE_INFINITY, true);
  return report.rows
    .filter(isMeasured)
    .filter(({ upper }) => upper > limit)
    .sort((a, b) => b.upper - a.upper);
}

// Means, ranges and exponents of measured rows.
import { fitOf, fitPowerLaw } from "../analysis/fit.js";
import { formatFixed } from "../base/numbers.js";
import type { Curve } from "../charts/curves.js";

export function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** The exponent of n that a power law gives `of(row)`; NaN where there are too few rows for one. */
export function exponentOf<Row extends { n: number }>(rows: readonly Row[], of: (row: Row) => number): number {
  return fitPowerLaw(rows.map((row) => ({ n: row.n, sigma: of(row) })))?.exponent ?? Number.NaN;
}

/** How `of(row)` grows with n, as the rows at hand say it: the exponent and its interval, or why there is none. */
export function growthInWords<Row extends { n: number }>(rows: readonly Row[], of: (row: Row) => number): string {
  const { fit, reason } = fitOf(rows.map((row) => ({ n: row.n, sigma: of(row) })));
  if (!fit) return `shows no power of n (${reason})`;
  const [low, high] = fit.interval.map((end) => formatFixed(end, 3));
  return `grows like n to the power ${formatFixed(fit.exponent, 3)}, in [${low}, ${high}] at 95 %`;
}

/** Whether `value` lies in the 95 % interval of the exponent; undefined where no fit says anything. */
export function allowsExponent<Row extends { n: number }>(
  rows: readonly Row[],
  of: (row: Row) => number,
  value: number,
): boolean | undefined {
  const { fit } = fitOf(rows.map((row) => ({ n: row.n, sigma: of(row) })));
  return fit && value >= fit.interval[0] && value <= fit.interval[1];
}

/** The mean over the rows of each length, with their range as a whisker. */
export function meanCurve<Row extends { n: number }>(
  rows: readonly Row[],
  name: string,
  look: number,
  of: (row: Row) => number,
): Curve {
  const lengths = [...new Set(rows.map(({ n }) => n))].sort((a, b) => a - b);
  const points = lengths.map((n) => {
    const values = rows.filter((row) => row.n === n).map(of);
    return { x: n, y: mean(values), low: Math.min(...values), high: Math.max(...values) };
  });
  return { name, look, points };
}

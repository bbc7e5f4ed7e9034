// Means, ranges and exponents of measured rows.
import { fitPowerLaw } from "../analysis/fit.js";
import type { Curve } from "../charts/curves.js";

export function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** The exponent of n that a power law gives `of(row)`; NaN where there are too few rows for one. */
export function exponentOf<Row extends { n: number }>(rows: readonly Row[], of: (row: Row) => number): number {
  return fitPowerLaw(rows.map((row) => ({ n: row.n, sigma: of(row) })))?.exponent ?? Number.NaN;
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

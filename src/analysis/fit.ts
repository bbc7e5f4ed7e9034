// The growth of sigma with the number of tokens: sigma ≈ constant · n^exponent.
import { checkNumber } from "../base/check.js";
import { studentTQuantile } from "../linalg/studentT.js";

/** A fit sigma ≈ constant · n^exponent. */
export interface PowerLaw {
  /** Slope of log sigma on log n. */
  exponent: number;
  /** exp(intercept): the fitted sigma at n = 1. */
  constant: number;
  /** 95 % confidence interval of the exponent. */
  interval: [low: number, high: number];
  /** Share of the variance of log sigma that the fit explains; 1 where sigma does not vary at all. */
  r2: number;
  /** How many points the fit used. */
  points: number;
  /** How many were left out because their sigma is zero, which has no logarithm. */
  omitted: number;
}

/**
 * Ordinary least squares of log sigma on log n, every point of equal weight; the interval of the exponent is
 * Student's t with points − 2 degrees of freedom, which takes the deviations as independent and normal.
 * Points with sigma = 0 are left out and counted in `omitted`.
 * @returns null where that leaves fewer than 3 points, or a single n: no slope, or none with an interval
 * @throws RangeError for an n or a sigma that is not finite, n ≤ 0 or sigma < 0
 * @example
 * fitPowerLaw([{ n: 4, sigma: 2 }, { n: 16, sigma: 4 }, { n: 64, sigma: 8 }]).exponent; // 0.5
 */
export function fitPowerLaw(points: readonly { n: number; sigma: number }[]): PowerLaw | null {
  points.forEach(({ n, sigma }, at) => {
    checkNumber(`points[${at}].n`, n, 0);
    checkNumber(`points[${at}].sigma`, sigma, 0, Number.POSITIVE_INFINITY, true);
  });
  const kept = points.filter(({ sigma }) => sigma > 0);
  if (kept.length < 3 || kept.every(({ n }) => n === kept[0].n)) return null;

  const x = kept.map(({ n }) => Math.log(n));
  const y = kept.map(({ sigma }) => Math.log(sigma));
  const meanX = mean(x);
  const meanY = mean(y);
  const spread = sumOf(x, (value) => (value - meanX) ** 2);
  const exponent = sumOf(x, (value, i) => (value - meanX) * (y[i] - meanY)) / spread;
  const intercept = meanY - exponent * meanX;
  const unexplained = sumOf(y, (value, i) => (value - intercept - exponent * x[i]) ** 2);
  const total = sumOf(y, (value) => (value - meanY) ** 2);

  const degreesOfFreedom = kept.length - 2;
  const halfWidth = studentTQuantile(0.975, degreesOfFreedom) * Math.sqrt(unexplained / degreesOfFreedom / spread);
  return {
    exponent,
    constant: Math.exp(intercept),
    interval: [exponent - halfWidth, exponent + halfWidth],
    r2: total > rounding(y) ? Math.max(0, 1 - unexplained / total) : 1,
    points: kept.length,
    omitted: points.length - kept.length,
  };
}

/** Fewer lengths do not show a law. */
const fewestLengths = 4;
/** A wider interval of the exponent tells neither a square root from a constant nor from a straight line. */
const widestInterval = 0.5;

/**
 * The power law of these rows where it says something, or the reason why none is shown.
 * @throws RangeError as fitPowerLaw
 * @example
 * fitOf([{ n: 4, sigma: 2 }, { n: 16, sigma: 4 }]).reason; // "2 lengths with sigma above 0, a power law is shown from 4 on"
 */
export function fitOf(
  rows: readonly { n: number; sigma: number }[],
): { fit: PowerLaw; reason?: undefined } | { fit?: undefined; reason: string } {
  const lengths = new Set(rows.filter(({ sigma }) => sigma > 0).map(({ n }) => n)).size;
  const fit = fitPowerLaw(rows);
  if (!fit || lengths < fewestLengths) {
    const found = `${lengths} ${lengths === 1 ? "length" : "lengths"}${lengths === 0 ? "" : " with sigma above 0"}`;
    return { reason: `${found}, a power law is shown from ${fewestLengths} on` };
  }
  const [low, high] = fit.interval;
  if (high - low <= widestInterval) return { fit };
  return {
    reason: `the exponent's 95 % interval [${low.toFixed(2)}, ${high.toFixed(2)}] is wider than ${widestInterval}`,
  };
}

/** The sum of squared deviations that rounding alone can leave when all values are equal. */
function rounding(values: readonly number[]): number {
  return sumOf(values, (value) => (values.length * Number.EPSILON * value) ** 2);
}

function mean(values: readonly number[]): number {
  return sumOf(values, (value) => value) / values.length;
}

function sumOf(values: readonly number[], term: (value: number, at: number) => number): number {
  return values.reduce((sum, value, at) => sum + term(value, at), 0);
}

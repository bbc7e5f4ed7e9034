// Quantiles of Student's t, from the regularised incomplete beta function.
import { checkNumber, wrongValue } from "../base/check.js";

/**
 * The t with P(T ≤ t) = p for Student's t with `degreesOfFreedom` ν ≥ 1, good to about 12 digits.
 * By bisection of P(|T| ≤ t) = I_x(1/2, ν/2) at x = t²/(ν + t²) (NIST DLMF 8.17).
 * @throws RangeError unless 0 < p < 1 and ν ≥ 1
 */
export function studentTQuantile(p: number, degreesOfFreedom: number): number {
  checkNumber("p", p, 0, 1);
  checkNumber("degreesOfFreedom", degreesOfFreedom, 1, Number.POSITIVE_INFINITY, true);
  if (p === 0.5) return 0;
  if (p < 0.5) return -studentTQuantile(1 - p, degreesOfFreedom);
  const tail = 2 * (1 - p);
  // P(|T| > t), the small side, so that quantiles far out keep their digits.
  const tailBeyond = (t: number) =>
    incompleteBeta(degreesOfFreedom / (degreesOfFreedom + t * t), degreesOfFreedom / 2, 0.5);

  let low = 0;
  let high = 1;
  while (tailBeyond(high) > tail) {
    low = high;
    high *= 2;
  }
  for (;;) {
    const middle = (low + high) / 2;
    if (middle <= low || middle >= high) return middle;
    if (tailBeyond(middle) > tail) low = middle;
    else high = middle;
  }
}

/**
 * The regularised incomplete beta function I_x(a, b) for 0 ≤ x ≤ 1 and a, b > 0, by the continued fraction of
 * NIST DLMF 8.17.22, on the side of the mean where it converges fast.
 */
export function incompleteBeta(x: number, a: number, b: number): number {
  if (!(x >= 0 && x <= 1)) throw wrongValue("x", "a number from 0 to 1", x);
  checkNumber("a", a, 0);
  checkNumber("b", b, 0);
  if (x === 0 || x === 1) return x;
  return x <= (a + 1) / (a + b + 2) ? leftBeta(x, a, b) : 1 - leftBeta(1 - x, b, a);
}

function leftBeta(x: number, a: number, b: number): number {
  const logFactor = a * Math.log(x) + b * Math.log1p(-x) + logGamma(a + b) - logGamma(a) - logGamma(b);
  return (Math.exp(logFactor) / a) * continuedFraction(x, a, b);
}

/** 1/(1 + d₁/(1 + d₂/(1 + …))) of DLMF 8.17.22, by the modified Lentz algorithm (DLMF 3.10(iii)). */
function continuedFraction(x: number, a: number, b: number): number {
  const away = (value: number) => (Math.abs(value) < 1e-300 ? 1e-300 : value);
  let numerator = 1;
  let denominator = 0;
  let fraction = 1;
  for (let k = 1; k < 10_000; k++) {
    const m = k >> 1;
    const coefficient =
      k % 2 === 0
        ? (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m))
        : (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1));
    denominator = 1 / away(1 + coefficient * denominator);
    numerator = away(1 + coefficient / numerator);
    const change = numerator * denominator;
    fraction *= change;
    if (Math.abs(change - 1) < 1e-15) break;
  }
  return 1 / fraction;
}

/** ln Γ(x) for x > 0: Stirling's series (DLMF 5.11.1) beyond 10, reached by Γ(x + 1) = x·Γ(x). */
export function logGamma(x: number): number {
  let shift = 0;
  let z = x;
  for (; z < 10; z++) shift += Math.log(z);
  const w = 1 / (z * z);
  const series =
    (1 / 12 - w * (1 / 360 - w * (1 / 1260 - w * (1 / 1680 - w * (1 / 1188 - w * (691 / 360360 - w / 156)))))) / z;
  return (z - 0.5) * Math.log(z) - z + 0.5 * Math.log(2 * Math.PI) + series - shift;
}

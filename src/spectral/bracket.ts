// How far above its estimate the largest singular value can lie, with probability (MATH 10.2–10.2c).
// All rest on one fact: the component of a random unit vector of R^N along a fixed direction is at most s in size with
// probability at most s·√(2N/π), for every N ≥ 2; for N = 1 it is 1.

export interface BracketQuestion {
  /** N, the dimension of the start vector. */
  dimension: number;
  /** Applications of AᵀA, at least 1. */
  steps: number;
  failureProbability: number;
  /** Whether a unit vector, fixed beforehand, was added to the random unit start (10.2b); needs N ≥ 3. */
  guess: boolean;
}

/** In dimensions 1 and 2 a coordinate of a random unit vector has no unimodal density, and 10.2b does not hold. */
export const smallestDimensionForGuess = 3;

/**
 * The factor f for which sigma_max ≤ f·theta with probability at least 1 − failureProbability over the start, theta
 * being the largest singular value after `steps` steps of Golub–Kahan–Lanczos bidiagonalization: MATH 10.2, after
 * Kuczyński and Woźniakowski (1992), and 10.2b with a guess. Always finite.
 */
export function lanczosFactor(question: BracketQuestion): number {
  if (question.dimension === 1) return 1;
  const logOdds = -logSmallestComponent(question);
  // asinh(e^x) for x that may be large
  const angle = logOdds + Math.log1p(Math.sqrt(1 + Math.exp(-2 * logOdds)));
  return finite(Math.cosh(angle / (2 * question.steps - 1)));
}

/**
 * The same for power iteration, theta being the norm ‖A v‖ that the last of `steps` steps found: MATH 10.2c, whose
 * inequality (1 − e)^(2k−1) / (e·(2k−1)) ≥ s²/(1 − s²) is solved for e by bisection. Always finite.
 */
export function powerFactor(question: BracketQuestion): number {
  if (question.dimension === 1) return 1;
  const exponent = 2 * question.steps - 1;
  const logComponent = logSmallestComponent(question);
  const logOdds = 2 * logComponent - Math.log1p(-Math.exp(2 * logComponent));
  // In x = −log(1 − e), because e itself may differ from 1 by less than rounding.
  const excess = (x: number) => -exponent * x - Math.log(-Math.expm1(-x)) - Math.log(exponent) - logOdds;
  let low = 0;
  let high = Math.max(Math.LN2, (Math.LN2 - logOdds) / exponent);
  for (;;) {
    const middle = (low + high) / 2;
    if (!(middle > low && middle < high)) return finite(Math.exp(high / 2));
    if (excess(middle) > 0) low = middle;
    else high = middle;
  }
}

/** log of the s that |⟨start, w⟩| falls below with probability at most failureProbability, w any fixed direction. */
function logSmallestComponent({ dimension, failureProbability, guess }: BracketQuestion): number {
  const largestNorm = guess ? 2 : 1;
  return Math.log(failureProbability) - Math.log(largestNorm) - 0.5 * Math.log((2 * dimension) / Math.PI);
}

/** No operator on finite doubles stretches by more than the largest of them. */
function finite(factor: number): number {
  return Math.min(factor, Number.MAX_VALUE);
}

// How far above its estimate the largest singular value can lie, with probability (MATH 10.2–10.2c, which are sections
// of docs/theory.md).
// All rest on one fact: the component of a random unit vector of R^N along a fixed direction is at most s in size with
// probability at most s·√(2N/π), for every N ≥ 2; for N = 1 it is 1.

import type { Projection } from "./lanczos.js";

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
 * Kuczyński and Woźniakowski (1992), and 10.2b with a guess. Always finite. After N steps with full
 * reorthogonalization the basis spans the whole space, and theta is sigma_max itself.
 */
export function lanczosFactor(question: BracketQuestion): number {
  if (question.steps >= question.dimension) return 1;
  const logOdds = -logSmallestComponent(question);
  // asinh(e^x) for x that may be large
  const angle = logOdds + Math.log1p(Math.sqrt(1 + Math.exp(-2 * logOdds)));
  return finite(Math.cosh(angle / (2 * question.steps - 1)));
}

/**
 * The same factor from what the steps found, on the same event, so that the smaller of the two holds as well. With T the
 * projection of AᵀA on the basis and P(x) = det(xI − T)·∏(x − μ) over the Ritz values μ that restarts have let go, the
 * next basis vector is P(AᵀA)v₀ over ∏ b_j, the off-diagonal entries of all steps, and its component along the leading
 * right singular vector w is at most 1. Hence P(sigma_max²)·|⟨v₀, w⟩| ≤ ∏ b_j, which bounds sigma_max² because P grows
 * beyond its largest root. Each b_j is enlarged by `roundoff`·sigma², as much as rounding may have taken from it.
 */
export function characteristicFactor(question: BracketQuestion, projection: Projection, roundoff: number): number {
  const { diagonal, offDiagonal, discarded, products } = projection;
  if (diagonal.length >= question.dimension) return 1;
  let limit = -logSmallestComponent(question);
  for (const product of products) limit += Math.log(product + roundoff);
  // In excess = sigma_max²/sigma² − 1: the pivots of (1 + excess)I − T from the top down; all are positive.
  const logPolynomial = (excess: number) => {
    let sum = 0;
    let pivot = 1;
    for (const [j, entry] of diagonal.entries()) {
      pivot = 1 + excess - entry - (j > 0 ? offDiagonal[j - 1] ** 2 : 0) / pivot;
      if (!(pivot > 0)) return Number.NEGATIVE_INFINITY;
      sum += Math.log(pivot);
    }
    for (const value of discarded) {
      if (!(1 + excess > value)) return Number.NEGATIVE_INFINITY;
      sum += Math.log(1 + excess - value);
    }
    return sum;
  };
  let low = 0;
  let high = 1;
  while (logPolynomial(high) <= limit) {
    if (high > 1e300) return Number.POSITIVE_INFINITY;
    high *= 2;
  }
  for (;;) {
    const middle = low + (high - low) / 2;
    if (!(middle > low && middle < high)) return Math.sqrt(1 + high);
    if (logPolynomial(middle) > limit) high = middle;
    else low = middle;
  }
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

// How far above its estimate the largest singular value can lie, with probability (docs/theory.md, section 10).
// All rest on one fact: the component of a random unit vector of R^N along a fixed direction is at most s in size with
// probability at most s·√(2N/π), for every N ≥ 2; for N = 1 it is 1.
import type { Tridiagonal } from "./thickRestart.js";

/** A start vector drawn at random, independently of the operator. */
export interface RandomStart {
  /** N, its dimension. */
  dimension: number;
  /** Whether a vector of length `guessWeight`, fixed beforehand, was added to the random unit vector (10.2b); N ≥ 3. */
  guess: boolean;
}

export interface BracketQuestion extends RandomStart {
  /** Applications of AᵀA, at least 1. */
  steps: number;
  failureProbability: number;
}

/** Lanczos on AᵀA from a random start, as far as it has come. All values are shares of sigma². */
export interface LanczosRecord extends RandomStart, Tridiagonal {
  /** Ritz values that restarts let go. */
  discarded: readonly number[];
  /** The off-diagonal entry that every step found, those before a restart too. */
  products: readonly number[];
}

/**
 * How long a guess is beside the random unit vector. More of it finds sigma no sooner, and takes from the random part what
 * the proof needs.
 */
export const guessWeight = 0.25;

/** In dimensions 1 and 2 a coordinate of a random unit vector has no unimodal density, and 10.2b does not hold. */
export const smallestDimensionForGuess = 3;

/**
 * The factor f for which sigma_max ≤ f·theta with probability at least 1 − failureProbability over the start, theta
 * being the largest singular value after `steps` steps of Golub–Kahan–Lanczos bidiagonalization: section 10.2, after
 * Kuczyński and Woźniakowski (1992), and 10.2b with a guess. Always finite. After N steps with full
 * reorthogonalization the basis spans the whole space, and theta is sigma_max itself.
 */
export function lanczosFactor(question: BracketQuestion): number {
  if (question.steps >= question.dimension) return 1;
  const logOdds = logScale(question) - Math.log(question.failureProbability);
  // asinh(e^x) for x that may be large
  const angle = logOdds + Math.log1p(Math.sqrt(1 + Math.exp(-2 * logOdds)));
  return finite(Math.cosh(angle / (2 * question.steps - 1)));
}

/**
 * The same factor from what the steps found, on the same event, so that the smaller of the two holds as well. With T the
 * projection of AᵀA on the basis and P(x) = det(xI − T)·∏(x − μ) over the Ritz values μ that restarts have let go, the
 * next basis vector is P(AᵀA)v₀ over ∏ b_j, the off-diagonal entries of all steps, and its component along the leading
 * right singular vector w is at most 1. Hence P(sigma_max²)·|⟨v₀, w⟩| ≤ ∏ b_j, which bounds sigma_max² because P grows
 * beyond its largest root. Each b_j is enlarged by `roundoff`·sigma², as much as rounding may have taken from it. (The
 * components along w of all basis vectors together would bound it a little more sharply, but make of a start that is
 * seen to be unlucky the statement that sigma is exact.)
 *
 * Several records are of starts drawn one after the other, each in the complement of the spaces before it, to which the
 * operator is restricted; then the bound is that of the first restricted operator (section 10.8), and at least 1.
 */
export function characteristicFactor(
  records: readonly LanczosRecord[],
  failureProbability: number,
  roundoff: number,
): number {
  const evidence = evidenceOf(records, roundoff);
  const wanted = neededEvidence(records.length, failureProbability);
  if (evidence(0) > wanted) return 1;
  let low = 0;
  let high = 1;
  while (evidence(high) <= wanted) {
    if (high > 1e300) return Number.POSITIVE_INFINITY;
    high *= 2;
  }
  for (;;) {
    const middle = low + (high - low) / 2;
    if (!(middle > low && middle < high)) return Math.sqrt(1 + high);
    if (evidence(middle) > wanted) high = middle;
    else low = middle;
  }
}

/** Whether `characteristicFactor` is at most this factor, above 1: one evaluation in place of a search. */
export function characteristicFactorWithin(
  factor: number,
  records: readonly LanczosRecord[],
  failureProbability: number,
  roundoff: number,
): boolean {
  const excess = (factor - 1) * (factor + 1);
  return evidenceOf(records, roundoff)(excess) > neededEvidence(records.length, failureProbability);
}

/**
 * In excess = (bound/sigma)² − 1: minus the logarithm of a product of probabilities, one a start, each at least that of a
 * component along w as small as the record would need if the bound were broken. −∞ within the Ritz values.
 */
function evidenceOf(records: readonly LanczosRecord[], roundoff: number): (excess: number) => number {
  let limit = 0;
  for (const record of records) {
    limit += logScale(record);
    for (const product of record.products) limit += Math.log(product + roundoff);
  }
  return (excess) => {
    let sum = -limit;
    for (const record of records) sum += logPolynomial(record, 1 + excess);
    return sum;
  };
}

/** log P(x), by the pivots of xI − T from the top down; −∞ unless all are positive, and x above what was let go. */
function logPolynomial({ diagonal, offDiagonal, discarded }: LanczosRecord, x: number): number {
  let sum = 0;
  let pivot = 1;
  for (let j = 0; j < diagonal.length; j++) {
    pivot = x - diagonal[j] - (j > 0 ? offDiagonal[j - 1] ** 2 : 0) / pivot;
    if (!(pivot > 0)) return Number.NEGATIVE_INFINITY;
    sum += Math.log(pivot);
  }
  for (const value of discarded) {
    if (!(x > value)) return Number.NEGATIVE_INFINITY;
    sum += Math.log(x - value);
  }
  return sum;
}

/**
 * The t with P(−log of a product of `count` independent uniform numbers ≥ t) = failureProbability (Fisher 1925):
 * e^(−t)·Σ_{j < count} tʲ/j! = failureProbability. For one it is −log failureProbability.
 */
function neededEvidence(count: number, failureProbability: number): number {
  const target = Math.log(failureProbability);
  const excess = (t: number) => {
    let term = 1;
    let sum = 1;
    for (let j = 1; j < count; j++) {
      term *= t / j;
      sum += term;
    }
    return Math.log(sum) - t - target;
  };
  if (count === 1) return -target;
  let low = 0;
  let high = 1;
  while (excess(high) > 0) high *= 2;
  for (;;) {
    const middle = (low + high) / 2;
    if (!(middle > low && middle < high)) return high;
    if (excess(middle) > 0) low = middle;
    else high = middle;
  }
}

/**
 * The same for power iteration, theta being the norm ‖A v‖ that the last of `steps` steps found: section 10.2c, whose
 * inequality (1 − e)^(2k−1) / (e·(2k−1)) ≥ s²/(1 − s²) is solved for e by bisection. Always finite.
 */
export function powerFactor(question: BracketQuestion): number {
  if (question.dimension === 1) return 1;
  const exponent = 2 * question.steps - 1;
  const logComponent = Math.log(question.failureProbability) - logScale(question);
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

/** log of ν√(2N/π): |⟨start, w⟩| falls below s with probability at most that times s, w any fixed direction. */
function logScale({ dimension, guess }: RandomStart): number {
  const largestNorm = guess ? 1 + guessWeight : 1;
  return Math.log(largestNorm) + 0.5 * Math.log((2 * dimension) / Math.PI);
}

/** No operator on finite doubles stretches by more than the largest of them. */
function finite(factor: number): number {
  return Math.min(factor, Number.MAX_VALUE);
}

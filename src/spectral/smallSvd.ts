// The leading singular triplet of an upper bidiagonal matrix, from its Golub–Kahan form: the symmetric tridiagonal
// matrix of size 2k with zero diagonal and off-diagonal α₀, β₀, α₁, β₁, …, whose eigenvalues are ±σ. Bisection on Sturm
// counts and one twisted factorization (Dhillon and Parlett 2004) keep high relative accuracy at any scale.
import { divided, norm } from "./vector.js";

export interface LeadingTriplet {
  sigma: number;
  /** The next singular value, counted with multiplicity, to 2⁻⁶⁰ of the first; 0 for a 1×1 matrix. */
  second: number;
  /** Unit vectors of length k with B·right = sigma·left. */
  left: Float64Array;
  right: Float64Array;
}

/**
 * The largest singular value of the k×k upper bidiagonal B, its vectors, and the second largest value.
 * @param alphas the diagonal, length k ≥ 1
 * @param betas the superdiagonal, length at least k − 1 (the rest is not read)
 */
export function leadingTriplet(alphas: ArrayLike<number>, betas: ArrayLike<number>): LeadingTriplet {
  const size = alphas.length;
  const offDiagonal = new Float64Array(2 * size - 1);
  for (let i = 0; i < size; i++) {
    offDiagonal[2 * i] = alphas[i];
    if (i > 0) offDiagonal[2 * i - 1] = betas[i - 1];
  }
  const scale = offDiagonal.reduce((largest, entry) => Math.max(largest, Math.abs(entry)), 0);
  if (scale === 0) return { sigma: 0, second: 0, left: unitVector(size), right: unitVector(size) };
  for (let i = 0; i < offDiagonal.length; i++) offDiagonal[i] /= scale;

  // The largest value is at least the largest entry, 1, and at most the largest row sum (Gershgorin), 2.
  const [sigma, above] = bisect(1, 2 + 8 * Number.EPSILON, (x) => eigenvaluesFrom(offDiagonal, x) > 0);
  const [second] = size === 1 ? [0] : bisect(0, above, (x) => eigenvaluesFrom(offDiagonal, x) > 1);
  const vector = eigenvectorBelow(offDiagonal, above);
  return {
    sigma: sigma * scale,
    second: second * scale,
    left: everyOther(vector, 1),
    right: everyOther(vector, 0),
  };
}

/** Where the largest entry is 1: below the rounding of sigma, which lies in [1, 2]. */
const absoluteAccuracy = 2 ** -60;

/** The neighbours low < high between which `holds` turns from true to false. */
function bisect(low: number, high: number, holds: (x: number) => boolean): [low: number, high: number] {
  for (;;) {
    const middle = (low + high) / 2;
    if (!(middle > low && middle < high) || high - low < absoluteAccuracy) return [low, high];
    if (holds(middle)) low = middle;
    else high = middle;
  }
}

/** How many eigenvalues are at least x: the pivots of T − x·I that are not negative. */
function eigenvaluesFrom(offDiagonal: Float64Array, x: number): number {
  let count = 0;
  let pivot = -x;
  if (pivot >= 0) count++;
  for (let i = 0; i < offDiagonal.length; i++) {
    pivot = nextPivot(offDiagonal[i], x, pivot);
    if (pivot >= 0) count++;
  }
  return count;
}

function nextPivot(entry: number, x: number, pivot: number): number {
  return -x - (entry * entry) / (pivot === 0 ? Number.MIN_VALUE : pivot);
}

/**
 * The eigenvector of the largest eigenvalue, from a shift x just above it. T − x·I is then negative definite, so no
 * factorization from either end needs pivoting; they meet where their pivots nearly cancel.
 */
function eigenvectorBelow(offDiagonal: Float64Array, x: number): Float64Array {
  const size = offDiagonal.length + 1;
  const down = new Float64Array(size).fill(-x);
  const up = new Float64Array(size).fill(-x);
  for (let i = 1; i < size; i++) down[i] = nextPivot(offDiagonal[i - 1], x, down[i - 1]);
  for (let i = size - 2; i >= 0; i--) up[i] = nextPivot(offDiagonal[i], x, up[i + 1]);
  let twist = 0;
  for (let i = 1; i < size; i++) {
    if (Math.abs(down[i] + up[i] + x) < Math.abs(down[twist] + up[twist] + x)) twist = i;
  }
  const vector = new Float64Array(size);
  vector[twist] = 1;
  for (let i = twist - 1; i >= 0; i--) vector[i] = (-offDiagonal[i] / down[i]) * vector[i + 1];
  for (let i = twist + 1; i < size; i++) vector[i] = (-offDiagonal[i - 1] / up[i]) * vector[i - 1];
  return vector;
}

function everyOther(vector: Float64Array, first: number): Float64Array {
  const half = new Float64Array(vector.length / 2);
  for (let i = 0; i < half.length; i++) half[i] = vector[2 * i + first];
  return divided(half, norm(half));
}

function unitVector(size: number): Float64Array {
  const vector = new Float64Array(size);
  vector[0] = 1;
  return vector;
}

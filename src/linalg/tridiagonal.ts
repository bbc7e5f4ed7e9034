// The largest eigenvalue of a symmetric tridiagonal matrix, by bisection on Sturm counts, and its vector by one twisted
// factorization (Dhillon and Parlett 2004).
import { divided, norm } from "./vector.js";

/** Where the largest |entry| is 1: below the rounding of the largest eigenvalue, which lies above 1/2. */
const absoluteAccuracy = 2 ** -60;

/**
 * The largest eigenvalue and a unit eigenvector of it. The matrix must not be
 * negative definite; a matrix of zeros has the first unit vector.
 * @param diagonal of length k ≥ 1
 * @param offDiagonal of length at least k − 1 (the rest is not read)
 */
export function leadingPair(
  diagonal: ArrayLike<number>,
  offDiagonal: ArrayLike<number>,
): { value: number; vector: Float64Array } {
  const size = diagonal.length;
  let scale = 0;
  for (let i = 0; i < size; i++) {
    scale = Math.max(scale, Math.abs(diagonal[i]), i > 0 ? Math.abs(offDiagonal[i - 1]) : 0);
  }
  if (scale === 0) return { value: 0, vector: Float64Array.from({ length: size }, (_, i) => (i ? 0 : 1)) };
  const couplings = Float64Array.from({ length: size - 1 }, (_, i) => offDiagonal[i] / scale);
  const matrix: Tridiagonal = {
    diagonal: Float64Array.from(diagonal, (entry) => entry / scale),
    offDiagonal: couplings,
    squares: couplings.map((entry) => entry * entry),
  };
  // At least what any two neighbours have, and no eigenvalue is outside ±3, the largest row sum (Gershgorin).
  let least = matrix.diagonal[0];
  for (let i = 1; i < size; i++) {
    const mean = (matrix.diagonal[i - 1] + matrix.diagonal[i]) / 2;
    least = Math.max(least, matrix.diagonal[i], mean + Math.abs(matrix.offDiagonal[i - 1]));
  }
  const [value, above] = bisect(least - 4 * Number.EPSILON, 3.1, (x) => hasFrom(matrix, x));
  return { value: value * scale, vector: eigenvectorBelow(matrix, above) };
}

interface Tridiagonal {
  diagonal: Float64Array;
  offDiagonal: Float64Array;
  /** Of the off-diagonal entries. */
  squares: Float64Array;
}

/** The neighbours low < high between which `holds` turns from true to false. */
function bisect(low: number, high: number, holds: (x: number) => boolean): [low: number, high: number] {
  for (;;) {
    const middle = (low + high) / 2;
    if (!(middle > low && middle < high) || high - low < absoluteAccuracy) return [low, high];
    if (holds(middle)) low = middle;
    else high = middle;
  }
}

/** Whether an eigenvalue is at least x: as many are as pivots of T − x·I are not negative. */
function hasFrom({ diagonal, squares }: Tridiagonal, x: number): boolean {
  let pivot = diagonal[0] - x;
  for (let i = 1; pivot < 0 && i < diagonal.length; i++) pivot = nextPivot(diagonal[i] - x, squares[i - 1], pivot);
  return pivot >= 0;
}

function nextPivot(entry: number, square: number, pivot: number): number {
  return entry - square / (pivot === 0 ? Number.MIN_VALUE : pivot);
}

/**
 * The eigenvector of the largest eigenvalue, from a shift x just above it. T − x·I is then negative definite, so no
 * factorization from either end needs pivoting; they meet where their pivots nearly cancel.
 */
function eigenvectorBelow({ diagonal, offDiagonal, squares }: Tridiagonal, x: number): Float64Array {
  const size = diagonal.length;
  const down = diagonal.map((entry) => entry - x);
  const up = down.slice();
  for (let i = 1; i < size; i++) down[i] = nextPivot(down[i], squares[i - 1], down[i - 1]);
  for (let i = size - 2; i >= 0; i--) up[i] = nextPivot(up[i], squares[i], up[i + 1]);
  const rest = (i: number) => Math.abs(down[i] + up[i] - (diagonal[i] - x));
  let twist = 0;
  for (let i = 1; i < size; i++) if (rest(i) < rest(twist)) twist = i;
  const vector = new Float64Array(size);
  vector[twist] = 1;
  for (let i = twist - 1; i >= 0; i--) vector[i] = (-offDiagonal[i] / down[i]) * vector[i + 1];
  for (let i = twist + 1; i < size; i++) vector[i] = (-offDiagonal[i - 1] / up[i]) * vector[i - 1];
  return divided(vector, norm(vector));
}

// The score map b ↦ A·b + g0 of one head, s_ij = ⟨A x_i + g0, x_j⟩ up to a constant of the row (MATH 1), dense or as a
// product of two thin matrices.

import { apply, applyTransposed, type Matrix } from "../linalg/matrix.js";
import { dot } from "../linalg/vector.js";

export interface Affinity {
  /** d, the width of a token. */
  readonly size: number;
  /** A·x. */
  apply(x: ArrayLike<number>): Float64Array;
  /** Aᵀ·x. */
  applyTransposed(x: ArrayLike<number>): Float64Array;
  /** g0, the part of a query bias; undefined where there is none. */
  readonly offset?: Float64Array;
}

export function denseAffinity(A: Matrix): Affinity {
  return { size: A.rows, apply: (x) => apply(A, x), applyTransposed: (x) => applyTransposed(A, x) };
}

/** A = scale·key·queryᵀ and g0 = scale·key·bias, for key and query of one head, [d, dHead]. */
export function headAffinity(query: Matrix, key: Matrix, scale: number, bias?: ArrayLike<number>): Affinity {
  const times = (left: Matrix, right: Matrix) => (x: ArrayLike<number>) =>
    apply(left, applyTransposed(right, x)).map((entry) => scale * entry);
  return {
    size: query.rows,
    apply: times(key, query),
    applyTransposed: times(query, key),
    offset: bias && apply(key, bias).map((entry) => scale * entry),
  };
}

/** The gradient of the scores of a query token b in the key token, A·b + g0. */
export function scoreGradient(affinity: Affinity, b: ArrayLike<number>): Float64Array {
  const gradient = affinity.apply(b);
  affinity.offset?.forEach((entry, i) => {
    gradient[i] += entry;
  });
  return gradient;
}

/** By how much the score of the odd token exceeds that of the others, for a query that is one of the others. */
export function scoreGap(gradient: ArrayLike<number>, odd: ArrayLike<number>, other: ArrayLike<number>): number {
  return dot(gradient, odd) - dot(gradient, other);
}

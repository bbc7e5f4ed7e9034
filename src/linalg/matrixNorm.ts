// Spectral norms of dense matrices, from above: what the theorems take must not be too small.

import { bidiagonalForm, triangularFactor } from "./householder.js";
import { type Matrix, productTransposed } from "./matrix.js";
import { leadingTriplet } from "./smallSvd.js";
import { norm } from "./vector.js";

/** ‖matrix‖₂ to rounding, by bidiagonalization: O(rows·columns·min(rows, columns)). */
export function matrixNorm(matrix: Matrix): number {
  const { alphas, betas } = bidiagonalForm(matrix);
  return leadingTriplet(alphas, betas).sigma;
}

/** An upper bound of ‖matrix‖₂: its value and the rounding that Householder's reduction can have brought. */
export function matrixNormAbove(matrix: Matrix): number {
  return matrixNorm(matrix) + roundoff(matrix) * norm(matrix.data);
}

/** An upper bound of ‖left·rightᵀ‖₂, from the triangular factors alone: exact to rounding, however tall the two are. */
export function productNormAbove(left: Matrix, right: Matrix): number {
  const core = productTransposed(triangularFactor(left), triangularFactor(right));
  return matrixNorm(core) + (roundoff(left) + roundoff(right)) * norm(left.data) * norm(right.data);
}

function roundoff({ rows, columns }: Matrix): number {
  return 2 * (rows + columns) * Number.EPSILON;
}

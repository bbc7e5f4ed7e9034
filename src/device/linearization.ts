// Layers: maps from tokens [n, dIn] to tokens [n, dOut], held on a device.
import type { Disposable } from "../base/disposable.js";
import type { Tensor, TensorLike } from "../base/tensor.js";
import type { BlockNormOptions } from "../jacobian/blockNorms.js";
import type { LocalBounds } from "../jacobian/upperBound.js";
import type { LinearOperator } from "./operator.js";

/** A map from tokens [n, dIn] to tokens [n, dOut], held on a device until disposed of. */
export interface Layer extends Disposable {
  readonly dIn: number;
  readonly dOut: number;
  /** x [n, dIn] → [n, dOut]. */
  forward(x: TensorLike): Promise<Tensor>;
}

/** The Jacobian of a layer at one input, as an operator R^[n, dIn] → R^[n, dOut]. */
export interface Linearization extends LinearOperator, Disposable {
  /** f(x), [n, dOut]. */
  readonly output: Tensor;
  jvp(u: TensorLike): Promise<Tensor>;
  vjp(v: TensorLike): Promise<Tensor>;
  /** The dense Jacobian, [n·dOut, n·dIn]. */
  toDense(): Promise<Tensor>;
  /**
   * The 1-, 2-, ∞- or Frobenius norm of the [n·dOut, n·dIn] Jacobian, which is never formed (MATH 2.5). 1, ∞ and "fro"
   * are sums over all entries, accumulated in doubles, in O(heads·n²·dIn·dOut) time; 2 is sigma of `spectralNorm` at
   * its default rtol, 1e-8 in f64 and 1e-4 in f32.
   * @throws RangeError for another order
   */
  norm(order: number | "fro"): Promise<number>;
  /**
   * [n, n]: entry (i, j) is the spectral norm of the block ∂y_i/∂x_j, how much token j can move token i: from below,
   * within `rtol` (default 1e-2) with 95 % confidence, down to what rounding leaves of the largest parts of a block, and
   * exactly 0 where the mask rules j ≠ i out.
   */
  blockNorms(options?: BlockNormOptions): Promise<Tensor>;
  /**
   * Certified upper bounds on the largest singular value at x, the smallest and each by its name in MATH 8.3 (and 8.2's
   * aposteriori_repaired for dot-product attention without rotary positions), for the weights and the input as the
   * device holds them. In doubles whatever the dtype: eigenvalues are bounded from above by a Cholesky factorization of
   * μI − A with its backward error added, norms of n×n matrices without negative entries by Collatz and Wielandt's
   * ratios; the rounding of the rest is allowed for by a factor 1 + 1e-10. What would take more than 1e10 multiply-adds
   * is left out and named: U_rowcs and U_concat (n·heads eigenvalue problems of size dValue), then T2 and U_joint
   * (n of size min(dOut, heads·dValue)), for which T2_fast then stands in the others.
   */
  upperBound(): Promise<LocalBounds>;
  /**
   * ∇_x ⟨v, J(x) u⟩ with u (inShape) and v (outShape) held fixed, of inShape (MATH 2.3): of sigma it is
   * gradient(right, left), with the singular vectors of `spectralNorm`, wherever sigma is a simple singular value.
   */
  gradient(u: TensorLike, v: TensorLike): Promise<Tensor>;
}

/** What has a Jacobian at an input. */
export interface Linearizer {
  /** The Jacobian of the layer at x [n, dIn]; the primal is computed once, here. */
  linearize(x: TensorLike): Promise<Linearization>;
}

/** A layer whose Jacobian can be had at an input: all that a measurement needs. */
export interface LinearizableLayer extends Layer, Linearizer {}

/**
 * A layer that can be linearized so that solvers at several inputs share the products with its weights: each step waits
 * until all linearizations that are alive ask for one. So each must be in use, or be disposed of.
 */
export interface StepsTogether {
  together(): Promise<Linearizer>;
}

export function stepsTogether<T extends object>(layer: T): layer is T & StepsTogether {
  return typeof (layer as Partial<StepsTogether>).together === "function";
}

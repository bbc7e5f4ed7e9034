// The step body of the solvers, run where the vectors live: inside a device, or in plain TypeScript for an
// operator that a user brings. The loop, the stopping rule and the bracket are written once, above this.
import type { Tensor } from "../base/tensor.js";

export interface KrylovSpace {
  /** Sizes of the start vectors' side and of the other side, of the operator A that is iterated (J, or Jᵀ). */
  readonly domainSize: number;
  readonly rangeSize: number;
  /** Arithmetic of one application; f32 spaces still accumulate norms and dot products in f64. */
  readonly dtype: "f32" | "f64";
  /** Bytes of memory that a vector of each side takes. */
  readonly vectorBytes: { readonly domain: number; readonly range: number };
  /** Relative rounding error of sigma to allow for (MATH 10.4), from the dtype and the largest |logit|. */
  readonly roundoff: number;
  /** Whether a product that is exactly zero may be so by underflow. */
  readonly mayUnderflow?: boolean;
  /** v₀ = start/‖start‖. Forgets all earlier vectors. */
  begin(start: Float64Array): Promise<void>;
  /**
   * Step k = 0, 1, … of Golub–Kahan–Lanczos with full reorthogonalization:
   * alpha·u_k = A v_k − (projection on u_0…u_{k−1}),  beta·v_{k+1} = Aᵀ u_k − (projection on v_0…v_k).
   * A zero alpha or beta leaves the new vector zero.
   */
  bidiagonalize(k: number): Promise<{ alpha: number; beta: number }>;
  /**
   * Step k of Lanczos on AᵀA with full reorthogonalization, which keeps vectors of the domain alone:
   * alpha = ‖A v_k‖,  beta·v_{k+1} = AᵀA v_k/alpha − (projection on v_0…v_k). Gives up all u.
   * A zero alpha or beta leaves the new vector zero.
   */
  tridiagonalize(k: number): Promise<{ alpha: number; beta: number }>;
  /**
   * After steps of `tridiagonalize`: V ← V(I − g gᵀ) for each of the reflections in turn, V as many first vectors as g is
   * long. The first `kept` of them stay, and the `count` vectors from v_size on follow them.
   */
  restart(reflections: readonly Float64Array[], size: number, kept: number, count: number): Promise<void>;
  /**
   * Goes on from a fresh direction where the space has closed, before step k: v_k becomes what is left of `fresh` after
   * projection on v_0…v_{k−1}, at unit length. With `dropped`, u_{k−1} was rounding and becomes zero. Returns the length
   * that was left, as a share of fresh's; 0 where the basis spans the whole space.
   */
  extend?(k: number, fresh: Float64Array, dropped: boolean): Promise<number>;
  /**
   * One power iteration on AᵀA, from the unit vector v that it keeps: w = A v, sigma = ‖w‖, u = w/sigma,
   * r = Aᵀ u, residual = ‖r − sigma·v‖; v ← r/‖r‖. `ritzPair` then takes one coefficient, for the v
   * that this step started from.
   */
  iterate(): Promise<{ sigma: number; residual: number }>;
  /**
   * x = Σ q_k v_k, its image A x computed afresh and brought to unit length (or zero), and ‖A x‖/‖x‖. Gives up all u, so
   * that `bidiagonalize` cannot go on.
   */
  ritzPair(q: Float64Array): Promise<{ domain: Tensor; range: Tensor; stretch: number }>;
  dispose(): void;
}

export interface KrylovOptions {
  /** Iterate A = Jᵀ instead of A = J. */
  transposed: boolean;
  /** Steps are asked for at k < maxSteps at most; power iteration, which keeps one vector, asks for 1. */
  maxSteps: number;
}

// The step body of the solvers, run where the vectors live: inside a device, or in plain TypeScript for an
// operator that a user brings. The loop, the stopping rule and the bracket are written once, above this.
import type { Tensor } from "../tensor.js";

export interface KrylovSpace {
  /** Sizes of the start vectors' side and of the other side, of the operator A that is iterated (J, or Jᵀ). */
  readonly domainSize: number;
  readonly rangeSize: number;
  /** Arithmetic of one application; f32 spaces still accumulate norms and dot products in f64. */
  readonly dtype: "f32" | "f64";
  /** Relative rounding error of sigma to allow for (MATH 10.4), from the dtype and the largest |logit|. */
  readonly roundoff: number;
  /** v₀ = start/‖start‖. Forgets all earlier vectors. */
  begin(start: Float64Array): Promise<void>;
  /**
   * Step k = 0, 1, … of Golub–Kahan–Lanczos with full reorthogonalization:
   * alpha·u_k = A v_k − (projection on u_0…u_{k−1}),  beta·v_{k+1} = Aᵀ u_k − (projection on v_0…v_k).
   * A zero alpha or beta leaves the new vector zero.
   */
  bidiagonalize(k: number): Promise<{ alpha: number; beta: number }>;
  /**
   * One power iteration on AᵀA, from the unit vector v that it keeps: w = A v, sigma = ‖w‖, u = w/sigma,
   * r = Aᵀ u, residual = ‖r − sigma·v‖; v ← r/‖r‖. `combine` then takes one coefficient each, for the u of this
   * step and the v that it started from.
   */
  iterate(): Promise<{ sigma: number; residual: number }>;
  /** Σ p_k u_k and Σ q_k v_k. */
  combine(p: Float64Array, q: Float64Array): Promise<{ range: Tensor; domain: Tensor }>;
  /** ‖A x‖/‖x‖ at the domain vector x = Σ q_k v_k, computed afresh. */
  stretch(q: Float64Array): Promise<number>;
  /**
   * Of f32 spaces that can: a lower bound of ‖A v‖/‖v‖ at a domain vector, computed in f64 from the layer and the input
   * as the device holds them; undefined where that would take long.
   */
  certifiedStretch?(v: Tensor): Promise<number | undefined>;
  dispose(): void;
}

/** An operator whose vectors live in a device offers its own space; for the others there is HostKrylovSpace. */
export interface HasKrylovSpace {
  krylov(options: KrylovOptions): Promise<KrylovSpace>;
}

export interface KrylovOptions {
  /** Iterate A = Jᵀ instead of A = J. */
  transposed: boolean;
  /** `bidiagonalize` is called for k < maxSteps at most; power iteration, which keeps one vector, asks for 1. */
  maxSteps: number;
}

export function hasKrylovSpace<T extends object>(op: T): op is T & HasKrylovSpace {
  return typeof (op as Partial<HasKrylovSpace>).krylov === "function";
}

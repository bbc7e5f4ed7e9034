// What the solver methods have in common: a step at a time, each with what it proves about the truth.
import type { Reorthogonalization } from "./result.js";

/** A singular pair of A found so far, in the basis that the Krylov space holds. */
export interface Estimate {
  sigma: number;
  /** ‖Aᵀu − sigma·v‖; A v = sigma·u holds by construction. */
  residual: number;
  /** Whether the space reached is the whole space, or has closed twice, to rounding: further steps cannot change sigma. */
  exact: boolean;
  /** Whether it cannot be made longer. */
  ended: boolean;
  /** Whether the next step is the first of a fresh segment, and may show that sigma is exact. */
  closing?: boolean;
  /** Where the operator's numbers are too small for its dtype: the norm from which on they would not be. */
  underflow?: number;
  /** f for which sigma_max ≤ f·sigma with probability at least 1 − failureProbability over seeds, rounding apart. */
  factor(failureProbability: number): number;
  /** Whether f is at most `limit`, above 1: cheaper than f itself. */
  within(limit: number, failureProbability: number): boolean;
  /** The f that rounding leaves room for, whatever is proven. */
  least: number;
  reorthogonalization: Reorthogonalization;
  restarts: number;
  /** Coefficients of v for `KrylovSpace.ritzPair`. */
  domain: Float64Array;
}

export interface Iteration {
  next(): Promise<Estimate>;
}

/** What a method starts from. */
export interface Start {
  /** Whether a guess is part of the start vector. */
  readonly guess: boolean;
  /** Bytes that the basis may take. */
  readonly basisBudget: number;
  /** A random vector of the domain of any length, independent of all that came before. */
  fresh(): Float64Array;
}

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
  /** Whether the operator's numbers are too small for its dtype. */
  underflow?: boolean;
  /** f for which sigma_max ≤ f·sigma with probability at least 1 − failureProbability over seeds, rounding apart. */
  factor(failureProbability: number): number;
  /** Whether f is at most `limit`, above 1: cheaper than f itself. */
  within(limit: number, failureProbability: number): boolean;
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

// What the solver methods have in common: a step at a time, each with an estimate of how far it is from the truth.
import type { Projection } from "./lanczos.js";
import type { Reorthogonalization } from "./result.js";

/** A singular pair of A found so far, in the basis that the Krylov space holds. */
export interface Estimate {
  sigma: number;
  /** ‖Aᵀu − sigma·v‖; A v = sigma·u holds by construction. */
  residual: number;
  /** Estimated relative error of sigma; Infinity while there is too little to go by. */
  error: number;
  /** Whether the vectors reached span an invariant subspace, to rounding: further steps cannot change sigma. */
  invariant: boolean;
  /** AᵀA on the basis, where there is one. */
  projection?(): Projection;
  reorthogonalization: Reorthogonalization;
  restarts: number;
  /** Coefficients of v for `KrylovSpace.ritzPair`. */
  domain: Float64Array;
}

export interface Iteration {
  next(): Promise<Estimate>;
}

/** How much smaller than the accuracy asked for an estimated error must be, because it may be optimistic. */
const safety = 10;

/**
 * Whether sigma has settled to a relative accuracy: its estimated error was at most a tenth of that at two steps in a
 * row. One step alone may sit on a plateau at a lower singular value, before the leading one shows.
 */
export function settled(errors: readonly number[], accuracy: number): boolean {
  return errors.length >= 2 && errors.slice(-2).every((error) => safety * error <= accuracy);
}

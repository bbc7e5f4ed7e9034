// What the solver methods have in common: a step at a time, each with an estimate of how far it is from the truth.

/** A singular pair of A found so far, in the basis that the Krylov space holds. */
export interface Estimate {
  sigma: number;
  /** ‖Aᵀu − sigma·v‖; A v = sigma·u holds by construction. */
  residual: number;
  /** Estimated relative error of sigma; Infinity while there is too little to go by. */
  error: number;
  /** Whether the vectors reached span an invariant subspace, to rounding: further steps cannot change sigma. */
  invariant: boolean;
  /** The basis' bidiagonal matrix, where there is one: diagonal and what is above it. */
  bidiagonal?: { alphas: readonly number[]; betas: readonly number[] };
  /** Coefficients of u and v for `KrylovSpace.combine`. */
  range: Float64Array;
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

// What a spectral solver returns, and what it is asked.
import type { AbortSignalLike } from "../base/platform.js";
import type { Tensor, TensorLike } from "../base/tensor.js";

/** Options of `spectralNorm` and `localLipschitz`. */
export interface SpectralNormOptions {
  /** Golub–Kahan–Lanczos bidiagonalization (default), or power iteration on JᵀJ. */
  method?: "lanczos" | "power";
  /** Relative accuracy asked of sigma, with 95 % confidence whatever the spectrum; default 1e-2. */
  rtol?: number;
  /** Default 100 for lanczos, 1000 for power; one step is one J and one Jᵀ application. */
  maxSteps?: number;
  /** And upper/lower − 1 is to be at most this; default 0.1. */
  bracket?: number;
  /** Default 0, so that a run repeats; the probability of `upper` is over seeds. */
  seed?: number;
  /**
   * A guess of inShape, added at a quarter of its length to the random unit vector (section 10.2b). Default: for a linearization of
   * attention the guess of MATH 13.6, for other operators none; "random" starts without a guess. Less than three
   * dimensions take no guess.
   */
  start?: TensorLike | "random";
  /** Of `upper`; default 1e-6. */
  failureProbability?: number;
  /**
   * Bytes that the basis vectors of lanczos may take, default 1 GiB; at least five vectors of the smaller side (the
   * input's with a guess) and one of the other. A run that would pass it goes on with one side of the basis, in half
   * the memory, and past that too with thick restarts, which may cost steps; see `reorthogonalization` and `restarts`.
   */
  basisBudget?: number;
  /**
   * Default true: a run in f32 ends in f64, by one step on the CPU at the price of some five f32 steps. Then `lower` is a
   * certificate, and sigma's rounding that of f64; and where f32 cannot tell sigma at all the whole run is made in f64.
   */
  certify?: boolean;
  signal?: AbortSignalLike;
  onProgress?: (event: SpectralNormProgress) => void;
}

/** What `onProgress` of a solver is told after each step. */
export interface SpectralNormProgress {
  readonly type: "step";
  readonly step: number;
  readonly maxSteps: number;
  readonly sigma: number;
}

/** How a solver's run ended. */
export type SpectralNormStatus = "converged" | "exact" | "step-limit" | "precision-limit" | "zero-operator";

/**
 * What is kept of the basis, and each new vector is made orthogonal to: both sides, one side, or nothing (power
 * iteration).
 */
export type Reorthogonalization = "full" | "one-sided" | "none";

/** A largest singular value with its bracket, its vectors, and how the run ended. */
export interface SpectralNorm {
  sigma: number;
  /** |sigma/true − 1| is at most this with 95 % confidence over seeds, whatever the spectrum. */
  accuracy: number;
  /**
   * ‖J v‖/‖v‖ at the returned right vector, less an allowance for rounding (docs/theory.md, section 10.4); ‖Jᵀ v‖/‖v‖ at the
   * left one where that is the start's side (outShape smaller than inShape, and no guess). In f64 where `certified`.
   */
  lower: number;
  /** Holds with probability ≥ 1 − failureProbability over seeds (docs/theory.md, section 10); always finite. */
  upper: number;
  failureProbability: number;
  /**
   * Whether `lower` was computed in f64, for the layer and the input as the device holds them: on every device, unless
   * `certify` is false or there is no f64 copy of the layer; then `message` says why.
   */
  certified: boolean;
  status: SpectralNormStatus;
  message: string;
  /** One step is one J and one Jᵀ application. */
  steps: number;
  /** J and Jᵀ applications. */
  applications: number;
  /** What was kept of the basis at the end: "one-sided" where both sides would have passed `basisBudget`. */
  reorthogonalization: Reorthogonalization;
  /** How often the basis was cut down to its leading Ritz vectors because one side alone would have passed `basisBudget`. */
  restarts: number;
  /** The larger of ‖J right − sigma·left‖ and ‖Jᵀ left − sigma·right‖; the other one is zero, to rounding. */
  residual: number;
  /** The estimate after each step. */
  history: Float64Array;
  seed: number;
  /** Unit vector of outShape with ⟨left, J right⟩ = sigma. */
  left: Tensor;
  /** Unit vector of inShape. */
  right: Tensor;
}

// What a run has found, and the statement that is made of it.
import type { Tensor } from "../base/tensor.js";
import type { Estimate } from "./iteration.js";
import type { Problem } from "./problem.js";
import type { SpectralNorm } from "./result.js";
import { basisNote, outcome } from "./status.js";

/** Of `rtol` and `accuracy`, which hold with 95 % confidence. */
export const usualDoubt = 0.05;

export interface Found {
  readonly problem: Problem;
  readonly estimate: Estimate;
  readonly dtype: "f32" | "f64";
  readonly roundoff: number;
  readonly history: readonly number[];
  /** ‖A v‖/‖v‖ at the final Ritz vector, in the run's own arithmetic. */
  readonly stretch: number;
  /** Whether rtol and bracket are met, each as far as rounding allows. */
  readonly proven: boolean;
  readonly left: Tensor;
  readonly right: Tensor;
}

/** The same pair in f64: A v = sigma·u, and residual ‖Aᵀu − sigma·v‖. */
export interface InDoubles {
  readonly sigma: number;
  readonly residual: number;
  /** At most the largest singular value. */
  readonly lower: number;
  readonly left: Tensor;
  readonly right: Tensor;
}

/** @param why it was not done in f64, as a sentence, where that was wanted */
export function spectralNormOf(found: Found, inDoubles?: InDoubles, why?: string): SpectralNorm {
  const { problem, estimate, dtype, roundoff, history, stretch, proven } = found;
  const { failureProbability, rtol, bracket, basisBudget, seed } = problem;
  const { reorthogonalization, restarts, factor } = estimate;
  const steps = history.length;
  const isZero = estimate.sigma === 0;
  // Where zero is an underflow the truth may be anything up to there.
  const unseen = estimate.underflow ?? 0;
  const lower = inDoubles?.lower ?? stretch * Math.max(0, 1 - roundoff);
  const sigma = inDoubles?.sigma ?? Math.max(estimate.sigma, lower);
  const largest = Math.max(sigma, estimate.sigma, stretch, unseen) * (1 + roundoff);
  const upper = isZero ? unseen : Math.min(largest * factor(failureProbability), Number.MAX_VALUE);
  const usualUpper = isZero ? unseen : largest * factor(usualDoubt);
  const accuracy = usualUpper === 0 ? 0 : isZero ? 1 : Math.max(1 - sigma / usualUpper, sigma / lower - 1);
  const width = upper === 0 ? 0 : upper / lower - 1;
  const ending = { ...estimate, dtype, roundoff, rtol, bracket, failureProbability, steps, proven };
  const { status, message } = outcome({ ...ending, sigma, accuracy, width });
  return {
    sigma,
    accuracy,
    lower,
    upper,
    failureProbability,
    certified: dtype === "f64" || inDoubles !== undefined,
    status,
    message: message + basisNote({ reorthogonalization, restarts, basisBudget }) + (why ? ` ${why}` : ""),
    steps,
    applications: 2 * steps + (inDoubles ? 3 : 1),
    reorthogonalization,
    restarts,
    residual: inDoubles?.residual ?? estimate.residual,
    history: Float64Array.from(history),
    seed,
    left: inDoubles?.left ?? found.left,
    right: inDoubles?.right ?? found.right,
  };
}

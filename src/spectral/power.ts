// Power iteration on AᵀA (MATH 10.2c).
import { checkCoefficient } from "./coefficient.js";
import type { Iteration } from "./iteration.js";
import type { KrylovSpace } from "./krylov.js";

/** Relative changes below this are rounding, and their ratio says nothing. */
const resolution = { f32: 2 ** -24, f64: 2 ** -50 };

/**
 * v ← AᵀA v/‖AᵀA v‖; the estimate is ‖A v‖, a lower bound that grows from step to step.
 *
 * Its error is the smaller of residual/sigma (MATH 10.3) and what is still to come if the relative changes go on
 * falling by the ratio of the last two: δ/(1 − ratio), Aitken's extrapolation.
 */
export function powerIteration(space: KrylovSpace): Iteration {
  let before = 0;
  let changeBefore = 0;
  let step = 0;
  return {
    async next() {
      step++;
      const { sigma, residual } = await space.iterate();
      checkCoefficient("sigma", sigma, step, space);
      checkCoefficient("residual", residual, step, space);
      const change = before === 0 ? Number.POSITIVE_INFINITY : Math.abs(sigma - before) / sigma;
      const ratio = change > resolution[space.dtype] ? change / changeBefore : 0;
      const ahead = ratio < 1 ? change / (1 - ratio) : Number.POSITIVE_INFINITY;
      before = sigma;
      changeBefore = change;
      return {
        sigma,
        residual,
        error: Math.min(residual / sigma, ahead),
        invariant: false,
        reorthogonalization: "none",
        restarts: 0,
        domain: Float64Array.of(1),
      };
    },
  };
}

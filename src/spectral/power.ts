// Power iteration on AᵀA (docs/theory.md, section 10.2c).
import { powerFactor } from "./bracket.js";
import { checkCoefficient } from "./coefficient.js";
import type { Iteration, Start } from "./iteration.js";
import type { KrylovSpace } from "./krylov.js";

/** v ← AᵀA v/‖AᵀA v‖; the estimate is ‖A v‖, a lower bound that grows from step to step. */
export function powerIteration(space: KrylovSpace, { guess }: Start): Iteration {
  const dimension = space.domainSize;
  let steps = 0;
  return {
    async next() {
      steps++;
      const { sigma, residual } = await space.iterate();
      checkCoefficient("sigma", sigma, steps, space);
      checkCoefficient("residual", residual, steps, space);
      const question = { dimension, steps, guess };
      const factor = (failureProbability: number) => powerFactor({ ...question, failureProbability });
      return {
        sigma,
        residual,
        exact: dimension === 1,
        ended: dimension === 1,
        factor,
        least: 1 + 2 * space.roundoff,
        within: (limit, failureProbability) => factor(failureProbability) <= limit,
        reorthogonalization: "none",
        restarts: 0,
        domain: Float64Array.of(1),
      };
    },
  };
}

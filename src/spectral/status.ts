// How a run ended, in a sentence: what happened, the likely reason, what to change.
import type { Reorthogonalization, SpectralNormStatus } from "./result.js";

export interface Outcome {
  status: SpectralNormStatus;
  message: string;
}

/** What an outcome is told from. */
export interface Ending {
  dtype: "f32" | "f64";
  roundoff: number;
  rtol: number;
  bracket?: number;
  steps: number;
  /** The estimated relative error of sigma. */
  error: number;
  /** Whether sigma has settled to rtol, or to roundoff where that is larger. */
  settled: boolean;
  /** upper/lower − 1 where a bracket was asked for, and the least that rounding leaves of it. */
  width: number;
  leastWidth: number;
}

export function zeroOperator(): Outcome {
  return {
    status: "zero-operator",
    message: "The operator sent a random vector to zero, so it is zero: check masks and weights if that is unexpected.",
  };
}

export function breakdown({ steps }: Ending): Outcome {
  return {
    status: "breakdown",
    message:
      `The Krylov space closed after ${count(steps)}, which makes sigma exact to rounding unless the start vector ` +
      "missed the leading direction; another seed tells.",
  };
}

export function finished({ dtype, roundoff, rtol, bracket, steps, width }: Ending): Outcome {
  const coarse = rtol < roundoff;
  if (!coarse && (bracket === undefined || width <= bracket)) {
    return { status: "converged", message: `Sigma settled to within rtol = ${rtol} after ${count(steps)}.` };
  }
  const asked = coarse ? `rtol = ${rtol}` : `a bracket of ${bracket}`;
  const remedy = dtype === "f32" ? "use an f64 runtime for more" : "ask for no more than that";
  return {
    status: "precision-limit",
    message:
      `Sigma settled after ${count(steps)} to within ${brief(roundoff)}, the rounding of this ${dtype} operator, ` +
      `which is too coarse for ${asked}; ${remedy}.`,
  };
}

export function stepLimit({ rtol, bracket, steps, error, settled, width }: Ending): Outcome {
  const message = settled
    ? `Sigma settled within the ${count(steps)} allowed, but upper/lower − 1 = ${brief(width)} is still above the ` +
      `bracket of ${bracket} asked for; raise maxSteps, bracket or failureProbability.`
    : `Stopped at the ${count(steps)} allowed with an estimated relative error of ${brief(error)} where rtol = ${rtol} ` +
      "takes a tenth of that at two steps in a row; raise maxSteps, since the largest singular values may lie close together.";
  return { status: "step-limit", message };
}

/** What a budget of memory has changed about the run, as a further sentence. */
export function basisNote({
  reorthogonalization,
  restarts,
  basisBudget,
}: {
  reorthogonalization: Reorthogonalization;
  restarts: number;
  basisBudget: number;
}): string {
  if (reorthogonalization !== "one-sided") return "";
  const how = restarts === 0 ? "one side of it was kept" : `one side of it was kept and restarted ${times(restarts)}`;
  return ` The basis would have passed basisBudget = ${basisBudget} bytes, so ${how}${
    restarts === 0 ? "." : ", which may cost steps; raise basisBudget if there is memory."
  }`;
}

function times(restarts: number): string {
  return restarts === 1 ? "once" : `${restarts} times`;
}

function count(steps: number): string {
  return steps === 1 ? "1 step" : `${steps} steps`;
}

function brief(value: number): string {
  return Number.isFinite(value) ? String(Number(value.toPrecision(2))) : "an unknown amount";
}

// How a run ended, in a sentence: what happened, the likely reason, what to change.
import type { Reorthogonalization, SpectralNormStatus } from "./result.js";

export interface Outcome {
  status: SpectralNormStatus;
  message: string;
}

/** What an outcome is told from. */
export interface Ending {
  sigma: number;
  dtype: "f32" | "f64";
  roundoff: number;
  rtol: number;
  bracket: number;
  failureProbability: number;
  steps: number;
  /** How near sigma is with 95 % confidence, and upper/lower − 1. */
  accuracy: number;
  width: number;
  /** Whether rtol and bracket are met, each as far as rounding allows. */
  proven: boolean;
  /** Whether the Krylov space is the whole space, or has closed twice. */
  exact: boolean;
  underflow?: number;
}

/** Rounding of this size leaves no digit of sigma to speak of. */
export const hopeless = 1e-2;

export function outcome(ending: Ending): Outcome {
  const { sigma, roundoff, rtol, bracket, accuracy, width, proven, exact, underflow } = ending;
  if (underflow) return underflown(ending);
  if (sigma === 0) return zeroOperator;
  if (roundoff >= hopeless) return beyondRounding(ending);
  if (exact) return closed(ending);
  if (accuracy <= rtol && width <= bracket) return converged(ending);
  return proven ? coarse(ending) : stepLimit(ending);
}

const zeroOperator: Outcome = {
  status: "zero-operator",
  message: "The operator sent a random vector to zero, so it is zero: check masks and weights if that is unexpected.",
};

function underflown({ sigma, dtype }: Ending): Outcome {
  return {
    status: "precision-limit",
    message:
      `Sigma is ${sigma > 0 ? `about ${brief(sigma)}` : "too small a number"}: ${dtype} numbers underflow on the way to it, ` +
      `and lose their digits; scale the layer up` +
      `${dtype === "f32" ? ", or use an f64 runtime" : ""}.`,
  };
}

function beyondRounding({ dtype, roundoff, steps }: Ending): Outcome {
  return {
    status: "precision-limit",
    message:
      `After ${count(steps)} sigma is known to no better than rounding, which in this ${dtype} operator may be as large ` +
      `as ${brief(roundoff)} of it: its scores are so large that few of their digits are left behind the point; ` +
      `${dtype === "f32" ? "use an f64 runtime, or scale queries and keys down" : "scale queries and keys down"}.`,
  };
}

function closed({ steps, roundoff }: Ending): Outcome {
  return {
    status: "exact",
    message:
      `After ${count(steps)} nothing of the operator is left outside the Krylov space, so that sigma is exact to ` +
      `rounding (${brief(roundoff)}).`,
  };
}

function converged({ steps, accuracy, width, failureProbability }: Ending): Outcome {
  return {
    status: "converged",
    message:
      `After ${count(steps)} sigma is within ${brief(accuracy)} with 95 % confidence, and upper within ${brief(width)} of ` +
      `lower with probability 1 − ${failureProbability}.`,
  };
}

function coarse({ dtype, roundoff, rtol, bracket, steps, accuracy }: Ending): Outcome {
  const asked = accuracy > rtol ? `rtol = ${rtol}` : `a bracket of ${bracket}`;
  const remedy = dtype === "f32" ? "use an f64 runtime for more" : "ask for no more than that";
  return {
    status: "precision-limit",
    message:
      `After ${count(steps)} sigma is known to within ${brief(accuracy)}, by the rounding of this ${dtype} operator ` +
      `(${brief(roundoff)}), which is too coarse for ${asked}; ${remedy}.`,
  };
}

function stepLimit({ rtol, bracket, steps, accuracy, width }: Ending): Outcome {
  const near = `sigma within ${brief(accuracy)} with 95 % confidence`;
  const message =
    accuracy <= rtol
      ? `The ${count(steps)} allowed prove ${near}, but leave upper/lower − 1 = ${brief(width)} above the bracket of ` +
        `${bracket} asked for; raise maxSteps, bracket or failureProbability.`
      : `The ${count(steps)} allowed prove ${near}, where rtol = ${rtol} was asked for; raise maxSteps or rtol: the ` +
        "largest singular values may lie close together.";
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

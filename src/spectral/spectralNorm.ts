// The largest singular value of a linear operator, with its vectors, bracketed from both sides.
import { checkTensor, throwIfAborted } from "../base/check.js";
import { deriveSeed } from "../base/random.js";
import { type Tensor, tensor } from "../base/tensor.js";
import { turn } from "../base/turn.js";
import type { LinearOperator } from "../device/operator.js";
import { checkCoefficient } from "./coefficient.js";
import { patternGuess } from "./guess.js";
import { type Iterated, iterated } from "./iterated.js";
import type { Estimate } from "./iteration.js";
import type { KrylovSpace } from "./krylov.js";
import { checkOperator, checkProblem, freshVectors, type Problem, startVector } from "./problem.js";
import type { SpectralNorm, SpectralNormOptions } from "./result.js";
import { basisNote, outcome } from "./status.js";

/** Of `rtol` and `accuracy`, which hold with 95 % confidence. */
const usualDoubt = 0.05;

/**
 * sigma_max of a linear operator J, by Golub–Kahan–Lanczos bidiagonalization with full reorthogonalization, or by power
 * iteration on JᵀJ. Where the basis of both sides would pass `basisBudget`, Lanczos on JᵀJ goes on with one side of it, and
 * past that with thick restarts.
 *
 * A run goes on until two statements are proven, whatever the spectrum: that sigma is within rtol of the largest singular
 * value with 95 % confidence, and that upper/lower − 1 is at most `bracket` with probability 1 − failureProbability
 * (docs/theory.md, section 10; the confidence is over seeds). Where rounding is coarser than what was asked it goes on to
 * what rounding allows, and the status is "precision-limit". Where the Krylov space closes, the run goes on from a fresh
 * random vector in its complement; closed twice, or the whole space, it is "exact".
 *
 * @param op a linearization of this library, or any operator of your own: it is handed copies as Float64Array tensors
 *   and must return Float64Array tensors of outShape (jvp) and inShape (vjp)
 * @returns also when the steps run out: see `status` and `message`. `sigma` never exceeds the true value by more than
 *   rounding; `upper` holds with probability 1 − failureProbability over seeds, provided that the operator does not
 *   depend on the seed
 * @throws TypeError and RangeError for arguments of a wrong kind or value, for answers of `op` of a wrong kind, shape
 *   or that are not finite, and for a vjp that is not the adjoint of jvp
 * @example
 * const halve = async ({ data, shape }) => ({ data: data.map((entry) => entry / 2), shape });
 * const op = { inShape: [8, 4], outShape: [8, 4], jvp: halve, vjp: halve };
 * const { sigma, lower, upper } = await spectralNorm(op); // sigma is 0.5
 */
export async function spectralNorm(op: LinearOperator, options: SpectralNormOptions = {}): Promise<SpectralNorm> {
  checkOperator(op);
  const { start, ...others } = options;
  checkProblem(op, options);
  throwIfAborted(options.signal);
  // The caller may change the guess while this waits for anything.
  const given = start === undefined || start === "random" ? start : copied(checkTensor("start", start, op.inShape));
  const target = await iterated(op);
  try {
    const { problem, space } = await begun(op, target, { ...others, start: given });
    try {
      const found = await solve(space, problem, target, options);
      const { left, right } = target.core?.lift(found) ?? found;
      return { ...found, left: shaped(left, op.outShape), right: shaped(right, op.inShape) };
    } finally {
      space.dispose();
    }
  } finally {
    target.dispose();
  }
}

/** A space that has its start vector; guess and start, which are as long as a basis vector, are let go on return. */
async function begun(
  op: LinearOperator,
  target: Iterated,
  options: SpectralNormOptions & { start?: Tensor | "random" },
): Promise<{ problem: Problem; space: KrylovSpace }> {
  const given = options.start ?? (await patternGuess(op, leadingRight));
  const { problem, guess } = checkProblem(target, { ...options, start: restricted(target, given) });
  const start = startVector(problem, guess);
  const { transposed, storedSteps: maxSteps } = problem;
  const space = await target.space({ transposed, maxSteps });
  try {
    await space.begin(start);
    return { problem, space };
  } catch (error) {
    space.dispose();
    throw error;
  }
}

/** The guess in the core's coordinates: what it loses there is sent to zero anyway. */
function restricted({ core }: Iterated, start: Tensor | "random"): Tensor | "random" {
  if (start === "random" || !core) return start;
  const guess = core.restrict(start);
  return guess.data.some((value) => value !== 0) ? guess : "random";
}

function copied({ data, shape }: Tensor): Tensor {
  return tensor(data.slice(), shape);
}

async function leadingRight(op: LinearOperator): Promise<Float64Array> {
  const seed = deriveSeed(0, "value map");
  const { right } = await spectralNorm(op, {
    rtol: 0.1,
    bracket: 1,
    maxSteps: 60,
    seed,
    start: "random",
    failureProbability: 0.5,
  });
  return Float64Array.from(right.data);
}

async function solve(
  space: KrylovSpace,
  problem: Problem,
  op: Iterated,
  { signal, onProgress }: SpectralNormOptions,
): Promise<SpectralNorm> {
  const { maxSteps, method, guessed: guess, basisBudget } = problem;
  const iteration = method.iterate(space, { guess, basisBudget, fresh: freshVectors(problem) });
  const history: number[] = [];
  for (;;) {
    if (signal) await turn();
    throwIfAborted(signal);
    const estimate = await iteration.next();
    history.push(estimate.sigma);
    onProgress?.({ type: "step", step: history.length, maxSteps, sigma: estimate.sigma });
    if (hasEnded(estimate, history.length, space.roundoff, problem)) {
      return result(space, problem, op, estimate, history);
    }
  }
}

function hasEnded(estimate: Estimate, steps: number, roundoff: number, problem: Problem): boolean {
  const { sigma, ended, closing, underflow } = estimate;
  if (sigma === 0 || ended || underflow || steps >= problem.maxSteps) return true;
  return !closing && isProven(estimate, roundoff, problem);
}

/** Whether rtol and bracket are met, each as far as rounding allows. */
function isProven({ within, least }: Estimate, roundoff: number, problem: Problem): boolean {
  const { rtol, bracket, failureProbability } = problem;
  // The factor at which upper/lower − 1 is what was asked.
  const reachable = (width: number) => Math.max(((1 + width) * (1 - roundoff)) / (1 + roundoff) ** 2, least);
  return within(reachable(bracket), failureProbability) && within(reachable(rtol), usualDoubt);
}

async function result(
  space: KrylovSpace,
  problem: Problem,
  op: Iterated,
  estimate: Estimate,
  history: number[],
): Promise<SpectralNorm> {
  const { residual, domain, reorthogonalization, restarts, factor } = estimate;
  const { failureProbability, rtol, bracket } = problem;
  const { roundoff, dtype } = space;
  const steps = history.length;
  const pair = await space.ritzPair(domain);
  // Any direction is a left singular vector of zero.
  const isZero = estimate.sigma === 0;
  if (isZero) pair.range.data[0] = 1;
  const stretch = checkCoefficient("the final norm", pair.stretch, steps, space);
  const certifiedLower = isZero ? undefined : await space.certifiedStretch?.(pair.domain);
  const lower = certifiedLower ?? stretch * Math.max(0, 1 - roundoff);
  const sigma = Math.max(estimate.sigma, lower);
  const largest = Math.max(sigma, stretch, estimate.underflow ?? 0) * (1 + roundoff);
  const upper = isZero ? 0 : Math.min(largest * factor(failureProbability), Number.MAX_VALUE);
  const usualUpper = isZero ? 0 : largest * factor(usualDoubt);
  const accuracy = isZero ? 0 : Math.max(1 - sigma / usualUpper, sigma / lower - 1);
  const { status, message } = outcome({
    ...estimate,
    sigma,
    dtype,
    roundoff,
    rtol,
    bracket,
    steps,
    accuracy,
    width: upper / lower - 1,
    failureProbability,
    proven: !isZero && isProven(estimate, roundoff, problem),
  });
  const [left, right] = problem.transposed ? [pair.domain, pair.range] : [pair.range, pair.domain];
  return {
    sigma,
    accuracy,
    lower,
    upper,
    failureProbability,
    certified: dtype === "f64" || certifiedLower !== undefined,
    status,
    message: message + basisNote({ reorthogonalization, restarts, basisBudget: problem.basisBudget }),
    steps,
    applications: 2 * steps + 1,
    reorthogonalization,
    restarts,
    residual,
    history: Float64Array.from(history),
    seed: problem.seed,
    left: shaped(left, op.outShape),
    right: shaped(right, op.inShape),
  };
}

function shaped({ data }: Tensor, shape: readonly number[]): Tensor {
  return tensor(data, [...shape]);
}

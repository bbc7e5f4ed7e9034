// The largest singular value of a linear operator, with its vectors, bracketed from both sides.
import { checkTensor, throwIfAborted } from "../base/check.js";
import { deriveSeed } from "../base/random.js";
import { type Tensor, tensor } from "../base/tensor.js";
import { turn } from "../base/turn.js";
import type { LinearOperator } from "../device/operator.js";
import { characteristicFactor } from "./bracket.js";
import { checkCoefficient } from "./coefficient.js";
import { patternGuess } from "./guess.js";
import { type Iterated, iterated } from "./iterated.js";
import { type Estimate, settled } from "./iteration.js";
import type { KrylovSpace } from "./krylov.js";
import { checkOperator, checkProblem, type Problem, startVector } from "./problem.js";
import type { SpectralNorm, SpectralNormOptions } from "./result.js";
import { basisNote, breakdown, type Ending, finished, type Outcome, stepLimit, zeroOperator } from "./status.js";

/**
 * sigma_max of a linear operator J, by Golub–Kahan–Lanczos bidiagonalization with full reorthogonalization, or by power
 * iteration on JᵀJ. Where the basis of both sides would pass `basisBudget`, Lanczos on JᵀJ goes on with one side of it, and
 * past that with thick restarts.
 *
 * Stopping rule: the estimated relative error of sigma is at most rtol/10 at two steps in a row. The estimate is, for
 * lanczos, the larger of the relative change of sigma and the smaller of ρ and ρ²/(2(1 − (sigma₂/sigma)²)), where
 * ρ = residual/sigma and sigma₂ is the second Ritz value; for power, the smaller of ρ and the change extrapolated
 * geometrically. Where rounding is coarser than rtol the rule is applied with rounding, and the status is
 * "precision-limit". With `bracket` the run goes on until upper/lower − 1 is that small too. The rule cannot see a
 * singular value that the start vector barely touches, as when a guess is close to another singular vector; `upper`
 * holds in any case.
 *
 * @param op a linearization of this library, or any operator of your own: it is handed copies as Float64Array tensors
 *   and must return Float64Array tensors of outShape (jvp) and inShape (vjp)
 * @returns also when the steps run out: see `status` and `message`. `sigma` never exceeds the true value by more than
 *   rounding; `upper` holds with probability 1 − failureProbability over seeds (MATH 10.2, 10.2b with `start`, 10.2c for
 *   power), provided that the operator does not depend on the seed
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
  const { right } = await spectralNorm(op, { rtol: 1e-3, maxSteps: 60, seed, start: "random" });
  return Float64Array.from(right.data);
}

async function solve(
  space: KrylovSpace,
  problem: Problem,
  op: Iterated,
  { signal, onProgress }: SpectralNormOptions,
): Promise<SpectralNorm> {
  const { maxSteps } = problem;
  const iteration = problem.method.iterate(space, problem.basisBudget);
  const history: number[] = [];
  const errors: number[] = [];
  for (;;) {
    if (signal) await turn();
    throwIfAborted(signal);
    const estimate = await iteration.next();
    history.push(estimate.sigma);
    errors.push(estimate.error);
    onProgress?.({ type: "step", step: history.length, maxSteps, sigma: estimate.sigma });
    const outcome = outcomeOf(estimate, errors, space, problem);
    if (outcome) return result(space, problem, op, estimate, outcome, history);
  }
}

/** How the run has ended, or undefined if it goes on. */
function outcomeOf(
  estimate: Estimate,
  errors: readonly number[],
  space: KrylovSpace,
  { rtol: wanted, bracket, maxSteps, ...problem }: Problem,
): Outcome | undefined {
  const { sigma, invariant } = estimate;
  if (sigma === 0) return zeroOperator();
  const { dtype, roundoff } = space;
  const rtol = wanted ?? (dtype === "f32" ? 1e-4 : 1e-8);
  const steps = errors.length;
  const ending: Ending = {
    dtype,
    roundoff,
    rtol,
    bracket,
    steps,
    error: errors[steps - 1],
    settled: settled(errors, Math.max(rtol, roundoff)),
    width:
      bracket === undefined ? Number.POSITIVE_INFINITY : width(upperFactor(space, problem, estimate, steps), roundoff),
    leastWidth: width(1, roundoff),
  };
  const narrow = bracket === undefined || ending.width <= bracket || ending.leastWidth > bracket;
  if (ending.settled && narrow) return finished(ending);
  if (invariant) return breakdown(ending);
  return steps >= maxSteps ? stepLimit(ending) : undefined;
}

/** The smaller of what the number of steps and what the steps found allow, on the same event (MATH 10.2). */
function upperFactor(
  { domainSize: dimension, roundoff }: KrylovSpace,
  { method, failureProbability, guessed }: Pick<Problem, "method" | "failureProbability" | "guessed">,
  { sigma, ...estimate }: Estimate,
  steps: number,
): number {
  const question = { dimension, steps, failureProbability, guess: guessed };
  if (!estimate.projection || sigma === 0) return method.factor(question);
  const projection = estimate.projection();
  // A restarted basis holds no Krylov space longer than the first, and its leading Ritz value has only grown since.
  const factor = method.factor({ ...question, steps: projection.unrestarted });
  return Math.min(factor, characteristicFactor(question, projection, roundoff));
}

/** upper/lower − 1 before the final stretch is known, which may differ from sigma by one more rounding. */
function width(factor: number, roundoff: number): number {
  return roundoff < 1 ? (factor * (1 + roundoff) ** 2) / (1 - roundoff) - 1 : Number.POSITIVE_INFINITY;
}

async function result(
  space: KrylovSpace,
  problem: Problem,
  op: Iterated,
  estimate: Estimate,
  outcome: Outcome,
  history: number[],
): Promise<SpectralNorm> {
  const { sigma, residual, domain, reorthogonalization, restarts } = estimate;
  const steps = history.length;
  const pair = await space.ritzPair(domain);
  // Any direction is a left singular vector of zero.
  const isZero = sigma === 0;
  if (isZero) pair.range.data[0] = 1;
  const stretch = checkCoefficient("the final norm", pair.stretch, steps, space);
  const certified = isZero ? undefined : await space.certifiedStretch?.(pair.domain);
  const lower = certified ?? stretch * Math.max(0, 1 - space.roundoff);
  const upper = Math.max(sigma, stretch, lower) * upperFactor(space, problem, estimate, steps) * (1 + space.roundoff);
  const [left, right] = problem.transposed ? [pair.domain, pair.range] : [pair.range, pair.domain];
  return {
    sigma: Math.max(sigma, lower),
    lower,
    upper: Math.min(upper, Number.MAX_VALUE),
    failureProbability: problem.failureProbability,
    certified: space.dtype === "f64" || certified !== undefined,
    status: outcome.status,
    message: outcome.message + basisNote({ reorthogonalization, restarts, basisBudget: problem.basisBudget }),
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

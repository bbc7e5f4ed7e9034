// The largest singular value of a linear operator, with its vectors, bracketed from both sides.
import { checkTensor, throwIfAborted } from "../base/check.js";
import { deriveSeed } from "../base/random.js";
import { type Tensor, tensor } from "../base/tensor.js";
import { turn } from "../base/turn.js";
import type { LinearOperator } from "../device/operator.js";
import { certified } from "./certified.js";
import { checkCoefficient } from "./coefficient.js";
import { type Found, spectralNormOf, usualDoubt } from "./found.js";
import { patternGuess } from "./guess.js";
import { type Iterated, iterated } from "./iterated.js";
import type { Estimate } from "./iteration.js";
import type { KrylovSpace } from "./krylov.js";
import { checkOperator, checkProblem, freshVectors, type Problem, startVector } from "./problem.js";
import type { SpectralNorm, SpectralNormOptions } from "./result.js";

/** More than any bracket, where no upper end is asked for. */
const anyBracket = 1e9;

type Options = SpectralNormOptions & { start?: Tensor | "random" };

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
  const asked = { ...others, start: given };
  const { inShape, outShape, onDevice } = op;
  const release = onDevice?.hold();
  try {
    // What is held now is good to the end, whoever disposes of the operator meanwhile.
    const held = onDevice ? { inShape, outShape, jvp: op.jvp, vjp: op.vjp, onDevice } : op;
    const found = await run(held, asked);
    if (options.certify === false || found.dtype === "f64" || !onDevice) return spectralNormOf(found);
    return await certified(onDevice, found, (operator) =>
      spectralNorm({ ...held, onDevice: { operator, hold: () => () => undefined } }, asked),
    );
  } finally {
    release?.();
  }
}

/** The run itself; what it held is given back when it returns. */
async function run(op: LinearOperator, options: Options): Promise<Found> {
  const target = await iterated(op);
  try {
    const { problem, space } = await begun(op, target, options);
    try {
      const found = await solve(space, problem, options);
      const { transposed } = problem;
      const { domain, range } = found.pair;
      const pair = transposed ? { left: domain, right: range } : { left: range, right: domain };
      const { left, right } = target.core?.lift(pair) ?? pair;
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
  options: Options,
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
  const asked = { rtol: 1e-2, bracket: anyBracket, maxSteps: 60, certify: false } as const;
  const { right } = await spectralNorm(op, { ...asked, seed, start: "random" });
  return Float64Array.from(right.data);
}

async function solve(
  space: KrylovSpace,
  problem: Problem,
  { signal, onProgress }: SpectralNormOptions,
): Promise<Omit<Found, "left" | "right"> & { pair: { domain: Tensor; range: Tensor } }> {
  const { maxSteps, method, guessed: guess, basisBudget } = problem;
  const iteration = method.iterate(space, { guess, basisBudget, fresh: freshVectors(problem) });
  const history: number[] = [];
  for (;;) {
    if (signal) await turn();
    throwIfAborted(signal);
    const estimate = await iteration.next();
    history.push(estimate.sigma);
    onProgress?.({ type: "step", step: history.length, maxSteps, sigma: estimate.sigma });
    if (!hasEnded(estimate, history.length, space.roundoff, problem)) continue;
    const { stretch, ...pair } = await space.ritzPair(estimate.domain);
    // Any direction is a left singular vector of zero.
    if (estimate.sigma === 0) pair.range.data[0] = 1;
    checkCoefficient("the final norm", stretch, history.length, space);
    const { dtype, roundoff } = space;
    const proven = estimate.sigma > 0 && isProven(estimate, roundoff, problem);
    return { problem, estimate, dtype, roundoff, history, stretch, proven, pair };
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

function shaped({ data }: Tensor, shape: readonly number[]): Tensor {
  return tensor(data, [...shape]);
}

// The question put to a spectral solver, checked and with its defaults filled in.
import { checkInteger, checkKeys, checkNumber, checkOneOf, checkTensor, wrongKind } from "../check.js";
import { Random } from "../random.js";
import { sizeOf } from "../tensor.js";
import { type BracketQuestion, lanczosFactor, powerFactor, smallestDimensionForGuess } from "./bracket.js";
import type { Iteration } from "./iteration.js";
import type { KrylovSpace } from "./krylov.js";
import { lanczos, longestBidiagonalization } from "./lanczos.js";
import type { LinearOperator } from "./operator.js";
import { powerIteration } from "./power.js";
import type { SpectralNormOptions } from "./result.js";
import { addScaled, divided, norm } from "./vector.js";

interface Method {
  iterate(space: KrylovSpace, basisBudget: number): Iteration;
  factor(question: BracketQuestion): number;
  maxSteps: number;
}

const methods = {
  lanczos: { iterate: lanczos, factor: lanczosFactor, maxSteps: 100 },
  power: { iterate: powerIteration, factor: powerFactor, maxSteps: 1000 },
} satisfies Record<string, Method>;

const optionNames = [
  "method",
  "rtol",
  "maxSteps",
  "bracket",
  "seed",
  "start",
  "failureProbability",
  "basisBudget",
  "signal",
  "onProgress",
];

export interface Problem {
  method: Method;
  maxSteps: number;
  /** Steps whose vectors the space must hold. */
  storedSteps: number;
  rtol?: number;
  bracket?: number;
  seed: number;
  failureProbability: number;
  basisBudget: number;
  /** Whether Jᵀ is iterated instead of J. */
  transposed: boolean;
  /** The guess at unit length that is part of the start vector (MATH 10.2b). */
  guess?: Float64Array;
  /** Numbers of a vector of the domain side of what is iterated. */
  domainSize: number;
}

export function checkProblem(op: LinearOperator, options: SpectralNormOptions): Problem {
  checkOperator(op);
  checkKeys("options", options, optionNames);
  const {
    method: name = "lanczos",
    rtol,
    bracket,
    seed = 0,
    failureProbability = 1e-6,
    basisBudget = 2 ** 30,
  } = options;
  const method = methods[checkOneOf("method", name, ["lanczos", "power"])];
  const maxSteps = checkInteger("maxSteps", options.maxSteps ?? method.maxSteps, 1);
  if (rtol !== undefined) checkNumber("rtol", rtol, 0, 1, true);
  if (bracket !== undefined) checkNumber("bracket", bracket, 0);
  checkInteger("seed", seed, 0);
  checkNumber("failureProbability", failureProbability, 0, 1);
  checkInteger("basisBudget", basisBudget, 0);
  if (options.onProgress !== undefined && typeof options.onProgress !== "function") {
    throw wrongKind("onProgress", "a function", options.onProgress);
  }
  if (options.signal !== undefined && typeof options.signal?.aborted !== "boolean") {
    throw wrongKind("signal", "an AbortSignal", options.signal);
  }

  const inSize = sizeOf(op.inShape);
  const outSize = sizeOf(op.outShape);
  const given = options.start === undefined || options.start === "random" ? undefined : checkGuess(options.start, op);
  // A smaller start dimension gives a sharper bracket; a guess is of the input side.
  const transposed = given === undefined && outSize < inSize;
  const [domainSize, rangeSize] = transposed ? [outSize, inSize] : [inSize, outSize];
  // Below three dimensions 10.2b does not hold, nor is there anything for a guess to save.
  const guess = domainSize >= smallestDimensionForGuess ? given : undefined;
  const longest = name === "power" ? 1 : longestBidiagonalization({ domainSize, rangeSize });
  return {
    method,
    maxSteps,
    storedSteps: Math.min(maxSteps, longest),
    rtol,
    bracket,
    seed,
    failureProbability,
    basisBudget,
    transposed,
    guess,
    domainSize,
  };
}

function checkOperator(op: LinearOperator): void {
  if (op === null || typeof op !== "object") {
    throw wrongKind("op", "a linear operator { inShape, outShape, jvp, vjp }", op);
  }
  for (const side of ["inShape", "outShape"] as const) {
    if (!Array.isArray(op[side])) throw wrongKind(`op.${side}`, "an array of extents", op[side]);
    for (const extent of op[side]) checkInteger(`op.${side}`, extent, 1);
  }
  for (const action of ["jvp", "vjp"] as const) {
    if (typeof op[action] !== "function") throw wrongKind(`op.${action}`, "a function", op[action]);
  }
}

/** The guess at unit length. */
function checkGuess(start: unknown, op: LinearOperator): Float64Array {
  const guess = Float64Array.from(checkTensor("start", start, op.inShape).data);
  const length = norm(guess);
  if (length === 0) throw new RangeError('"start": expected a tensor that is not zero, got only zeros');
  return divided(guess, length);
}

/** A random unit vector of the domain, with the guess added (MATH 10.2b). */
export function startVector({ domainSize, seed, guess }: Problem): Float64Array {
  const gaussian = new Random(seed).fillGaussian(new Float64Array(domainSize));
  const start = divided(gaussian, norm(gaussian));
  if (guess) addScaled(start, 1, guess);
  return start;
}

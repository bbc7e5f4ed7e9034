// The question put to a spectral solver, checked and with its defaults filled in.
import { checkInteger, checkKeys, checkNumber, checkOneOf, checkTensor, wrongKind } from "../base/check.js";
import { deriveSeed, Random } from "../base/random.js";
import { type RealArray, sizeOf } from "../base/tensor.js";
import type { LinearOperator } from "../device/operator.js";
import { norm } from "../linalg/vector.js";
import { guessWeight, smallestDimensionForGuess } from "./bracket.js";
import type { Iteration, Start } from "./iteration.js";
import type { KrylovSpace } from "./krylov.js";
import { lanczos } from "./lanczos.js";
import { powerIteration } from "./power.js";
import type { SpectralNormOptions } from "./result.js";

interface Method {
  iterate(space: KrylovSpace, start: Start): Iteration;
  maxSteps: number;
}

const methods = {
  lanczos: { iterate: lanczos, maxSteps: 100 },
  power: { iterate: powerIteration, maxSteps: 1000 },
} satisfies Record<string, Method>;

/** Of `spectralNorm`, and of what measures by it. */
export const optionNames = [
  "method",
  "rtol",
  "maxSteps",
  "bracket",
  "seed",
  "start",
  "failureProbability",
  "basisBudget",
  "certify",
  "signal",
  "onProgress",
];

export interface Problem {
  method: Method;
  maxSteps: number;
  /** Steps whose vectors the space must hold. */
  storedSteps: number;
  rtol: number;
  bracket: number;
  seed: number;
  failureProbability: number;
  basisBudget: number;
  /** Whether Jᵀ is iterated instead of J. */
  transposed: boolean;
  /** Whether the start vector contains a guess (MATH 10.2b). */
  guessed: boolean;
  /** Numbers of a vector of the domain side of what is iterated. */
  domainSize: number;
}

interface Shapes {
  readonly inShape: number[];
  readonly outShape: number[];
}

/** The problem, and the guess that is to be part of its start vector. */
export function checkProblem(
  op: Shapes,
  options: SpectralNormOptions,
): { problem: Problem; guess: RealArray | undefined } {
  checkKeys("options", options, optionNames);
  const {
    method: name = "lanczos",
    rtol = 1e-2,
    bracket = 0.1,
    seed = 0,
    failureProbability = 1e-6,
    basisBudget = 2 ** 30,
  } = options;
  const method = methods[checkOneOf("method", name, ["lanczos", "power"])];
  const maxSteps = checkInteger("maxSteps", options.maxSteps ?? method.maxSteps, 1);
  checkNumber("rtol", rtol, 0, 1, true);
  checkNumber("bracket", bracket, 0);
  checkInteger("seed", seed, 0);
  checkNumber("failureProbability", failureProbability, 0, 1);
  checkInteger("basisBudget", basisBudget, 0);
  if (options.certify !== undefined && typeof options.certify !== "boolean") {
    throw wrongKind("certify", "a boolean", options.certify);
  }
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
  const domainSize = transposed ? outSize : inSize;
  // Below three dimensions 10.2b does not hold, nor is there anything for a guess to save.
  const guess = domainSize >= smallestDimensionForGuess ? given : undefined;
  const longest = name === "power" ? 1 : domainSize;
  const problem = {
    method,
    maxSteps,
    storedSteps: Math.min(maxSteps, longest),
    rtol,
    bracket,
    seed,
    failureProbability,
    basisBudget,
    transposed,
    guessed: guess !== undefined,
    domainSize,
  };
  return { problem, guess };
}

/** @throws TypeError and RangeError where it is no linear operator */
export function checkOperator(op: LinearOperator): void {
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

function checkGuess(start: unknown, op: Shapes): RealArray {
  const { data } = checkTensor("start", start, op.inShape);
  if (data.every((value) => value === 0)) {
    throw new RangeError('"start": expected a tensor that is not zero, got only zeros');
  }
  return data;
}

/** Random vectors of the domain that depend on the seed alone, each another. */
export function freshVectors({ domainSize, seed }: Problem): () => Float64Array {
  let drawn = 0;
  return () => new Random(deriveSeed(seed, "fresh", drawn++)).fillGaussian(new Float64Array(domainSize));
}

/** A random unit vector of the domain, with the guess added at its weight (docs/theory.md, section 10.2b). It is the only array made. */
export function startVector({ domainSize, seed }: Problem, guess: RealArray | undefined): Float64Array {
  const start = new Random(seed).fillGaussian(new Float64Array(domainSize));
  const length = norm(start);
  for (let i = 0; i < domainSize; i++) start[i] /= length;
  // Divided first: 1/‖guess‖ may overflow where no entry of guess/‖guess‖ does.
  const guessLength = guess ? norm(guess) : 0;
  if (guess) for (let i = 0; i < domainSize; i++) start[i] += guessWeight * (guess[i] / guessLength);
  return start;
}

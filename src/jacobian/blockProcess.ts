// Golub–Kahan–Lanczos on one small matrix, a product at a time, with full reorthogonalization on the host.
import type { Random } from "../base/random.js";
import { leadingTriplet } from "../linalg/smallSvd.js";
import { addScaled, dot, norm } from "../linalg/vector.js";
import { characteristicFactor, lanczosFactor } from "../spectral/bracket.js";

/** What is good enough: a relative accuracy, and an absolute one. `roundoff` is that of the products, relative. */
export interface Enough {
  readonly accuracy: number;
  readonly roundoff: number;
  readonly floor: number;
}

export class BlockProcess {
  /** A random unit vector of R^dIn, to begin with. */
  readonly start: Float64Array;
  /** The largest singular value found so far: never above the truth, but for rounding. */
  sigma = 0;
  /** Whether sigma is good enough, with 95 % confidence over the start. */
  ended = false;
  readonly #enough: Enough;
  readonly #dimension: number;
  /** Steps after which the basis is the whole space. */
  readonly #longest: number;
  readonly #rights: Float64Array[];
  readonly #lefts: Float64Array[] = [];
  readonly #alphas: number[] = [];
  readonly #betas: number[] = [];

  constructor(dIn: number, dOut: number, enough: Enough, random: Random) {
    this.#enough = enough;
    this.#dimension = dIn;
    this.#longest = Math.min(dIn, dOut + 1);
    this.start = random.fillGaussian(new Float64Array(dIn), 1);
    makeUnit(this.start);
    this.#rights = [this.start];
  }

  /** The next left vector, from the image of the last right one. */
  left(image: Float64Array): Float64Array {
    this.#alphas.push(orthonormalize(image, this.#lefts));
    this.#lefts.push(image.slice());
    return this.#lefts[this.#lefts.length - 1];
  }

  /** The next right vector, from the transposed image of the last left one. */
  right(image: Float64Array): Float64Array {
    const beta = orthonormalize(image, this.#rights);
    this.#betas.push(beta);
    const { sigma } = leadingTriplet(this.#alphas, this.#betas);
    this.sigma = sigma;
    this.ended = this.#isEnough(beta);
    const next = image.slice();
    this.#rights.push(next);
    return next;
  }

  #isEnough(beta: number): boolean {
    const { accuracy, roundoff, floor } = this.#enough;
    const { sigma } = this;
    const steps = this.#alphas.length;
    if (sigma === 0 || beta === 0 || steps >= this.#longest) return true;
    const question = { dimension: this.#dimension, steps, failureProbability: 0.05, guess: false };
    const shares = { alphas: this.#alphas.map((alpha) => alpha / sigma), betas: this.#betas.map((b) => b / sigma) };
    const offDiagonal = shares.alphas.map((alpha, j) => alpha * shares.betas[j]);
    const diagonal = shares.alphas.map((alpha, j) => alpha ** 2 + (j > 0 ? shares.betas[j - 1] ** 2 : 0));
    const projection = { diagonal, offDiagonal, discarded: [], products: offDiagonal, unrestarted: steps };
    const factor = Math.min(lanczosFactor(question), characteristicFactor(question, projection, roundoff));
    return factor - 1 <= accuracy || sigma * (factor - 1) <= floor;
  }
}

/** Makes w orthogonal to unit vectors, twice, and a unit vector unless it is zero; returns its length in between. */
function orthonormalize(w: Float64Array, basis: readonly Float64Array[]): number {
  for (let pass = 0; pass < 2; pass++) for (const v of basis) addScaled(w, -dot(v, w), v);
  return makeUnit(w);
}

function makeUnit(vector: Float64Array): number {
  const length = norm(vector);
  if (length > 0) for (let c = 0; c < vector.length; c++) vector[c] /= length;
  return length;
}

// Golub–Kahan–Lanczos on one small matrix, a product at a time, with full reorthogonalization on the host.
import type { Random } from "../base/random.js";
import { addScaled, dot, norm } from "../linalg/vector.js";
import { characteristicFactorWithin, lanczosFactor } from "../spectral/bracket.js";
import { Segment } from "../spectral/segment.js";

/** Whatever holds with 95 % confidence. */
const doubt = 0.05;

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
  /** Steps after which the basis is the whole space. */
  readonly #longest: number;
  readonly #rights: Float64Array[];
  readonly #lefts: Float64Array[] = [];
  readonly #found: Segment;
  #alpha = 0;

  constructor(dIn: number, dOut: number, enough: Enough, random: Random) {
    this.#enough = enough;
    this.#found = new Segment(dIn, false);
    this.#longest = Math.min(dIn, dOut + 1);
    this.start = random.fillGaussian(new Float64Array(dIn), 1);
    makeUnit(this.start);
    this.#rights = [this.start];
  }

  /** The next left vector, from the image of the last right one. */
  left(image: Float64Array): Float64Array {
    this.#alpha = orthonormalize(image, this.#lefts);
    this.#lefts.push(image.slice());
    return this.#lefts[this.#lefts.length - 1];
  }

  /** The next right vector, from the transposed image of the last left one. */
  right(image: Float64Array): Float64Array {
    const beta = orthonormalize(image, this.#rights);
    this.#found.push(this.#alpha, beta);
    this.sigma = this.#found.leading().sigma;
    this.ended = this.#isEnough(beta);
    const next = image.slice();
    this.#rights.push(next);
    return next;
  }

  #isEnough(beta: number): boolean {
    const { accuracy, roundoff, floor } = this.#enough;
    const { sigma } = this;
    const { size: steps, dimension, guess } = this.#found;
    if (sigma === 0 || beta === 0 || steps >= this.#longest) return true;
    const limit = 1 + Math.max(accuracy, floor / sigma);
    return (
      lanczosFactor({ dimension, guess, steps, failureProbability: doubt }) <= limit ||
      characteristicFactorWithin(limit, [this.#found.record(sigma)], doubt, roundoff)
    );
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

// One Lanczos process from one random start: the coefficients of its steps, and what they say.
import { leadingTriplet } from "../linalg/smallSvd.js";
import { leadingPair } from "../linalg/tridiagonal.js";
import type { LanczosRecord } from "./bracket.js";
import { type Tridiagonal, thickRestart } from "./thickRestart.js";

export interface Leading {
  sigma: number;
  residual: number;
  /** Coefficients of the right vector in the segment's domain vectors. */
  domain: Float64Array;
}

export class Segment {
  /** In units of `#scale`: B of the two-sided process, while there is one. */
  #bidiagonal?: { alphas: number[]; betas: number[] } = { alphas: [], betas: [] };
  /** In units of its square: T = BᵀB, what restarts took from it, and the off-diagonal entry of every step. */
  #projection: { diagonal: number[]; offDiagonal: number[] } = { diagonal: [], offDiagonal: [] };
  readonly #discarded: number[] = [];
  readonly #products: number[] = [];
  #unrestarted = 0;
  #restarted = false;
  #scale: number;

  /**
   * @param dimension of the space that the start was drawn from
   * @param scale the size of the numbers to come, if known
   */
  constructor(
    readonly dimension: number,
    readonly guess: boolean,
    scale = 0,
  ) {
    this.#scale = scale;
  }

  /** Domain vectors. */
  get size(): number {
    return this.#projection.diagonal.length;
  }

  /** Steps before the first restart, which are those of a Krylov space. */
  get unrestarted(): number {
    return this.#unrestarted;
  }

  get scale(): number {
    return this.#scale;
  }

  /** T, in units of scale². */
  get projection(): Tridiagonal {
    return this.#projection;
  }

  /** What a step of `bidiagonalize` found, or of `tridiagonalize` once the range is given up. */
  push(alpha: number, beta: number): void {
    if (this.#scale === 0) this.#scale = alpha === 0 ? 1 : alpha;
    const [a, b] = [alpha / this.#scale, beta / this.#scale];
    const before = this.#bidiagonal?.betas.at(-1) ?? 0;
    this.#bidiagonal?.alphas.push(a);
    this.#bidiagonal?.betas.push(b);
    this.#projection.diagonal.push(a * a + before * before);
    this.#projection.offDiagonal.push(a * b);
    this.#products.push(a * b);
    if (!this.#restarted) this.#unrestarted++;
  }

  /** From now on the steps are those of `tridiagonalize`. */
  giveUpRange(): void {
    this.#bidiagonal = undefined;
  }

  /** Cuts the domain down to the leading Ritz vectors; see `thickRestart`. */
  restart(kept: number): Float64Array[] {
    const { projection, discarded, reflections } = thickRestart(this.#projection, kept);
    this.#projection = projection;
    this.#discarded.push(...discarded);
    this.#restarted = true;
    return reflections;
  }

  leading(): Leading {
    const scale = this.#scale;
    const last = this.size - 1;
    if (this.#bidiagonal) {
      const { alphas, betas } = this.#bidiagonal;
      const { sigma, left, right } = leadingTriplet(alphas, betas);
      return { sigma: sigma * scale, residual: betas[last] * Math.abs(left[last]) * scale, domain: right };
    }
    const { diagonal, offDiagonal } = this.#projection;
    const { value, vector } = leadingPair(diagonal, offDiagonal);
    const sigma = Math.sqrt(value);
    const residual = sigma === 0 ? 0 : (offDiagonal[last] * Math.abs(vector[last])) / sigma;
    return { sigma: sigma * scale, residual: residual * scale, domain: vector };
  }

  record(sigma: number): LanczosRecord {
    const share = (this.#scale / sigma) ** 2;
    const shares = (values: readonly number[]) => values.map((value) => value * share);
    return {
      dimension: this.dimension,
      guess: this.guess,
      diagonal: shares(this.#projection.diagonal),
      offDiagonal: shares(this.#projection.offDiagonal),
      discarded: shares(this.#discarded),
      products: shares(this.#products),
    };
  }
}

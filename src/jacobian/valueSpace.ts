// A token's blocks of the Jacobian in the value space of all heads: ∂y_i/∂x_j is N_ij W_O with N_ij [dIn, heads·dValue],
// N_ij^h = P_ij (W_V + g_ij ξ_ij), and W_Q C_i more for j = i. No block is ever formed: the Gram matrices of the weights
// are, once, and for each token Σ_j N_ijᵀN_ij/w_j from them (docs/theory.md, section 8.3b).

import type { HostPrimal } from "../layers/attention/hostPrimal.js";
import { part, turned, type Workspace } from "../linalg/workspace.js";
import { PulledSlopes } from "./pulledSlopes.js";
import { WeightGrams } from "./weightGrams.js";

/** Rows of a symmetric product that are made together: what lies beyond the diagonal in them is work for nothing. */
const BAND = 192;

export class ValueSpace {
  /** heads·dValue. */
  readonly width: number;
  /** Where Σ_j N_ijᵀN_ij/w_j of the last token lies, [width, width]; its lower triangle holds. */
  readonly sum: number;
  readonly #space: Workspace;
  readonly #primal: HostPrimal;
  readonly #grams: WeightGrams;
  readonly #slopes: PulledSlopes;
  readonly #work: Record<"rows" | "shares" | "first" | "covariances" | "influence" | "left" | "right", number>;

  constructor(space: Workspace, primal: HostPrimal) {
    const { n, heads, spec } = primal;
    const { dHead, dValue } = spec;
    const count = heads.length;
    this.#space = space;
    this.#primal = primal;
    this.#grams = new WeightGrams(space, primal);
    this.width = this.#grams.values;
    const { width } = this;
    const { queries } = this.#grams;
    const take = (numbers: number) => space.take(numbers, "a token's blocks");
    this.sum = take(width * width);
    this.#work = {
      rows: take(n * width),
      shares: take(n * count),
      first: take(count * width),
      covariances: take(count * dHead * dValue),
      influence: take(width * queries),
      left: take(2 * n * Math.max(dValue, dHead)),
      right: take(2 * n * dValue),
    };
    this.#slopes = new PulledSlopes(space, primal, this.#grams);
    // One slope a token, where it is the same for all keys.
    if (primal.plain) this.#slopes.pull(Array.from({ length: n }, (_, i) => [i, 0]));
  }

  /** Multiply-adds of one token of `seen` keys. */
  static work({ heads, spec, plain }: HostPrimal, seen: number): number {
    const width = heads.length * spec.dValue;
    const queries = heads.length * spec.dHead;
    const moments = plain
      ? (2 * seen * width ** 2) / 3
      : seen * queries * (width + queries) + seen * width * (width + spec.dValue);
    return moments + width * queries * (spec.dHead + spec.dValue);
  }

  /**
   * Makes the sum for token i with weights w_j ≥ 0; blocks of weight 0 are left out.
   * @returns what rounding may have taken from it, times the identity
   */
  assemble(i: number, weights: ArrayLike<number>): number {
    const { n, spec, plain } = this.#primal;
    const { dIn, dHead, dValue } = spec;
    const seen = Array.from({ length: n }, (_, j) => j).filter((j) => weights[j] > 0);
    const sizes = this.#writeRows(i, seen, weights);
    if (plain) this.#plain(i, seen, sizes);
    else this.#bySlopes(i, seen, sizes);
    if (weights[i] > 0) this.#addQueries(i, weights[i], sizes);
    const size = sizes.reduce((sum, part) => sum + part, 0);
    return 4 * (seen.length + dIn + dHead + dValue + 8) * Number.EPSILON * size * size;
  }

  /** Writes P_ij/√w_j and P_ij ξ_ij/√w_j; returns the norm of each head's share of the sum from P W_V. */
  #writeRows(i: number, seen: readonly number[], weights: ArrayLike<number>): number[] {
    const { n, heads, spec } = this.#primal;
    const { dValue } = spec;
    const count = heads.length;
    const shares = this.#space.view(this.#work.shares, seen.length * count);
    const rows = this.#space.view(this.#work.rows, seen.length * this.width);
    return heads.map(({ p, v, o }, h) => {
      let squares = 0;
      for (const [a, j] of seen.entries()) {
        const share = p[i * n + j] / Math.sqrt(weights[j]);
        shares[a * count + h] = share;
        squares += share * share;
        for (let c = 0, to = a * this.width + h * dValue; c < dValue; c++) {
          rows[to + c] = share * (v[j * dValue + c] - o[i * dValue + c]);
        }
      }
      return Math.sqrt(squares * this.#grams.valueSquares[h]);
    });
  }

  /** Where g_ij is the same for all j: one product of all heads' rows, and moments of them. */
  #plain(i: number, seen: readonly number[], sizes: number[]): void {
    const { heads, spec } = this.#primal;
    const { dHead, dValue } = spec;
    const { width } = this;
    const count = heads.length;
    const { queries } = this.#grams;
    const space = this.#space;
    const { rows, shares, first } = this.#work;
    for (let r = 0; r < width; r += BAND) {
      const band = Math.min(BAND, width - r);
      const columns = r + band;
      const left = turned(part(rows, width, 0, r));
      space.multiply(band, columns, seen.length, left, part(rows, width), part(this.sum, width, r), false);
    }
    space.multiply(
      count,
      width,
      seen.length,
      turned(part(shares, count)),
      part(rows, width),
      part(first, width),
      false,
    );
    const slopes = space.view(this.#slopes.at + i * queries, queries);
    const pulled = heads.map((_, h) => space.view(this.#slopes.valuesAt(h) + i * width, width));
    const gamma = heads.map((_, h) => {
      const image = space.view(this.#slopes.keysAt(h) + i * queries, queries);
      return heads.map((__, g) => {
        let sum = 0;
        for (let c = g * dHead; c < (g + 1) * dHead; c++) sum += slopes[c] * image[c];
        return sum;
      });
    });
    const alpha = space.view(shares, seen.length * count);
    const moments = space.view(first, count * width);
    const values = space.view(this.#grams.vv, width * width);
    const sum = space.view(this.sum, width * width);
    for (let h = 0; h < count; h++) {
      let squares = 0;
      for (let r = h * dValue; r < (h + 1) * dValue; r++) squares += sum[r * (width + 1)];
      sizes[h] += Math.sqrt(Math.max(0, gamma[h][h] * squares));
      for (let g = 0; g <= h; g++) {
        let share = 0;
        for (let a = 0; a < seen.length; a++) share += alpha[a * count + h] * alpha[a * count + g];
        for (let r = h * dValue; r < (h + 1) * dValue; r++) {
          const [up, down] = [pulled[g][r], moments[g * width + r]];
          for (let c = g * dValue; c < (g + 1) * dValue; c++) {
            const at = r * width + c;
            sum[at] = gamma[h][g] * sum[at] + share * values[at] + up * moments[h * width + c] + down * pulled[h][c];
          }
        }
      }
    }
  }

  /** Where g_ij differs from key to key: two products of rank `seen` for each pair of heads. */
  #bySlopes(i: number, seen: readonly number[], sizes: number[]): void {
    const { heads, spec } = this.#primal;
    const { dHead, dValue } = spec;
    const { width } = this;
    const count = heads.length;
    const { queries } = this.#grams;
    const space = this.#space;
    const keys = seen.length;
    const { rows, shares, left, right } = this.#work;
    this.#slopes.pull(seen.map((j) => [i, j]));
    const slopeView = space.view(this.#slopes.at, keys * queries);
    const alpha = space.view(shares, keys * count);
    const xi = space.view(rows, keys * width);
    const values = space.view(this.#grams.vv, width * width);
    const sum = space.view(this.sum, width * width);
    const pulled = heads.map((_, h) => space.view(this.#slopes.valuesAt(h), keys * width));
    const images = heads.map((_, h) => space.view(this.#slopes.keysAt(h), keys * queries));
    const one = space.view(left, 2 * keys * dValue);
    const other = space.view(right, 2 * keys * dValue);
    for (let h = 0; h < count; h++) {
      for (let g = 0; g <= h; g++) {
        let share = 0;
        for (let a = 0; a < keys; a++) {
          const [mine, its] = [alpha[a * count + h], alpha[a * count + g]];
          share += mine * its;
          let gamma = 0;
          for (let c = 0; c < dHead; c++) {
            gamma += slopeView[a * queries + h * dHead + c] * images[g][a * queries + h * dHead + c];
          }
          for (let c = 0; c < dValue; c++) {
            const [mineXi, itsXi] = [xi[a * width + h * dValue + c], xi[a * width + g * dValue + c]];
            one[a * dValue + c] = mine * pulled[g][a * width + h * dValue + c] + (gamma / 2) * mineXi;
            other[a * dValue + c] = itsXi;
            one[(keys + a) * dValue + c] = mineXi;
            other[(keys + a) * dValue + c] = its * pulled[h][a * width + g * dValue + c] + (gamma / 2) * itsXi;
          }
        }
        for (let r = h * dValue; r < (h + 1) * dValue; r++) {
          for (let c = g * dValue; c < (g + 1) * dValue; c++) sum[r * width + c] = share * values[r * width + c];
        }
        const to = part(this.sum, width, h * dValue, g * dValue);
        space.multiply(dValue, dValue, 2 * keys, turned(part(left, dValue)), part(right, dValue), to, true);
      }
      let squares = 0;
      for (let a = 0; a < keys; a++) {
        let gamma = 0;
        let length = 0;
        for (let c = 0; c < dHead; c++) {
          const at = a * queries + h * dHead + c;
          gamma += slopeView[at] * images[h][at];
        }
        for (let c = 0; c < dValue; c++) length += xi[a * width + h * dValue + c] ** 2;
        squares += Math.max(0, gamma) * length;
      }
      sizes[h] += Math.sqrt(squares);
    }
  }

  /** Adds what the queries' part of block (i, i) makes of it: N_ii is N + W_Q C there. */
  #addQueries(i: number, weight: number, sizes: number[]): void {
    const { n, heads, spec, plain } = this.#primal;
    const { dHead, dValue } = spec;
    const { width } = this;
    const { queries } = this.#grams;
    const count = heads.length;
    const space = this.#space;
    const { covariances, influence, left, right } = this.#work;
    const block = dHead * dValue;
    for (const [h, head] of heads.entries()) {
      const [slopes, values] = [space.view(left, n * dHead), space.view(right, n * dValue)];
      for (let j = 0; j < n; j++) {
        const p = head.p[i * n + j];
        if (p > 0) this.#primal.querySlope(head, i, j, slopes.subarray(j * dHead, (j + 1) * dHead));
        else slopes.fill(0, j * dHead, (j + 1) * dHead);
        // Half of C first, which is what the product of two of it needs on each side.
        for (let c = 0; c < dValue; c++) {
          values[j * dValue + c] = (p / 2) * (head.v[j * dValue + c] - head.o[i * dValue + c]);
        }
      }
      const to = part(covariances + h * block, dValue);
      space.multiply(dHead, dValue, n, turned(part(left, dHead)), part(right, dValue), to, false);
      const own = turned(part(covariances + h * block, dValue));
      const rows = part(influence, queries, h * dValue);
      space.multiply(dValue, queries, dHead, own, part(this.#grams.qq, queries, h * dHead), rows, false);
    }
    const view = space.view(influence, width * queries);
    const valueQuery = space.view(this.#grams.vq, width * queries);
    const slope = new Float64Array(dHead);
    for (const [h, head] of heads.entries()) {
      const p = head.p[i * n + i];
      if (p === 0) continue;
      this.#primal.keySlope(head, i, i, slope);
      const pulled = plain
        ? space.view(this.#slopes.queriesAt(h) + i * queries, queries)
        : this.#grams.transposedTimes(this.#grams.kq, h * dHead, slope);
      for (let c = 0; c < dValue; c++) {
        const xi = head.v[i * dValue + c] - head.o[i * dValue + c];
        const from = (h * dValue + c) * queries;
        for (let e = 0; e < queries; e++) view[from + e] += p * (valueQuery[from + e] + xi * pulled[e]);
      }
    }
    for (let h = 0; h < count; h++) {
      const covariance = space.view(covariances + h * block, block);
      let squares = 0;
      for (let at = 0; at < block; at++) {
        covariance[at] *= 2;
        squares += covariance[at] ** 2;
        covariance[at] /= weight;
      }
      sizes[h] += Math.sqrt((squares * this.#grams.querySquares[h]) / weight);
    }
    for (let h = 0; h < count; h++) {
      const own = part(covariances + h * block, dValue);
      const below = part(influence, queries, h * dValue, h * dHead);
      const down = part(this.sum, width, h * dValue, h * dValue);
      space.multiply((count - h) * dValue, dValue, dHead, below, own, down, true);
      const before = turned(part(influence, queries, 0, h * dHead));
      space.multiply(dValue, (h + 1) * dValue, dHead, turned(own), before, part(this.sum, width, h * dValue), true);
    }
  }
}

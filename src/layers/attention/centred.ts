// Tokens about their mean x̄: what projections of them share is kept apart from what differs, before anything is rounded.

import { product } from "../../linalg/dense.js";
import type { ResolvedLinear } from "../linear.js";

export class Centred {
  readonly n: number;
  /** x̄, [d], and x − x̄, [n, d]. */
  readonly #mean: Float64Array;
  readonly #rest: Float64Array;

  /** @param x [n, d] row-major */
  constructor(x: ArrayLike<number>, n: number, d: number) {
    this.n = n;
    this.#mean = meanRow(x, n, d);
    this.#rest = Float64Array.from(x, (entry, at) => entry - this.#mean[at % d]);
  }

  /** x̄·weight + bias, [dOut]: what a map makes of all tokens alike. */
  shared({ dIn, dOut, weight, bias }: ResolvedLinear): Float64Array {
    const row = product(this.#mean, weight, 1, dIn, dOut);
    if (bias) for (let c = 0; c < dOut; c++) row[c] += bias[c];
    return row;
  }

  /** (x − x̄)·weight, [n, dOut], with a row added to each where one is given. */
  project({ dIn, dOut, weight }: ResolvedLinear, added?: Float64Array): Float64Array {
    const y = product(this.#rest, weight, this.n, dIn, dOut);
    if (added) for (let at = 0; at < y.length; at++) y[at] += added[at % dOut];
    return y;
  }
}

/** Takes from every row of [n, d] their mean, which it returns. */
export function takeMeanRow(rows: Float64Array, n: number, d: number): Float64Array {
  const mean = meanRow(rows, n, d);
  for (let at = 0; at < rows.length; at++) rows[at] -= mean[at % d];
  return mean;
}

/** About the first row, which keeps the mean's digits where all rows are nearly alike. */
function meanRow(rows: ArrayLike<number>, n: number, d: number): Float64Array {
  const mean = new Float64Array(d);
  for (let i = 1; i < n; i++) for (let c = 0; c < d; c++) mean[c] += (rows[i * d + c] - rows[c]) / n;
  for (let c = 0; c < d; c++) mean[c] += rows[c];
  return mean;
}

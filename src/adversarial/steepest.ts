// The quantity that is ascended at one input, with the pair of vectors whose product ⟨left, J right⟩ it is: with those
// frozen, the gradient of that product is its own gradient (MATH 2.3).

import type { AbortSignalLike } from "../base/platform.js";
import { type Tensor, tensor } from "../base/tensor.js";
import type { Linearization } from "../device/linearization.js";
import { toDense } from "../jacobian/toDense.js";
import { spectralNorm } from "../spectral/spectralNorm.js";

export interface Steepest {
  readonly value: number;
  /** At most the true norm of the Jacobian. */
  readonly lower: number;
  /** Of inShape. */
  readonly right: Tensor;
  /** Of outShape. */
  readonly left: Tensor;
}

export interface SteepestOptions {
  rtol?: number;
  seed: number;
  /** Close to the right vector, if known. */
  guess?: Tensor;
  signal?: AbortSignalLike;
}

/** More than any bracket: an ascent asks for no upper end. */
const anyBracket = 1e9;

/** ‖J‖₂, with its singular vectors, by `spectralNorm`. */
export async function steepestIn2(at: Linearization, { guess, ...options }: SteepestOptions): Promise<Steepest> {
  const asked = { ...options, bracket: anyBracket, ...(guess ? { start: guess } : {}) };
  const { sigma, lower, left, right } = await spectralNorm(at, asked);
  return { value: sigma, lower, left, right };
}

/** ‖J‖_∞, the largest row sum of |J|: left is that row's unit vector, right the signs of its entries. Forms J. */
export async function steepestInInfinity(at: Linearization): Promise<Steepest> {
  const { data, shape } = await toDense(at);
  const [rows, columns] = shape;
  let [best, largest] = [0, -1];
  for (let r = 0; r < rows; r++) {
    let sum = 0;
    for (let c = 0; c < columns; c++) sum += Math.abs(data[r * columns + c]);
    if (sum > largest) [best, largest] = [r, sum];
  }
  const left = new Float64Array(rows);
  left[best] = 1;
  const right = Float64Array.from(data.subarray(best * columns, (best + 1) * columns), Math.sign);
  // The rounding of a sum of `columns` terms, and of the entries themselves, which f32 computes to about 1e-5.
  const roundoff = (data instanceof Float32Array ? 1e-5 : 1e-14) + columns * Number.EPSILON;
  return {
    value: largest,
    lower: largest * (1 - roundoff),
    left: tensor(left, [...at.outShape]),
    right: tensor(right, [...at.inShape]),
  };
}

// Spectral norms of weights from above: exact to rounding where one side is small, else the upper end of the Krylov
// bracket, which holds with a probability.
import type { AbortSignalLike } from "../base/platform.js";
import { type Tensor, tensor } from "../base/tensor.js";
import type { LinearOperator } from "../device/operator.js";
import { apply, applyTransposed, type Matrix, rowSumNorm, transposed } from "../linalg/matrix.js";
import { matrixNormAbove, productNormAbove } from "../linalg/matrixNorm.js";
import { spectralNorm } from "../spectral/spectralNorm.js";

export interface WeightNormOptions {
  /** Of all of them together. */
  failureProbability: number;
  /** How many norms at most. */
  count: number;
  seed?: number;
  signal?: AbortSignalLike;
}

/** The widest matrix that is reduced directly, in O(width²·length). */
const directWidth = 256;

/** Upper bounds of norms, and what they hold under. */
export class WeightNorms {
  #probable = false;
  readonly #options: WeightNormOptions;

  constructor(options: WeightNormOptions) {
    this.#options = options;
  }

  /** What has been assumed so far, if not every norm was exact. */
  get assumption(): string | undefined {
    if (!this.#probable) return undefined;
    return `norms of weights from above, with probability at least 1 − ${this.#options.failureProbability}`;
  }

  /** ‖matrix‖₂. */
  async norm(matrix: Matrix): Promise<number> {
    if (Math.min(matrix.rows, matrix.columns) <= directWidth) return matrixNormAbove(matrix);
    return this.#bracket(
      schurBound(matrix),
      matrix.columns,
      matrix.rows,
      (x) => apply(matrix, x),
      (y) => applyTransposed(matrix, y),
    );
  }

  /** ‖left·right‖₂. */
  async productNorm(left: Matrix, right: Matrix): Promise<number> {
    if (left.columns <= directWidth) return productNormAbove(left, transposed(right));
    return this.#bracket(
      schurBound(left) * schurBound(right),
      right.columns,
      left.rows,
      (x) => apply(left, apply(right, x)),
      (y) => applyTransposed(right, applyTransposed(left, y)),
    );
  }

  /** The bracket's upper end, or `sure` where that is smaller: a Krylov space that closes early leaves a wide bracket. */
  async #bracket(
    sure: number,
    from: number,
    to: number,
    forward: (x: Tensor["data"]) => Float64Array,
    adjoint: (y: Tensor["data"]) => Float64Array,
  ): Promise<number> {
    const op: LinearOperator = {
      inShape: [from],
      outShape: [to],
      jvp: async ({ data }) => tensor(forward(data), [to]),
      vjp: async ({ data }) => tensor(adjoint(data), [from]),
    };
    const { count, failureProbability: total, ...rest } = this.#options;
    const options = { ...rest, failureProbability: total / count, rtol: 1e-3, bracket: 0.01, maxSteps: 300 };
    const { upper } = await spectralNorm(op, options);
    if (sure <= upper) return sure;
    this.#probable = true;
    return upper;
  }
}

/** √(‖matrix‖₁‖matrix‖_∞), with its rounding; never below ‖matrix‖₂. */
function schurBound(matrix: Matrix): number {
  const rounding = 1 + (matrix.rows + matrix.columns) * Number.EPSILON;
  return Math.sqrt(rowSumNorm(matrix)) * Math.sqrt(rowSumNorm(transposed(matrix))) * rounding;
}

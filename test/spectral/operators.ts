// Operators made from a chosen spectrum, and attention Jacobians, for the solvers' tests.

import { Random } from "../../src/base/random.js";
import { sizeOf, type Tensor, tensor } from "../../src/base/tensor.js";
import type { LinearOperator } from "../../src/device/operator.js";
import type { Mask } from "../../src/layers/attention/mask.js";
import type { AttentionSpec } from "../../src/layers/attention/spec.js";
import { referenceAttention } from "../reference/attention.js";

/** diag(values), square; random starts make it as good as any operator with these singular values. */
export function diagonal(values: ArrayLike<number>): LinearOperator {
  const shape = [values.length];
  const act = async (u: Tensor) =>
    tensor(
      Float64Array.from(u.data, (entry, i) => values[i] * entry),
      shape,
    );
  return { inShape: shape, outShape: shape, jvp: act, vjp: act };
}

/** The operator of a dense row-major matrix [out, in]. */
export function dense(matrix: Tensor, inShape = [matrix.shape[1]], outShape = [matrix.shape[0]]): LinearOperator {
  const [rows, columns] = matrix.shape;
  return {
    inShape,
    outShape,
    async jvp(u) {
      const image = new Float64Array(rows);
      for (let i = 0; i < rows; i++) {
        for (let j = 0; j < columns; j++) image[i] += matrix.data[i * columns + j] * u.data[j];
      }
      return tensor(image, outShape);
    },
    async vjp(v) {
      const image = new Float64Array(columns);
      for (let i = 0; i < rows; i++) {
        for (let j = 0; j < columns; j++) image[j] += matrix.data[i * columns + j] * v.data[i];
      }
      return tensor(image, inShape);
    },
  };
}

/** H_left · diag(values) · H_right with random Householder reflections: a rectangular matrix of known spectrum. */
export function withSpectrum(values: readonly number[], out: number, inn: number, seed = 1): Tensor {
  const random = new Random(seed);
  const [a, b] = [out, inn].map((size) => {
    const vector = random.fillGaussian(new Float64Array(size));
    const length = Math.hypot(...vector);
    return vector.map((entry) => entry / length);
  });
  const reflect = (w: Float64Array, i: number, j: number) => (i === j ? 1 : 0) - 2 * w[i] * w[j];
  const matrix = new Float64Array(out * inn);
  for (let i = 0; i < out; i++) {
    for (let j = 0; j < inn; j++) {
      for (let k = 0; k < values.length; k++) matrix[i * inn + j] += reflect(a, i, k) * values[k] * reflect(b, k, j);
    }
  }
  return tensor(matrix, [out, inn]);
}

export const inputKinds = ["gaussian", "anisotropic", "clustered", "low-rank", "two-point"] as const;

/** The Jacobian of a randomly initialised layer of 4 heads, its weights scaled so that it acts as one of width 768. */
export function attentionJacobian(
  kind: (typeof inputKinds)[number],
  { n, std, mask, width = 64, seed = 7 }: { n: number; std: number; mask: Mask; width?: number; seed?: number },
): LinearOperator {
  const random = new Random([seed, n]);
  const gaussian = (rows: number, columns: number, scale: number) =>
    tensor(random.fillGaussian(new Float64Array(rows * columns), scale), [rows, columns]);
  const linear = () => ({ weight: gaussian(width, width, std * Math.sqrt(768 / width)) });
  const spec: AttentionSpec = { heads: 4, query: linear(), key: linear(), value: linear(), output: linear(), mask };
  const x = normalised(tokens(kind, n, width, random));
  const layer = referenceAttention(spec, x);
  return {
    inShape: x.shape,
    outShape: x.shape,
    jvp: async (u) => layer.jvp(u),
    vjp: async (v) => layer.vjp(v),
  };
}

function tokens(kind: (typeof inputKinds)[number], n: number, width: number, random: Random): Tensor {
  const x = random.fillGaussian(new Float64Array(n * width));
  const centres = random.fillGaussian(new Float64Array(4 * width));
  for (let i = 0; i < n; i++) {
    const centre = Math.floor(random.uniform() * 4);
    const mixture = [random.gaussian(), random.gaussian(), random.gaussian()];
    for (let c = 0; c < width; c++) {
      const at = i * width + c;
      if (kind === "anisotropic") x[at] /= 1 + c;
      if (kind === "clustered") x[at] = centres[centre * width + c] + 0.1 * x[at];
      if (kind === "low-rank") x[at] = mixture.reduce((sum, weight, r) => sum + weight * centres[r * width + c], 0);
      if (kind === "two-point") x[at] = centres[(i === 0 ? 0 : width) + c];
    }
  }
  return tensor(x, [n, width]);
}

/** Every token at length √width, as after a normalisation. */
function normalised(x: Tensor): Tensor {
  const [n, width] = x.shape;
  for (let i = 0; i < n; i++) {
    const token = x.data.subarray(i * width, (i + 1) * width);
    const length = Math.hypot(...token);
    for (let c = 0; c < width; c++) token[c] *= Math.sqrt(width) / length;
  }
  return x;
}

export function zeros(shape: number[]): Tensor {
  return tensor(new Float64Array(sizeOf(shape)), shape);
}

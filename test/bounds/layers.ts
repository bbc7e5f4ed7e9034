// Layers and their true norms, for the tests of the theorems.

import type { Tensor, TensorLike } from "../../src/base/tensor.js";
import { sizeOf, tensor } from "../../src/base/tensor.js";
import type { Mask } from "../../src/layers/attention/mask.js";
import type { AttentionSpec } from "../../src/layers/attention/spec.js";
import type { Linear } from "../../src/layers/linear.js";
import { type Matrix, productTransposed, scaledMatrix, transposed } from "../../src/linalg/matrix.js";
import { matrixNorm } from "../../src/linalg/matrixNorm.js";
import { norm } from "../../src/linalg/vector.js";
import { spectralNorm } from "../../src/spectral/spectralNorm.js";
import type { Fixture } from "../oracle/fixtures.js";
import { allowedPairs, referenceAttention } from "../reference/attention.js";
import { asTensor, matrixOf } from "./matrices.js";

/** ‖J(x)‖₂ of the reference implementation: from its columns, or from below to a relative 1e-10 where they are many. */
export async function sigmaAt(spec: AttentionSpec, x: Tensor): Promise<number> {
  const layer = referenceAttention(spec, x);
  const outShape = layer.output.shape;
  const size = x.data.length;
  if (size <= 130) {
    const columns = Array.from({ length: size }, (_, at) => {
      const unit = new Float64Array(size);
      unit[at] = 1;
      return layer.jvp(tensor(unit, x.shape)).data;
    });
    return matrixNorm({
      rows: size,
      columns: sizeOf(outShape),
      data: Float64Array.from(columns.flatMap((c) => [...c])),
    });
  }
  const op = {
    inShape: x.shape,
    outShape,
    jvp: async (u: Tensor) => layer.jvp(u),
    vjp: async (v: Tensor) => layer.vjp(v),
  };
  return (await spectralNorm(op, { rtol: 1e-10 })).sigma;
}

/** The layer of one head with scores ⟨A x_i, x_j⟩ and values V x_j. */
export function oneHead(A: Matrix, V: Matrix, mask: Mask = "none"): AttentionSpec {
  const eye = new Float64Array(A.rows ** 2);
  for (let i = 0; i < A.rows; i++) eye[i * A.rows + i] = 1;
  return {
    heads: 1,
    query: { weight: asTensor(transposed(A)) },
    key: { weight: tensor(eye, [A.rows, A.rows]) },
    value: { weight: asTensor(transposed(V)) },
    scale: 1,
    mask,
  };
}

/** The layer whose output is the sum of heads with scores ⟨A x_i, x_j⟩ and values V x_j, all matrices d × d. */
export function sumOfHeads(heads: readonly { A: Matrix; V: Matrix }[]): AttentionSpec {
  const d = heads[0].A.rows;
  const beside = (entry: (h: number, row: number, column: number) => number) => {
    const data = new Float64Array(d * d * heads.length);
    for (let r = 0; r < d; r++) {
      for (let c = 0; c < d * heads.length; c++) data[r * d * heads.length + c] = entry(Math.floor(c / d), r, c % d);
    }
    return { weight: tensor(data, [d, d * heads.length]) };
  };
  const output = Float64Array.from({ length: d * d * heads.length }, (_, at) =>
    Math.floor(at / d) % d === at % d ? 1 : 0,
  );
  return {
    heads: heads.length,
    query: beside((h, r, c) => heads[h].A.data[c * d + r]),
    key: beside((_, r, c) => (r === c ? 1 : 0)),
    value: beside((h, r, c) => heads[h].V.data[c * d + r]),
    output: { weight: tensor(output, [d * heads.length, d]) },
    scale: 1,
  };
}

export interface PaperHead {
  /** scale·W_K·W_Qᵀ, [d, d]. */
  A: Matrix;
  /** W_V·W_O, [d, dOut]. */
  M: Matrix;
  value: Matrix;
  query: Matrix;
  output: Matrix;
}

/** The matrices of each head, sliced here once more for themselves. */
export function paperHeads(spec: AttentionSpec): PaperHead[] {
  const kvHeads = spec.kvHeads ?? spec.heads;
  return Array.from({ length: spec.heads }, (_, h) => {
    const group = Math.floor((h * kvHeads) / spec.heads);
    const query = block(spec.query, h, spec.heads);
    const key = spec.key ? block(spec.key, group, kvHeads) : query;
    const value = block(spec.value, group, kvHeads);
    const all = matrixOf((spec.output as Linear).weight);
    const output = {
      rows: value.columns,
      columns: all.columns,
      data: all.data.slice(h * value.columns * all.columns, (h + 1) * value.columns * all.columns),
    };
    const scale = spec.scale ?? 1 / Math.sqrt(query.columns);
    return {
      A: scaledMatrix(productTransposed(key, query), scale),
      M: productTransposed(value, transposed(output)),
      value,
      query,
      output,
    };
  });
}

function block(map: Linear, at: number, of: number): Matrix {
  const whole = matrixOf(map.weight);
  const width = whole.columns / of;
  const data = new Float64Array(whole.rows * width);
  for (let i = 0; i < whole.rows; i++) {
    for (let c = 0; c < width; c++) data[i * width + c] = whole.data[i * whole.columns + at * width + c];
  }
  return { rows: whole.rows, columns: width, data };
}

/** max |x_i|. */
export function largestToken(x: TensorLike): number {
  const matrix = matrixOf(x);
  let largest = 0;
  for (let i = 0; i < matrix.rows; i++) {
    largest = Math.max(largest, norm(matrix.data.subarray(i * matrix.columns, (i + 1) * matrix.columns)));
  }
  return largest;
}

export function scaledTensor({ data, shape }: Tensor, factor: number): Tensor {
  return tensor(
    Float64Array.from(data, (entry) => factor * entry),
    shape,
  );
}

/** The fixture's mask by its name, where it has one. */
export function namedMask({ spec, n }: Fixture): Mask {
  const allowed = allowedPairs(spec.mask as Mask, n);
  if (allowed.every((row) => row.every(Boolean))) return "none";
  if (allowed.every((row, i) => row.every((allow, j) => allow === j <= i))) return "causal";
  return spec.mask as Mask;
}

// Dot-product attention over inputs whose tokens lie in a ball, in the ∞-norm: the largest sum of absolute derivatives of
// an output entry (docs/theory.md, section 8.3d).
import { checkKeys, checkNumber, checkTensor, wrongKind } from "../base/check.js";
import type { TensorLike } from "../base/tensor.js";
import type { ResolvedSpec } from "../layers/attention/spec.js";
import { apply, checkMatrix, type Matrix, product, rowOf, transposed } from "../linalg/matrix.js";
import { matrixNormAbove, productNormAbove } from "../linalg/matrixNorm.js";
import { dot, norm } from "../linalg/vector.js";
import type { Bound } from "./bound.js";
import { layerHead } from "./layerHeads.js";

/** Arguments of `bounds.infinity`. */
export interface InfinityQuestion {
  /** Every token lies in the (Euclidean) ball of this radius. */
  radius: number;
  /** Scores ⟨A x_i + g0, x_j⟩ with A [d, d] and g0 [d]; outputs Σ_h V Σ_j P_ij x_j with V [dOut, d]. */
  heads: readonly { A: TensorLike; V: TensorLike; g0?: TensorLike }[];
}

/**
 * max_k Σ_h (|V e_k|₁ + R|V e_k|₂·(R(‖A‖_{2→1} + ‖Aᵀ‖_{2→1}) + |g0|₁)), V e_k row k of V: an upper bound of the Lipschitz
 * constant in the ∞-norm, for any number of tokens and any mask.
 * @throws TypeError and RangeError for arguments of a wrong kind, shape or value
 * @example
 * const identity = tensor(Float64Array.of(1, 0, 0, 1), [2, 2]);
 * bounds.infinity({ radius: 0, heads: [{ A: identity, V: identity }] }).value; // 1.0000…
 */
export function infinity(question: InfinityQuestion): Bound {
  checkKeys("question", question, ["radius", "heads"]);
  const radius = checkNumber("radius", question.radius, 0, undefined, true);
  if (!Array.isArray(question.heads) || question.heads.length === 0) {
    throw wrongKind("heads", "an array of { A, V }", question.heads);
  }
  let width = -1;
  let outputs = -1;
  const heads = question.heads.map((head: unknown, h: number): HeadShare => {
    checkKeys(`heads[${h}]`, head, ["A", "V", "g0"]);
    const { A, V, g0 } = head as InfinityQuestion["heads"][number];
    const map = checkMatrix(`heads[${h}].V`, V, [outputs, width]);
    width = map.columns;
    outputs = map.rows;
    const scores = checkMatrix(`heads[${h}].A`, A, [width, width]);
    const bias = g0 === undefined ? [] : checkTensor(`heads[${h}].g0`, g0, [width]).data;
    const reach =
      fromTwoToOne(scores, matrixNormAbove(scores)) + fromTwoToOne(transposed(scores), matrixNormAbove(scores));
    return { map, scores: radius * reach + sumOf(bias) };
  });
  return boundOf(heads, radius, "dot-product attention without rotary positions");
}

/** The same of a layer, from its weights; with rotary positions by the norms of its maps. */
export function infinityOfLayer(spec: ResolvedSpec, radius: number): Bound {
  const rotary = spec.frequencies !== undefined;
  const heads = Array.from({ length: spec.heads }, (_, h): HeadShare => {
    const { query, key, value, output, queryBias = [], keyBias = [] } = layerHead(spec, h);
    const scale = Math.abs(spec.scale);
    const map = transposed(output ? product(value, output) : placed(value, h * spec.dValue, spec.dOut));
    if (rotary) {
      const [q, k] = [matrixNormAbove(query), matrixNormAbove(key)];
      const sides = q * (k * radius + norm(keyBias)) + k * (q * radius + norm(queryBias));
      return { map, scores: Math.sqrt(spec.dIn) * scale * sides };
    }
    const spectral = scale * productNormAbove(query, key);
    const sides = [scale * lengthsOfProduct(query, key), scale * lengthsOfProduct(key, query)];
    const reach = sides.reduce((sum, lengths) => sum + Math.min(lengths, Math.sqrt(spec.dIn) * spectral), 0);
    const bias = queryBias.length > 0 ? scale * sumOf(apply(key, queryBias)) : 0;
    return { map, scores: radius * reach + bias };
  });
  return boundOf(heads, radius, rotary ? "dot-product attention with rotary positions" : "dot-product attention");
}

interface HeadShare {
  /** [dOut, d] */
  readonly map: Matrix;
  /** How far a score moves for |dX|_∞ = 1, at most. */
  readonly scores: number;
}

/** Above the rounding of what is evaluated in doubles. */
const INFLATION = 1 + 1e-10;

function boundOf(heads: readonly HeadShare[], radius: number, what: string): Bound {
  let value = 0;
  for (let k = 0; k < heads[0].map.rows; k++) {
    let sum = 0;
    for (const { map, scores } of heads) {
      const row = rowOf(map, k);
      // A row of zeros moves nothing, also where the scores' reach has overflowed.
      const length = norm(row);
      if (length > 0) sum += sumOf(row) + radius * length * scores;
    }
    value = Math.max(value, sum);
  }
  return {
    value: value * INFLATION,
    kind: "upper",
    scope: "ball",
    source: "docs/theory.md, section 8.3d",
    assumptions: ["every token in the ball", what, "any mask", "any n", "∞-norms of inputs and outputs"],
  };
}

/** ‖A‖_{2→1}, from above: the lengths of the rows added up, or √rows·‖A‖₂. */
function fromTwoToOne(matrix: Matrix, spectral: number): number {
  let lengths = 0;
  for (let r = 0; r < matrix.rows; r++) lengths += norm(rowOf(matrix, r));
  return Math.min(lengths, Math.sqrt(matrix.rows) * spectral);
}

/** Σ over rows of the length of left·rightᵀ, which is not formed: |row·rightᵀ|² = row·(rightᵀright)·rowᵀ. */
function lengthsOfProduct(left: Matrix, right: Matrix): number {
  const gram = product(transposed(right), right);
  let lengths = 0;
  for (let r = 0; r < left.rows; r++) {
    const row = rowOf(left, r);
    lengths += Math.sqrt(Math.max(0, dot(row, apply(gram, row))));
  }
  return lengths;
}

/** [d, dValue] as columns first … of [d, dOut]: heads that are concatenated. */
function placed({ rows, columns, data }: Matrix, first: number, width: number): Matrix {
  const wide = new Float64Array(rows * width);
  for (let r = 0; r < rows; r++) wide.set(data.subarray(r * columns, (r + 1) * columns), r * width + first);
  return { rows, columns: width, data: wide };
}

function sumOf(x: ArrayLike<number>): number {
  let sum = 0;
  for (let c = 0; c < x.length; c++) sum += Math.abs(x[c]);
  return sum;
}

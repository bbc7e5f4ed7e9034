// Attention at one input in doubles on the host (MATH 1), for what is not worth a kernel or must be certified.

import { mayAttend, resolveMask } from "../layers/attention/mask.js";
import { refuseModifiers } from "../layers/attention/modifiers.js";
import type { ResolvedSpec } from "../layers/attention/spec.js";
import { product } from "../linalg/dense.js";
import { Centred, takeMeanRow } from "./centred.js";
import { type Score, scoreOf } from "./score.js";

/** One query head; matrices row-major. With rotary positions q and k are rotated. */
export interface HostHead {
  /** W_Q and W_K [dIn, dHead], W_V [dIn, dValue], W_O [dValue, dOut]. */
  readonly query: Float64Array;
  readonly key: Float64Array;
  readonly value: Float64Array;
  readonly output: Float64Array;
  /** [n, dHead], [n, dHead], [n, dValue], [n, dValue] */
  readonly q: Float64Array;
  readonly k: Float64Array;
  readonly v: Float64Array;
  readonly o: Float64Array;
  /** [n, n] */
  readonly p: Float64Array;
}

export interface HostPrimal {
  readonly n: number;
  readonly spec: ResolvedSpec;
  /** [n, dIn] */
  readonly x: Float64Array;
  readonly heads: readonly HostHead[];
  /** Whether the gradient of score (i, j) in token j is the same for all j (dot-product without rotary positions). */
  readonly plain: boolean;
  /** Writes ĝ [dHead] with ∂s_ij/∂x_j = W_K ĝ. */
  keySlope(head: HostHead, i: number, j: number, to: Float64Array): void;
  /** Writes ∂s_ij/∂q_i [dHead], the query before its rotation: ∂s_ij/∂x_i through the query is W_Q times it. */
  querySlope(head: HostHead, i: number, j: number, to: Float64Array): void;
}

/**
 * The layer at x [n, dIn], given row-major. What cannot enter its Jacobian is left out before anything is rounded
 * (docs/theory.md, section 2.7): keys and values are those of x − x̄, so that q, k, v and o differ from the layer's own
 * by what scores and derivatives do not see.
 */
export function hostPrimal(spec: ResolvedSpec, x: ArrayLike<number>): HostPrimal {
  refuseModifiers("the Jacobian's blocks and bounds on the host", spec);
  const { dIn, dOut, heads, kvHeads, dHead, dValue, frequencies } = spec;
  const n = x.length / dIn;
  const mask = resolveMask(spec.mask, n);
  const score = scoreOf(spec);
  const tokens = new Centred(x, n, dIn);
  const { queries, keys } = centredScores(spec, score, tokens);
  const values = tokens.project(spec.value, score.valuesMayShift ? undefined : tokens.shared(spec.value));
  const angles = frequencies ?? new Float64Array(0);
  const headAt = (h: number): HostHead => {
    const group = Math.floor((h * kvHeads) / heads);
    const q = columns(queries, n, h, dHead);
    const k = columns(keys, n, group, dHead);
    const v = columns(values, n, group, dValue);
    if (frequencies) {
      for (let i = 0; i < n; i++) {
        rotate(q.subarray(i * dHead, (i + 1) * dHead), angles, i);
        rotate(k.subarray(i * dHead, (i + 1) * dHead), angles, i);
      }
      if (score.keysMayShift === "alone") takeMeanRow(k, n, dHead);
    }
    const p = new Float64Array(n * n);
    for (let i = 0; i < n; i++) {
      const row = p.subarray(i * n, (i + 1) * n);
      for (let j = 0; j < n; j++) row[j] = mayAttend(mask, i, j) ? score.of(q, i, k, j) : Number.NEGATIVE_INFINITY;
      softmax(row);
    }
    return {
      query: columns(spec.query.weight, dIn, h, dHead),
      key: columns(spec.key.weight, dIn, group, dHead),
      value: columns(spec.value.weight, dIn, group, dValue),
      output: spec.output
        ? Float64Array.from(spec.output.weight.subarray(h * dValue * dOut, (h + 1) * dValue * dOut))
        : selection(dValue, dOut, h * dValue),
      q,
      k,
      v,
      o: product(p, v, n, n, dValue),
      p,
    };
  };
  return {
    n,
    spec,
    x: Float64Array.from(x),
    heads: Array.from({ length: heads }, (_, h) => headAt(h)),
    plain: score.sameSlopes && frequencies === undefined,
    keySlope({ q, k }, i, j, to) {
      score.keySlope(q, i, k, j, to);
      rotate(to, angles, -j);
    },
    querySlope({ q, k }, i, j, to) {
      score.querySlope(q, i, k, j, to);
      rotate(to, angles, -i);
    },
  };
}

/** Queries and keys before they are rotated, without what scores do not see; rotated keys are centred afterwards. */
function centredScores(
  { query, key, frequencies, heads, kvHeads, dHead }: ResolvedSpec,
  { keysMayShift }: Score,
  tokens: Centred,
): { queries: Float64Array; keys: Float64Array } {
  const offset = tokens.shared(query);
  const alone = keysMayShift === "alone" && !frequencies;
  if (keysMayShift === "with-queries") {
    // q − c and k − c with c the mean key of the head: of tied queries and keys nothing is left beside (x − x̄)W.
    const common = tokens.shared(key);
    for (let c = 0; c < offset.length; c++) {
      const group = Math.floor((Math.floor(c / dHead) * kvHeads) / heads);
      offset[c] -= common[group * dHead + (c % dHead)];
    }
  }
  const shift = alone || keysMayShift === "with-queries" ? undefined : tokens.shared(key);
  return { queries: tokens.project(query, offset), keys: tokens.project(key, shift) };
}

/** The input tokens j whose block ∂y_i/∂x_j may differ from zero: those that any head sees, and i itself. */
export function seenTokens({ n, heads }: HostPrimal, i: number): number[] {
  const seen = Array.from({ length: n }, (_, j) => heads.some(({ p }) => p[i * n + j] !== 0));
  if (!seen.includes(true)) return [];
  seen[i] = true;
  return [...seen.keys()].filter((j) => seen[j]);
}

/** C_i [dHead, dValue] (MATH 2.4): Σ_l P_il (∂s_il/∂q_i)(v_l − o_i)ᵀ. */
export function queryCovariance(primal: HostPrimal, head: HostHead, i: number): Float64Array {
  const { dHead, dValue } = primal.spec;
  const { n } = primal;
  const covariance = new Float64Array(dHead * dValue);
  const slopes = new Float64Array(dHead);
  for (let l = 0; l < n; l++) {
    const weight = head.p[i * n + l];
    if (weight === 0) continue;
    primal.querySlope(head, i, l, slopes);
    for (let r = 0; r < dHead; r++) {
      const factor = weight * slopes[r];
      for (let c = 0; c < dValue; c++) {
        covariance[r * dValue + c] += factor * (head.v[l * dValue + c] - head.o[i * dValue + c]);
      }
    }
  }
  return covariance;
}

/** Columns [block·width, (block + 1)·width) of a row-major matrix. */
function columns(matrix: ArrayLike<number>, rows: number, block: number, width: number): Float64Array {
  const all = matrix.length / rows;
  const part = new Float64Array(rows * width);
  for (let r = 0; r < rows; r++) {
    for (let c = 0; c < width; c++) part[r * width + c] = matrix[r * all + block * width + c];
  }
  return part;
}

/** [rows, columns] with ones at (r, first + r). */
function selection(rows: number, columns: number, first: number): Float64Array {
  const matrix = new Float64Array(rows * columns);
  for (let r = 0; r < rows; r++) matrix[r * columns + first + r] = 1;
  return matrix;
}

function rotate(token: Float64Array, frequencies: Float64Array, position: number): void {
  const half = frequencies.length;
  for (let c = 0; c < half; c++) {
    const cos = Math.cos(position * frequencies[c]);
    const sin = Math.sin(position * frequencies[c]);
    const [a, b] = [token[c], token[c + half]];
    token[c] = a * cos - b * sin;
    token[c + half] = a * sin + b * cos;
  }
}

/** In place; −∞ is ruled out, and a row of nothing else becomes zero. */
function softmax(row: Float64Array): void {
  const largest = row.reduce((most, value) => Math.max(most, value), Number.NEGATIVE_INFINITY);
  if (largest === Number.NEGATIVE_INFINITY) {
    row.fill(0);
    return;
  }
  let sum = 0;
  for (let j = 0; j < row.length; j++) {
    row[j] = Math.exp(row[j] - largest);
    sum += row[j];
  }
  for (let j = 0; j < row.length; j++) row[j] /= sum;
}

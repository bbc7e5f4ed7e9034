// Attention at one input in doubles on the host (MATH 1), for what is not worth a kernel or must be certified.
import { mayAttend, resolveMask } from "../layers/attention/mask.js";
import type { ResolvedSpec } from "../layers/attention/spec.js";
import type { ResolvedLinear } from "../layers/linear.js";

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

/** The layer at x [n, dIn], given row-major. */
export function hostPrimal(spec: ResolvedSpec, x: ArrayLike<number>): HostPrimal {
  const { kind, dIn, dOut, heads, kvHeads, dHead, dValue, scale, frequencies } = spec;
  const n = x.length / dIn;
  const mask = resolveMask(spec.mask, n);
  const queries = project(x, n, spec.query);
  const keys = project(x, n, spec.key);
  const values = project(x, n, spec.value);
  const angles = frequencies ?? new Float64Array(0);
  const headAt = (h: number): HostHead => {
    const group = Math.floor((h * kvHeads) / heads);
    const q = columns(queries, n, h, dHead);
    const k = columns(keys, n, group, dHead);
    const v = columns(values, n, group, dValue);
    for (let i = 0; i < n; i++) {
      rotate(q.subarray(i * dHead, (i + 1) * dHead), angles, i);
      rotate(k.subarray(i * dHead, (i + 1) * dHead), angles, i);
    }
    const p = new Float64Array(n * n);
    for (let i = 0; i < n; i++) {
      const row = p.subarray(i * n, (i + 1) * n);
      for (let j = 0; j < n; j++) {
        if (!mayAttend(mask, i, j)) row[j] = Number.NEGATIVE_INFINITY;
        else row[j] = kind === "l2" ? -scale * distance2(q, i, k, j, dHead) : scale * inner(q, i, k, j, dHead);
      }
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
    plain: kind !== "l2" && frequencies === undefined,
    keySlope({ q, k }, i, j, to) {
      slope(kind, scale, q, i, k, j, to);
      rotate(to, angles, -j);
    },
    querySlope({ q, k }, i, j, to) {
      slope(kind, scale, k, j, q, i, to);
      rotate(to, angles, -i);
    },
  };
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

/** ∂/∂own of the score of own and other: scale·other, or −2·scale·(own − other). */
function slope(
  kind: ResolvedSpec["kind"],
  scale: number,
  other: Float64Array,
  at: number,
  own: Float64Array,
  ownAt: number,
  to: Float64Array,
): void {
  const d = to.length;
  for (let c = 0; c < d; c++) {
    const value = other[at * d + c];
    to[c] = kind === "l2" ? 2 * scale * (value - own[ownAt * d + c]) : scale * value;
  }
}

/** x·weight + bias for n rows. */
function project(x: ArrayLike<number>, n: number, { dIn, dOut, weight, bias }: ResolvedLinear): Float64Array {
  const y = product(x, weight, n, dIn, dOut);
  if (bias) for (let i = 0; i < n; i++) for (let c = 0; c < dOut; c++) y[i * dOut + c] += bias[c];
  return y;
}

/** A·B for row-major A [m, k] and B [k, n]. */
export function product(a: ArrayLike<number>, b: ArrayLike<number>, m: number, k: number, n: number): Float64Array {
  const c = new Float64Array(m * n);
  for (let i = 0; i < m; i++) {
    for (let l = 0; l < k; l++) {
      const factor = a[i * k + l];
      if (factor === 0) continue;
      for (let j = 0, from = l * n, to = i * n; j < n; j++) c[to++] += factor * b[from++];
    }
  }
  return c;
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

function inner(a: Float64Array, i: number, b: Float64Array, j: number, d: number): number {
  let sum = 0;
  for (let c = 0; c < d; c++) sum += a[i * d + c] * b[j * d + c];
  return sum;
}

function distance2(a: Float64Array, i: number, b: Float64Array, j: number, d: number): number {
  let sum = 0;
  for (let c = 0; c < d; c++) sum += (a[i * d + c] - b[j * d + c]) ** 2;
  return sum;
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

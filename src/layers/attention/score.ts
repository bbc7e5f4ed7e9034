// What happens between projections and scores, on the host: a kind of attention is a constructor here, and nothing else
// in src/jacobian asks which it is.
import { biasAt } from "./bias.js";
import type { ResolvedSpec } from "./spec.js";

/** Scores s_ij of one head from its queries and keys [n, d], rotated where the layer has rotary positions. */
export interface Score {
  /** Whether one vector may be taken from all values: rows of P sum to 1 or 0 (docs/theory.md, section 2.7). */
  readonly valuesMayShift: boolean;
  /** Whether one vector may be taken from all keys: from them alone, or from the queries with them. */
  readonly keysMayShift: "alone" | "with-queries" | false;
  /** A logit without a value that joins each row's softmax. */
  readonly sink?: number;
  /** Whether ∂s_ij/∂k_j is the same for every key j. */
  readonly sameSlopes: boolean;
  /** s_ij. */
  of(q: Float64Array, i: number, k: Float64Array, j: number): number;
  /** to ← ∂s_ij/∂k_j, [d]. */
  keySlope(q: Float64Array, i: number, k: Float64Array, j: number, to: Float64Array): void;
  /** to ← ∂s_ij/∂q_i, [d]. */
  querySlope(q: Float64Array, i: number, k: Float64Array, j: number, to: Float64Array): void;
}

/** Of head h at n tokens: a product or a distance, capped, and with its bias, where the layer has them. */
export function scoreOf({ kind, scale, dHead, softcap, bias, sinks }: ResolvedSpec, h: number, n: number): Score {
  let score = kind === "l2" ? distance(scale, dHead) : dotProduct(scale, dHead);
  if (softcap !== undefined) score = capped(score, softcap);
  if (bias !== undefined) score = biased(score, entriesOf(biasAt(bias, n), h, n));
  // What a sink takes, rows of P lack.
  return sinks === undefined ? score : { ...score, sink: sinks[h], valuesMayShift: false, keysMayShift: false };
}

/** scale·⟨q_i, k_j⟩ */
function dotProduct(scale: number, d: number): Score {
  const scaled = (from: Float64Array, at: number, to: Float64Array) => {
    for (let c = 0; c < d; c++) to[c] = scale * from[at * d + c];
  };
  return {
    valuesMayShift: true,
    keysMayShift: "alone",
    sameSlopes: true,
    of(q, i, k, j) {
      let sum = 0;
      for (let c = 0; c < d; c++) sum += q[i * d + c] * k[j * d + c];
      return scale * sum;
    },
    keySlope: (q, i, _k, _j, to) => scaled(q, i, to),
    querySlope: (_q, _i, k, j, to) => scaled(k, j, to),
  };
}

/** −scale·|q_i − k_j|² */
function distance(scale: number, d: number): Score {
  const difference = (factor: number, q: Float64Array, i: number, k: Float64Array, j: number, to: Float64Array) => {
    for (let c = 0; c < d; c++) to[c] = factor * (q[i * d + c] - k[j * d + c]);
  };
  return {
    valuesMayShift: true,
    keysMayShift: "with-queries",
    sameSlopes: false,
    of(q, i, k, j) {
      let sum = 0;
      for (let c = 0; c < d; c++) sum += (q[i * d + c] - k[j * d + c]) ** 2;
      return -scale * sum;
    },
    keySlope: (q, i, k, j, to) => difference(2 * scale, q, i, k, j, to),
    querySlope: (q, i, k, j, to) => difference(-2 * scale, q, i, k, j, to),
  };
}

/** cap·tanh(s/cap) */
function capped(score: Score, cap: number): Score {
  const bent = (slope: Score["keySlope"]): Score["keySlope"] => {
    return (q, i, k, j, to) => {
      const factor = 1 - Math.tanh(score.of(q, i, k, j) / cap) ** 2;
      slope(q, i, k, j, to);
      for (let c = 0; c < to.length; c++) to[c] *= factor;
    };
  };
  return {
    ...score,
    keysMayShift: false,
    sameSlopes: false,
    of: (q, i, k, j) => cap * Math.tanh(score.of(q, i, k, j) / cap),
    keySlope: bent(score.keySlope),
    querySlope: bent(score.querySlope),
  };
}

/** s_ij + b_ij */
function biased(score: Score, bias: (i: number, j: number) => number): Score {
  return { ...score, of: (q, i, k, j) => score.of(q, i, k, j) + bias(i, j) };
}

function entriesOf(bias: ReturnType<typeof biasAt>, h: number, n: number): (i: number, j: number) => number {
  if ("byDistance" in bias) return (i, j) => bias.byDistance[h * (2 * n - 1) + n - 1 + i - j];
  const first = bias.heads === 1 ? 0 : h * n * n;
  return (i, j) => bias.matrix[first + i * n + j];
}

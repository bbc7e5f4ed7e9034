// L2 attention with tied keys and values (the L2-MHA of Kim, Papamakarios and Mnih 2021), which is Lipschitz on the
// whole space: MATH 9.

import { checkInteger, checkKeys, checkNumber, wrongKind, wrongValue } from "../base/check.js";
import type { TensorLike } from "../base/tensor.js";
import type { Mask } from "../layers/attention/mask.js";
import { mayAttend, resolveMask } from "../layers/attention/mask.js";
import { inversePhi } from "../linalg/lambertW.js";
import { checkMatrix, type Matrix, rowSumNorm, transposed } from "../linalg/matrix.js";
import { matrixNormAbove } from "../linalg/matrixNorm.js";
import { type Bound, refused, type WithBest, withSmallest } from "./bound.js";
import { mostVisible } from "./columnSum.js";

/** Arguments of `bounds.l2`: the weights of the heads, and the norm. */
export interface L2Question {
  /** Tokens. */
  n: number;
  /** Of each head, the query (and key) weight [d, dHead] and the value weight [d, dValue]. */
  heads: readonly { wq: TensorLike; wv: TensorLike }[];
  /** The output weight of all heads, [heads·dValue, dOut]. */
  wo: TensorLike;
  /** Default 1/√dHead. */
  scale?: number;
  /** Of the space of inputs and of outputs. */
  norm: 2 | typeof Infinity;
  /** Default "none"; every token must see itself. */
  mask?: Mask;
}

/** Bounds of L2 attention by name (Kim, Papamakarios and Mnih 2021). */
export interface L2Bounds {
  /** Kim et al., for any scale (norm Infinity), or with the exponent that homogeneity demands (norm 2). */
  kim: Bound;
  /** O(√(n log n)); norm 2 only. */
  sharp?: Bound;
}

/** What the theorems in the 2-norm need of the weights. */
export interface L2Norms {
  scale: number;
  /** Spectral norms of each head's query and value weights. */
  heads: readonly { query: number; value: number }[];
  /** ‖W_O‖₂. */
  output: number;
}

/**
 * Upper bounds of the Lipschitz constant on all of R^[n, d] of L2 attention whose keys are its queries and whose values
 * are x·W_Q(W_QᵀW_V)·scale (AttentionSpec's `tiedValue`), without query bias, in the norm asked for; `best` is the
 * smallest. The 2-norm bound as printed in Kim et al. is wrong by homogeneity (MATH 9.2) and not returned.
 * @throws TypeError and RangeError for arguments of a wrong kind, shape or value, and where the mask hides a token from
 *   itself
 * @example
 * const one = { data: new Float64Array([1]), shape: [1, 1] };
 * bounds.l2({ n: 9, heads: [{ wq: one, wv: one }], wo: one, norm: 2 }).best.value; // 7.36…
 */
export function l2(question: L2Question): WithBest<L2Bounds> {
  checkKeys("question", question, ["n", "heads", "wo", "scale", "norm", "mask"]);
  const { n, norm, mask = "none" } = question;
  checkInteger("n", n, 1);
  if (typeof norm !== "number") throw wrongKind("norm", "2 or Infinity", norm);
  if (norm !== 2 && norm !== Number.POSITIVE_INFINITY) throw wrongValue("norm", "2 or Infinity", norm);
  const { heads, wo } = checkWeights(question);
  const dHead = heads[0].wq.columns;
  const scale = question.scale === undefined ? 1 / Math.sqrt(dHead) : checkNumber("scale", question.scale, 0);
  const visible = visibility(n, mask);
  if (norm !== 2) return withSmallest({ kim: infinityBound(heads, wo, scale, visible) });
  const norms = heads.map(({ wq, wv }) => ({ query: matrixNormAbove(wq), value: matrixNormAbove(wv) }));
  return withSmallest(l2Of({ scale, heads: norms, output: matrixNormAbove(wo) }, n, visible));
}

/** The bounds in the 2-norm, MATH 9.2 (corrected) and 9.3. */
export function l2Of({ scale, heads, output }: L2Norms, n: number, visible: Visibility): L2Bounds {
  const weights = output * Math.hypot(...heads.map(({ query, value }) => query * query * value));
  const spread = inversePhi(visible.keys - 1);
  // As in 9.3, with the queries that see one token in place of all of them.
  const listeners = visible.queries - 1;
  const paths = Math.sqrt(1 + listeners / 2) + 2 * spread + 2 * Math.sqrt(inversePhi(1) * listeners * spread);
  const kim = scale * Math.sqrt(n) * (4 * inversePhi(n - 1) + 1) * weights;
  return {
    kim: l2Bound(kim, "Kim, Papamakarios and Mnih 2021, theorem 3.2 for p = 2, corrected (MATH 9.2)", "norm 2"),
    sharp: l2Bound(scale * paths * weights, "MATH 9.3", "norm 2"),
  };
}

export interface Visibility {
  /** Keys that the widest query sees, queries that see the most seen key. */
  readonly keys: number;
  readonly queries: number;
}

/** @throws RangeError where the mask hides a token from itself */
export function visibility(n: number, mask: Mask): Visibility {
  if (mask === "none" || mask === "causal") return { keys: n, queries: n };
  const resolved = resolveMask(mask, n);
  for (let i = 0; i < n; i++) {
    if (mayAttend(resolved, i, i)) continue;
    throw refused(
      "the L2 bound",
      "that every token sees itself",
      `token ${i} does not under this mask; add the diagonal to it`,
    );
  }
  return mostVisible(resolved);
}

/** MATH 9.1: rows are summed over the entries of weight·tokens, hence the norms of the transposed weights too. */
function infinityBound(heads: readonly HeadWeights[], wo: Matrix, scale: number, { keys }: Visibility): Bound {
  const largest = (of: (head: HeadWeights) => number) => Math.max(...heads.map(of));
  const query = largest(({ wq }) => rowSumNorm(wq) * rowSumNorm(transposed(wq)));
  const value = largest(({ wv }) => rowSumNorm(transposed(wv)));
  const spread = 4 * Math.sqrt(heads[0].wq.columns) * inversePhi(keys - 1);
  return l2Bound(
    scale * (1 + spread) * rowSumNorm(transposed(wo)) * query * value,
    "Kim, Papamakarios and Mnih 2021, theorem 3.2 for p = ∞, any scale (MATH 9.1)",
    "norm ∞",
  );
}

function l2Bound(value: number, source: string, norm: string): Bound {
  const assumptions = ["L2 attention", "keys and values tied to the queries", "no query bias", "any radius", norm];
  return { value, kind: "upper", scope: "ball", source, assumptions };
}

interface HeadWeights {
  wq: Matrix;
  wv: Matrix;
}

function checkWeights(question: L2Question): { heads: HeadWeights[]; wo: Matrix } {
  if (!Array.isArray(question.heads)) throw wrongKind("heads", "an array of { wq, wv }", question.heads);
  if (question.heads.length === 0) throw wrongValue("heads", "at least one head", question.heads);
  const heads: HeadWeights[] = [];
  for (const [h, head] of question.heads.entries()) {
    checkKeys(`heads[${h}]`, head, ["wq", "wv"]);
    const first = heads[0];
    const wq = checkMatrix(`heads[${h}].wq`, head.wq, first ? [first.wq.rows, first.wq.columns] : [-1, -1]);
    const wv = checkMatrix(`heads[${h}].wv`, head.wv, [wq.rows, first ? first.wv.columns : -1]);
    heads.push({ wq, wv });
  }
  const wo = checkMatrix("wo", question.wo, [heads.length * heads[0].wv.columns, -1]);
  return { heads, wo };
}

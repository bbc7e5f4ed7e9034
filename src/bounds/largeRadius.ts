// A layer at a large multiple of an input, where each head has become a choice of one key per query (MATH 7).

import { checkKeys, checkNumber, wrongKind } from "../base/check.js";
import type { TensorLike } from "../base/tensor.js";
import type { Mask } from "../layers/attention/mask.js";
import { checkMask, mayAttend, resolveMask } from "../layers/attention/mask.js";
import { apply, checkMatrix, type Matrix, rowOf, zeroMatrix } from "../linalg/matrix.js";
import { matrixNorm, matrixNormAbove } from "../linalg/matrixNorm.js";
import { dot, norm } from "../linalg/vector.js";
import { type Bound, refused } from "./bound.js";

/** One head of `bounds.largeRadius`. */
export interface LargeRadiusHead {
  /** [d, d], with scores s_ij = ⟨A x_i, x_j⟩. No biases, no rotary positions. */
  A: TensorLike;
  /** [dOut, d], with f_i = V·Σ_j P_ij x_j; in a layer of several heads W_h V_h, its output map included. */
  V: TensorLike;
}

/** Arguments of `bounds.largeRadius`: a head or several, the tokens and their scale. */
export interface LargeRadiusQuestion extends Partial<LargeRadiusHead> {
  /** Several heads, in place of A and V; their outputs add up. */
  heads?: readonly LargeRadiusHead[];
  /** [n, d] */
  x: TensorLike;
  /** R: the Jacobian is that at R·x. */
  scale: number;
  /** Default "none". */
  mask?: Mask;
}

/** Limit and bracket of the norm of the Jacobian at a large radius. */
export interface LargeRadius {
  /**
   * The norm of the Jacobian as R → ∞: ‖Σ_h S_h ⊗ V_h‖ with S_h the choices of head h, which for one head is
   * ‖V‖·√(the number of queries that choose the most chosen key).
   */
  readonly limit: number;
  /** Around the limit, at this R. */
  readonly lower: Bound;
  readonly upper: Bound;
  /** The smallest difference between a query's two largest scores, at R = 1. */
  readonly gap: number;
}

/** Entries of the longer side of Σ_h S_h ⊗ V_h up to which its norm is computed, in O(side³). */
const LARGEST_SIDE = 1024;

/**
 * The norm of the Jacobian at R·x, between limit ± Σ_h ‖V_h‖(2η_h√n + 4a_h(1 + √n)η_h), where
 * η = (n − 1)e^(−R²·gap) and a = ‖A‖R²·max|x_i|² of each head.
 * @throws TypeError and RangeError for arguments of a wrong kind, shape or value, and where a query has no unique
 *   largest score (which happens on a set of inputs of measure zero, if A ≠ 0)
 * @example
 * const one = { data: new Float64Array([1]), shape: [1, 1] };
 * const tokens = { data: new Float64Array([1, -1]), shape: [2, 1] };
 * bounds.largeRadius({ x: tokens, scale: 3, A: one, V: one }).limit; // 1
 */
export function largeRadius(question: LargeRadiusQuestion): LargeRadius {
  checkKeys("question", question, ["A", "V", "heads", "x", "scale", "mask"]);
  const x = checkMatrix("x", question.x);
  const heads = checkHeads(question, x.columns);
  const R = checkNumber("scale", question.scale, 0);
  const { mask = "none" } = question;
  checkMask("mask", mask);

  const n = x.rows;
  const root = Math.sqrt(n);
  const largest = Math.max(...Array.from({ length: n }, (_, i) => norm(rowOf(x, i))));
  let distance = 0;
  let gap = Number.POSITIVE_INFINITY;
  const chosen = heads.map(({ A, V }) => {
    const choice = choices(A, x, mask);
    const missed = n === 1 ? 0 : (n - 1) * Math.exp(-R * R * choice.gap);
    const a = matrixNormAbove(A) * R * R * largest * largest;
    if (missed > 0) distance += matrixNormAbove(V) * (2 * root + 4 * a * (1 + root)) * missed;
    gap = Math.min(gap, choice.gap);
    return choice.keys;
  });
  const [limit, limitAbove] = limitNorm(heads, chosen);
  const common = {
    scope: "point",
    source: "MATH 7",
    assumptions: ["every query has one largest score", "no biases", "no rotary positions"],
  } as const;
  return {
    limit,
    lower: { ...common, kind: "lower", value: Math.max(0, 2 * limit - limitAbove - distance) },
    upper: { ...common, kind: "upper", value: limitAbove + distance },
    gap,
  };
}

interface Head {
  A: Matrix;
  V: Matrix;
}

function checkHeads({ A, V, heads }: LargeRadiusQuestion, d: number): Head[] {
  if (heads === undefined) {
    return [{ A: checkMatrix("A", A, [d, d]), V: checkMatrix("V", V, [-1, d]) }];
  }
  if (A !== undefined || V !== undefined) throw new TypeError('"heads": expected either heads, or A and V');
  if (!Array.isArray(heads)) throw wrongKind("heads", "an array of { A, V }", heads);
  if (heads.length === 0) throw new RangeError('"heads": expected at least one head, got none');
  let dOut = -1;
  return heads.map((head, h) => {
    checkKeys(`heads[${h}]`, head, ["A", "V"]);
    const checked = {
      A: checkMatrix(`heads[${h}].A`, head.A, [d, d]),
      V: checkMatrix(`heads[${h}].V`, head.V, [dOut, d]),
    };
    dOut = checked.V.rows;
    return checked;
  });
}

/** ‖Σ_h S_h ⊗ V_h‖, and an upper bound of it. */
function limitNorm(heads: readonly Head[], chosen: readonly Int32Array[]): [number, number] {
  const n = chosen[0].length;
  if (heads.length === 1) {
    const counts = new Int32Array(n);
    for (const key of chosen[0]) if (key >= 0) counts[key]++;
    const root = Math.sqrt(counts.reduce((most, count) => Math.max(most, count), 0));
    return [matrixNorm(heads[0].V) * root, matrixNormAbove(heads[0].V) * root];
  }
  const { rows, columns } = heads[0].V;
  if (n * Math.max(rows, columns) > LARGEST_SIDE) {
    throw new RangeError(
      `"heads": the limit of several heads takes a matrix of ${n * rows} × ${n * columns}, more than ${LARGEST_SIDE} a side; ` +
        "take fewer tokens, or one head",
    );
  }
  const sum = zeroMatrix(n * rows, n * columns);
  for (const [h, { V }] of heads.entries()) {
    for (const [i, key] of chosen[h].entries()) {
      if (key < 0) continue;
      for (let r = 0; r < rows; r++) {
        const row = rowOf(sum, i * rows + r);
        for (let c = 0; c < columns; c++) row[key * columns + c] += V.data[r * columns + c];
      }
    }
  }
  return [matrixNorm(sum), matrixNormAbove(sum)];
}

/** The smallest gap over queries that see two keys or more, and the key that each query chooses, −1 where it sees none. */
function choices(A: Matrix, x: Matrix, mask: Mask): { gap: number; keys: Int32Array } {
  const visible = resolveMask(mask, x.rows);
  const keys = new Int32Array(x.rows).fill(-1);
  let gap = Number.POSITIVE_INFINITY;
  for (let i = 0; i < x.rows; i++) {
    const gradient = apply(A, rowOf(x, i));
    let key = -1;
    let first = Number.NEGATIVE_INFINITY;
    let second = Number.NEGATIVE_INFINITY;
    for (let j = 0; j < x.rows; j++) {
      if (!mayAttend(visible, i, j)) continue;
      const score = dot(gradient, rowOf(x, j));
      if (score > first) [key, first, second] = [j, score, first];
      else second = Math.max(second, score);
    }
    if (key < 0) continue;
    if (first === second) {
      throw refused(
        "the large-radius limit",
        "that every query has one largest score",
        `query ${i} has two; move the tokens a little, or take away duplicates`,
      );
    }
    keys[i] = key;
    gap = Math.min(gap, first - second);
  }
  return { gap, keys };
}

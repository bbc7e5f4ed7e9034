// Attention at one input in doubles on the host (MATH 1), for what is not worth a kernel or must be certified.

import { product } from "../../linalg/dense.js";
import { Centred, takeMeanRow } from "./centred.js";
import { mayAttend, resolveMask } from "./mask.js";
import { refuseOnHost } from "./modifiers.js";
import { NormedRows } from "./normedRows.js";
import { anglesAt } from "./rope.js";
import { type Score, scoreOf } from "./score.js";
import type { ResolvedScoreNorm } from "./scoreNorm.js";
import type { ResolvedSpec } from "./spec.js";

/** One query head; matrices row-major. q and k are those of the scores, behind norms and rotations. */
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
  /** What was taken from all keys alike, [dHead]. */
  readonly keyOffset: Float64Array;
}

/** A layer at one input, whose heads are made when they are asked for. */
export interface HostLayer extends Omit<HostPrimal, "heads"> {
  headAt(h: number): HostHead;
}

export interface HostPrimal {
  readonly n: number;
  readonly spec: ResolvedSpec;
  /** [n, dIn] */
  readonly x: Float64Array;
  readonly heads: readonly HostHead[];
  /**
   * Whether the gradient of score (i, j) in token j is the same for all j and Σ_j P_ij(v_j − o_i) = 0: dot products
   * without rotary positions, norms of queries and keys, cap and sinks.
   */
  readonly plain: boolean;
  /** Whether rows of P sum to 1, or to 0: they do without sinks. */
  readonly rowsSumToOne: boolean;
  /** Whether the mask lets token i attend to token j. */
  maySee(i: number, j: number): boolean;
  /** s_ij, of the head's keys or of others [n, dHead]. */
  score(head: HostHead, i: number, j: number, keys?: Float64Array): number;
  /** Writes ĝ [dHead] with ∂s_ij/∂x_j = W_K ĝ. */
  keySlope(head: HostHead, i: number, j: number, to: Float64Array): void;
  /** Writes ∂s_ij/∂q_i [dHead], the query as projected, before its norm and rotation: ∂s_ij/∂x_i through the query is W_Q times it. */
  querySlope(head: HostHead, i: number, j: number, to: Float64Array): void;
}

/**
 * The layer at x [n, dIn], given row-major. What cannot enter its Jacobian is left out before anything is rounded
 * (docs/theory.md, section 2.7): keys and values are those of x − x̄, so that q, k, v and o differ from the layer's own
 * by what scores and derivatives do not see.
 */
export function hostPrimal(spec: ResolvedSpec, x: ArrayLike<number>): HostPrimal {
  refuseOnHost(spec);
  const { headAt, ...layer } = hostLayer(spec, x);
  return { ...layer, heads: Array.from({ length: spec.heads }, (_, h) => headAt(h)) };
}

/** The same head by head. Slopes are for layers that \`hostPrimal\` takes; scores and probabilities are for all. */
export function hostLayer(spec: ResolvedSpec, x: ArrayLike<number>): HostLayer {
  const { dIn, dOut, heads, kvHeads, dHead, dValue, queryNorm, keyNorm } = spec;
  const n = x.length / dIn;
  const turns = anglesAt(
    spec,
    Array.from({ length: n }, (_, i) => i),
  );
  const mask = resolveMask(spec.mask, n);
  const scores = Array.from({ length: heads }, (_, h) => scoreOf(spec, h, n));
  const [{ keysMayShift, valuesMayShift, sameSlopes }] = scores;
  const tokens = new Centred(x, n, dIn);
  const late = keysMayShift === "alone" && (turns !== undefined || keyNorm !== undefined);
  const { queries, keys } = centredScores(spec, late ? false : keysMayShift, tokens);
  const taken = keysMayShift === "alone" && !late ? tokens.shared(spec.key) : new Float64Array(kvHeads * dHead);
  const values = tokens.project(spec.value, valuesMayShift ? undefined : tokens.shared(spec.value));
  const queryWay = acrossHeads(queries, dHead, { turns, norm: queryNorm });
  const keyWay = acrossHeads(keys, dHead, { turns, norm: keyNorm });
  const sides = new WeakMap<HostHead, { h: number; query: Side; key: Side }>();
  const headAt = (h: number): HostHead => {
    const group = Math.floor((h * kvHeads) / heads);
    const q = columns(queries, n, h, dHead);
    const k = columns(keys, n, group, dHead);
    const v = columns(values, n, group, dValue);
    const query = new Side(q, dHead, queryWay, h);
    const key = new Side(k, dHead, keyWay, group);
    const keyOffset = late ? takeMeanRow(k, n, dHead) : taken.slice(group * dHead, (group + 1) * dHead);
    const p = new Float64Array(n * n);
    for (let i = 0; i < n; i++) {
      const row = p.subarray(i * n, (i + 1) * n);
      for (let j = 0; j < n; j++) row[j] = mayAttend(mask, i, j) ? scores[h].of(q, i, k, j) : Number.NEGATIVE_INFINITY;
      softmax(row, scores[h].sink);
    }
    const head = {
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
      keyOffset,
    };
    sides.set(head, { h, query, key });
    return head;
  };
  const sideOf = (head: HostHead) => sides.get(head) as { h: number; query: Side; key: Side };
  return {
    n,
    spec,
    x: Float64Array.from(x),
    headAt,
    plain: sameSlopes && valuesMayShift && !turns && !queryNorm && !keyNorm,
    rowsSumToOne: valuesMayShift,
    maySee: (i, j) => mayAttend(mask, i, j),
    score: (head, i, j, keys = head.k) => scores[sideOf(head).h].of(head.q, i, keys, j),
    keySlope(head, i, j, to) {
      const { h, key } = sideOf(head);
      scores[h].keySlope(head.q, i, head.k, j, to);
      key.pull(j, to);
    },
    querySlope(head, i, j, to) {
      const { h, query } = sideOf(head);
      scores[h].querySlope(head.q, i, head.k, j, to);
      query.pull(i, to);
    },
  };
}

/** Angles of every token, [n, pairs]. */
type Turns = NonNullable<ReturnType<typeof anglesAt>>;

/** What rows pass between projection and score. */
interface Way {
  readonly turns?: Turns;
  readonly norm?: ResolvedScoreNorm;
}

/** Takes rows of all heads through a norm across heads, in place, and what comes before it; returns what is left to do. */
function acrossHeads(rows: Float64Array, dHead: number, way: Way): Way {
  const { turns, norm } = way;
  if (!norm || norm.span === dHead) return way;
  if (norm.afterRope) {
    const heads = norm.span / dHead;
    for (let at = 0; at < rows.length / dHead; at++) {
      rotate(rows.subarray(at * dHead, (at + 1) * dHead), turns, Math.floor(at / heads), 1);
    }
  }
  new NormedRows(rows, norm.span, norm, 0);
  return norm.afterRope ? {} : { turns };
}

/** Queries or keys of one head on their way from projection to score: a norm and a rotation, in either order. */
class Side {
  readonly #turns?: Turns;
  readonly #norm?: NormedRows;
  readonly #normLast: boolean;

  /** Takes rows [n, d] that way, in place. */
  constructor(rows: Float64Array, d: number, { turns, norm }: Way, head: number) {
    this.#turns = turns;
    this.#normLast = norm?.afterRope ?? false;
    if (norm && !this.#normLast) this.#norm = new NormedRows(rows, d, norm, head);
    for (let i = 0; i < rows.length / d; i++) rotate(rows.subarray(i * d, (i + 1) * d), turns, i, 1);
    if (norm && this.#normLast) this.#norm = new NormedRows(rows, d, norm, head);
  }

  /** Takes a slope of row i back to the projection, in place. */
  pull(i: number, slope: Float64Array): void {
    if (this.#normLast) this.#norm?.pull(i, slope);
    rotate(slope, this.#turns, i, -1);
    if (!this.#normLast) this.#norm?.pull(i, slope);
  }
}

/** Queries and keys as projected, without what scores do not see. */
function centredScores(
  { query, key, heads, kvHeads, dHead }: ResolvedSpec,
  shift: Score["keysMayShift"],
  tokens: Centred,
): { queries: Float64Array; keys: Float64Array } {
  const offset = tokens.shared(query);
  if (shift === "with-queries") {
    // q − c and k − c with c the mean key of the head: of tied queries and keys nothing is left beside (x − x̄)W.
    const common = tokens.shared(key);
    for (let c = 0; c < offset.length; c++) {
      const group = Math.floor((Math.floor(c / dHead) * kvHeads) / heads);
      offset[c] -= common[group * dHead + (c % dHead)];
    }
  }
  const added = shift === false ? tokens.shared(key) : undefined;
  return { queries: tokens.project(query, offset), keys: tokens.project(key, added) };
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

/** Turns pair (c, c + pairs) by ±the angle of that position, in place. */
function rotate(token: Float64Array, turns: Turns | undefined, position: number, sign: 1 | -1): void {
  if (!turns) return;
  const { data, pairs } = turns;
  for (let c = 0; c < pairs; c++) {
    const angle = data[position * pairs + c];
    const [cos, sin] = [Math.cos(angle), sign * Math.sin(angle)];
    const [a, b] = [token[c], token[c + pairs]];
    token[c] = a * cos - b * sin;
    token[c + pairs] = a * sin + b * cos;
  }
}

/** In place; −∞ is ruled out, and a row of nothing else becomes zero. A sink takes its share and has no entry. */
function softmax(row: Float64Array, sink = Number.NEGATIVE_INFINITY): void {
  const most = row.reduce((largest, value) => Math.max(largest, value), Number.NEGATIVE_INFINITY);
  if (most === Number.NEGATIVE_INFINITY) {
    row.fill(0);
    return;
  }
  const largest = Math.max(most, sink);
  let sum = Math.exp(sink - largest);
  for (let j = 0; j < row.length; j++) {
    row[j] = Math.exp(row[j] - largest);
    sum += row[j];
  }
  for (let j = 0; j < row.length; j++) row[j] /= sum;
}

// U_schur: σ² ≤ max_j Σ_i λ_i w_ij with λ_i = λ_max(Σ_j J_ij J_ijᵀ/w_ij), for any weights (docs/theory.md, section 8.3b).
import { turn } from "../base/turn.js";
import { type HostPrimal, seenTokens } from "../layers/attention/hostPrimal.js";
import { Pencil } from "../linalg/pencil.js";
import type { Workspace } from "../linalg/workspace.js";
import { ValueSpace } from "./valueSpace.js";

/** Rounds end when one gains less than this. */
const LEAST_GAIN = 0.02;
const MOST_ROUNDS = 30;

/** Multiply-adds of a round. */
export function roundWork(primal: HostPrimal): number {
  const width = primal.heads.length * primal.spec.dValue;
  let work = 0;
  for (let i = 0; i < primal.n; i++) {
    const seen = seenTokens(primal, i).length;
    if (seen > 0) work += ValueSpace.work(primal, seen) + Pencil.work(width);
  }
  return work;
}

/**
 * @param sizes β [n, n]: above the norm of each block, and 0 only where the whole block is
 * @param output ‖W_O‖ from above
 */
export async function schurBound(
  primal: HostPrimal,
  space: Workspace,
  sizes: Float64Array,
  output: number,
  mostRounds: number,
): Promise<number> {
  const { n, heads, spec } = primal;
  const blocks = new ValueSpace(space, primal);
  const pencil = new Pencil(space, blocks.width, spec.output && { ...stacked(primal), squared: output ** 2 });
  const seen = Array.from({ length: n }, (_, i) => seenTokens(primal, i));
  let start: Float64Array = Float64Array.from({ length: blocks.width }, (_, c) => 1 + ((c * 7919) % 13) / 13);
  let x: Float64Array = new Float64Array(n).fill(1);
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round < Math.min(mostRounds, MOST_ROUNDS); round++) {
    const columns = new Float64Array(n);
    for (const [i, keys] of seen.entries()) {
      const weights = weightsOf(sizes, x, i, n, keys);
      if (keys.length === 0) continue;
      const allowance = blocks.assemble(i, weights);
      const { value, vector } = pencil.largestAbove(blocks.sum, allowance, start);
      // The next token's matrix is much like this one's.
      if (value > 0) start = vector;
      for (const j of keys) columns[j] += value * weights[j];
      await turn();
    }
    const largest = columns.reduce((most, sum) => Math.max(most, sum), 0);
    const bound = Math.sqrt(largest);
    const gain = 1 - bound / best;
    best = Math.min(best, bound);
    if (!(gain >= LEAST_GAIN) || largest === 0) break;
    x = x.map((value, j) => Math.max(value * Math.sqrt(columns[j] / largest), 1e-12));
  }
  return heads.length === 0 ? 0 : best;
}

/** β_ij/x_j over the largest of its row: factors of a row change nothing. */
function weightsOf(
  sizes: Float64Array,
  x: ArrayLike<number>,
  i: number,
  n: number,
  keys: readonly number[],
): Float64Array {
  const weights = new Float64Array(n);
  let largest = 0;
  for (const j of keys) {
    weights[j] = sizes[i * n + j] / x[j];
    largest = Math.max(largest, weights[j]);
  }
  // Every block that may differ from zero needs a weight; where nothing is known to be large, all are alike.
  for (const j of keys) weights[j] = largest > 0 ? Math.max(weights[j] / largest, 1e-12) : 1;
  return weights;
}

/** W_O of all heads, [heads·dValue, dOut]. */
function stacked({ heads, spec }: HostPrimal): { data: Float64Array; columns: number } {
  const { dValue, dOut } = spec;
  const data = new Float64Array(heads.length * dValue * dOut);
  for (const [h, { output }] of heads.entries()) data.set(output, h * dValue * dOut);
  return { data, columns: dOut };
}

// The largest column sum that attention probabilities can have, from the mask and the range of the scores alone.
import type { ResolvedMask } from "../layers/attention/mask.js";

/** The largest probability among `visible` keys whose scores lie within 2·logit of each other. */
export function largestProbability(visible: number, logit: number): number {
  return visible === 0 ? 0 : 1 / (1 + (visible - 1) * Math.exp(-2 * logit));
}

/** max over k of Σ over the queries i that see k of the largest P_ik. */
export function largestColumnSum(mask: ResolvedMask, logit: number): number {
  return maxOf(columnTotals(mask, (visible) => largestProbability(visible, logit)));
}

/** The number of queries that see the most seen key, and of keys that the widest query sees. */
export function mostVisible(mask: ResolvedMask): { queries: number; keys: number } {
  let keys = 0;
  for (let i = 0; i < mask.n; i++) keys = Math.max(keys, visibleKeys(mask, i));
  return { queries: maxOf(columnTotals(mask, () => 1)), keys };
}

/** Σ over the queries i that see k of weight(number of keys that i sees), for each k. */
function columnTotals(mask: ResolvedMask, weight: (visible: number) => number): Float64Array {
  const { n, lo, hi, allowed } = mask;
  const totals = new Float64Array(n);
  for (let i = 0; i < n; i++) {
    const share = weight(visibleKeys(mask, i));
    for (let k = lo[i]; k < hi[i]; k++) totals[k] += allowed ? share * allowed[i * n + k] : share;
  }
  return totals;
}

function visibleKeys({ n, lo, hi, allowed }: ResolvedMask, i: number): number {
  if (!allowed) return hi[i] - lo[i];
  let count = 0;
  for (let k = lo[i]; k < hi[i]; k++) count += allowed[i * n + k];
  return count;
}

function maxOf(values: Float64Array): number {
  let largest = 0;
  for (const value of values) largest = Math.max(largest, value);
  return largest;
}

// Bounds of the literature that know of P only how sharp its rows are: Yudin et al. 2025 and Nair 2025, far looser than
// U_schur (docs/theory.md, section 8.3c).

import type { HostHead, HostPrimal } from "../layers/attention/hostPrimal.js";
import { collatzWielandt } from "../linalg/collatzWielandt.js";
import { product } from "../linalg/dense.js";
import { normAbove, transposed } from "../linalg/gram.js";
import type { WeightNorms } from "./weightNorms.js";

/**
 * Σ_h ‖W_V W_O‖(‖P‖ + c·‖X‖(2‖A‖‖X‖ + √n|g0|)), A = τ W_K W_Qᵀ and g0 = τ W_K b_Q: with c the largest g1 of a row
 * (yudin), and with c = ½ (nair). Dot-product attention without rotary positions, any mask.
 */
export function softmaxBounds(primal: HostPrimal, weights: WeightNorms): { yudin: number; nair: number } {
  const { n, x, spec, heads } = primal;
  const { dIn, dHead, scale, query: queries } = spec;
  const size = normAbove(x, n, dIn);
  const parts = heads.map((head, h) => {
    const { map, keyFactor, queryFactor } = weights.heads[h];
    const a =
      Math.abs(scale) *
      normAbove(product(transposed(keyFactor, dHead, dHead), queryFactor, dHead, dHead, dHead), dHead, dHead);
    const bias = queries.bias ? Float64Array.from(queries.bias.subarray(h * dHead, (h + 1) * dHead)) : undefined;
    const g0 = bias ? Math.abs(scale) * normAbove(product(head.key, bias, dIn, dHead, 1), dIn, 1) : 0;
    return { map, pattern: collatzWielandt(head.p, n), scores: size * (2 * a * size + Math.sqrt(n) * g0), head };
  });
  const sum = (sharpness: (head: HostHead) => number) =>
    parts.reduce((total, { map, pattern, scores, head }) => total + map * (pattern + sharpness(head) * scores), 0);
  return { yudin: sum(({ p }) => Math.max(...sharpness(p, n))), nair: sum(() => 0.5) };
}

/** g1(p) = p₁(1 − p₁ + p₂) of each row of P [n, n], p₁ ≥ p₂ its largest entries: above the norm of softmax's derivative. */
export function sharpness(p: Float64Array, n: number): Float64Array {
  return Float64Array.from({ length: n }, (_, i) => {
    let [first, second] = [0, 0];
    for (let j = 0; j < n; j++) {
      const value = p[i * n + j];
      if (value > first) [first, second] = [value, first];
      else if (value > second) second = value;
    }
    return first * (1 - first + second);
  });
}

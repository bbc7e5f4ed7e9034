// What the local bounds need of a layer's weights alone, each from above. Factors L with L Lᵀ ⪰ W Wᵀ stand for weights
// wherever only lengths matter: |L ᵀz| ≥ |Wᵀz|, at the width of a head instead of the model's.

import type { HostPrimal } from "../layers/attention/hostPrimal.js";
import { factorAbove, largestEigenvalueAbove } from "../linalg/cholesky.js";
import { product } from "../linalg/dense.js";
import { congruence, gramAbove, normAbove, transposed } from "../linalg/gram.js";

export interface HeadNorms {
  /** ‖W_V,h W_O,h‖ and ‖W_V,h‖. */
  readonly map: number;
  readonly value: number;
  /** ⪰ W_VᵀW_V [dValue, dValue], ⪰ W_KᵀW_K [dHead, dHead]; W_VᵀW_K [dValue, dHead]. */
  readonly valueGram: Float64Array;
  readonly keyGram: Float64Array;
  readonly valueKey: Float64Array;
  /** L Lᵀ ⪰ W_O,h W_O,hᵀ [dValue, dValue], ⪰ W_Q,hᵀ W_Q,h and ⪰ W_K,hᵀ W_K,h [dHead, dHead]. */
  readonly outputFactor: Float64Array;
  readonly queryFactor: Float64Array;
  readonly keyFactor: Float64Array;
}

export interface WeightNorms {
  readonly heads: readonly HeadNorms[];
  /** ‖W_O‖ and ‖W_Q‖ of all heads together, ‖Σ_h W_V,h W_O,h‖, and the norm of the W_V,h W_O,h stacked. */
  readonly output: number;
  readonly query: number;
  readonly sum: number;
  readonly stack: number;
  /** R [heads·dValue, m] with R Rᵀ ⪰ W_O W_Oᵀ and m = min(dOut, heads·dValue); LQ [heads·dHead, heads·dHead]. */
  readonly wide?: { readonly r: Float64Array; readonly m: number; readonly queryFactor: Float64Array };
}

/**
 * @param wide whether to solve problems of the width of all heads together: without, `output`, `query`, `sum` and
 *   `stack` are sums over heads, which are larger
 */
export function weightNorms(primal: HostPrimal, wide: boolean): WeightNorms {
  const { dIn, dOut, dHead, dValue } = primal.spec;
  const count = primal.heads.length;
  const heads = primal.heads.map(({ query, key, value, output }): HeadNorms => {
    const valueRows = transposed(value, dIn, dValue);
    const valueGram = gramAbove(valueRows, dValue, dIn);
    const keyGram = gramAbove(transposed(key, dIn, dHead), dHead, dIn);
    const outputFactor = factorAbove(gramAbove(output, dValue, dOut), dValue);
    return {
      map: normAbove(productOfFactors(factorAbove(valueGram, dValue), outputFactor, dValue), dValue, dValue),
      value: normAbove(value, dIn, dValue),
      valueGram,
      keyGram,
      keyFactor: factorAbove(keyGram, dHead),
      valueKey: product(valueRows, key, dValue, dIn, dHead),
      outputFactor,
      queryFactor: factorAbove(gramAbove(transposed(query, dIn, dHead), dHead, dIn), dHead),
    };
  });
  if (!wide) {
    const outputs = primal.heads.map(({ output }) => normAbove(output, dValue, dOut));
    const queries = primal.heads.map(({ query }) => normAbove(query, dIn, dHead));
    const maps = heads.map(({ map }) => map);
    return {
      heads,
      output: Math.hypot(...outputs),
      query: Math.hypot(...queries),
      sum: maps.reduce((sum, map) => sum + map, 0),
      stack: Math.hypot(...maps),
    };
  }
  const width = count * dValue;
  const outputs = new Float64Array(width * dOut);
  const queryRows = new Float64Array(count * dHead * dIn);
  const valueRows = new Float64Array(width * dIn);
  for (const [h, { query, value, output }] of primal.heads.entries()) {
    outputs.set(output, h * dValue * dOut);
    queryRows.set(transposed(query, dIn, dHead), h * dHead * dIn);
    valueRows.set(transposed(value, dIn, dValue), h * dValue * dIn);
  }
  const m = Math.min(dOut, width);
  const r = dOut <= width ? outputs : factorAbove(gramAbove(outputs, width, dOut), width);
  const valueFactor = factorAbove(gramAbove(valueRows, width, dIn), width);
  const blocks = new Float64Array(m * m);
  for (const [h, { valueGram }] of heads.entries()) {
    const part = congruence(valueGram, r.subarray(h * dValue * m, (h + 1) * dValue * m), dValue, m);
    for (let at = 0; at < blocks.length; at++) blocks[at] += part[at];
  }
  return {
    heads,
    output: normAbove(outputs, width, dOut),
    query: normAbove(queryRows, count * dHead, dIn),
    sum: normAbove(product(transposed(valueFactor, width, width), r, width, width, m), width, m),
    stack: Math.sqrt(largestEigenvalueAbove(blocks, m)),
    wide: { r, m, queryFactor: factorAbove(gramAbove(queryRows, count * dHead, dIn), count * dHead) },
  };
}

/** LᵀM for [n, n]. */
function productOfFactors(l: Float64Array, m: Float64Array, n: number): Float64Array {
  return product(transposed(l, n, n), m, n, n, n);
}

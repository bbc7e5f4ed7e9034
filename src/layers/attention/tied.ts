// Weights that L2 attention shares between its maps (Kim et al. 2021).
import { wrongKind } from "../../base/check.js";
import type { ResolvedLinear } from "../linear.js";

/** The key's map where a spec leaves it out: the query's own. */
export function tiedKey(kind: string, query: ResolvedLinear, heads: number, kvHeads: number): ResolvedLinear {
  if (kind !== "l2") throw new TypeError('"spec.key": expected a linear map; only kind "l2" can do without one');
  if (kvHeads !== heads) {
    throw new RangeError(
      `"spec.kvHeads": expected heads = ${heads} where the key is tied to the query, got ${kvHeads}`,
    );
  }
  return query;
}

/** Whether the value map is tied too; RangeError where the rest of the spec does not allow it. */
export function checkTiedValue(spec: {
  kind?: string;
  key?: object;
  query: { bias?: unknown };
  tiedValue?: boolean;
}): boolean {
  const { tiedValue = false } = spec;
  if (typeof tiedValue !== "boolean") throw wrongKind("spec.tiedValue", "true or false", tiedValue);
  if (!tiedValue) return false;
  if (spec.kind !== "l2") throw new RangeError('"spec.tiedValue": expected kind "l2", got "dot-product"');
  if (spec.key !== undefined) throw new RangeError('"spec.tiedValue": expected a tied key: leave "spec.key" out');
  if (spec.query.bias !== undefined) throw new RangeError('"spec.tiedValue": expected a query without a bias');
  return true;
}

/** scale·W_Q,h (W_Q,hᵀ W_V,h) for every head, [dIn, heads·dValue], in doubles; the bias stays. */
export function tiedValueMap(
  query: ResolvedLinear,
  value: ResolvedLinear,
  heads: number,
  scale: number,
): ResolvedLinear {
  const { dIn } = query;
  const dHead = query.dOut / heads;
  const dValue = value.dOut / heads;
  const weight = new Float64Array(dIn * value.dOut);
  for (let h = 0; h < heads; h++) {
    const product = new Float64Array(dHead * dValue);
    for (let e = 0; e < dIn; e++) {
      for (let r = 0; r < dHead; r++) {
        const q = query.weight[e * query.dOut + h * dHead + r];
        for (let c = 0; c < dValue; c++) product[r * dValue + c] += q * value.weight[e * value.dOut + h * dValue + c];
      }
    }
    for (let e = 0; e < dIn; e++) {
      for (let r = 0; r < dHead; r++) {
        const q = scale * query.weight[e * query.dOut + h * dHead + r];
        for (let c = 0; c < dValue; c++) weight[e * value.dOut + h * dValue + c] += q * product[r * dValue + c];
      }
    }
  }
  return { ...value, weight };
}

// The weights of a layer head by head: the COLUMNS h·dHead … (h + 1)·dHead of the maps, the rows of the output map.

import type { RealArray } from "../base/tensor.js";
import type { ResolvedSpec } from "../layers/attention/spec.js";
import { apply, columnsOf, type Matrix, rowsOf, transposed } from "../linalg/matrix.js";
import { norm } from "../linalg/vector.js";
import type { HeadNorms } from "./reach.js";
import type { WeightNorms } from "./weightNorms.js";

export interface LayerHead {
  /** [dIn, dHead] */
  readonly query: Matrix;
  readonly key: Matrix;
  /** [dIn, dValue] */
  readonly value: Matrix;
  /** [dValue, dOut]; undefined where heads are concatenated. */
  readonly output?: Matrix;
  /** [dHead] */
  readonly queryBias?: RealArray;
  readonly keyBias?: RealArray;
}

export function layerHead(spec: ResolvedSpec, h: number): LayerHead {
  const { heads, kvHeads, dHead, dValue, query, key, value, output } = spec;
  const group = Math.floor((h * kvHeads) / heads);
  return {
    query: columnsOf(query.weight, query.dOut, h * dHead, (h + 1) * dHead),
    key: columnsOf(key.weight, key.dOut, group * dHead, (group + 1) * dHead),
    value: columnsOf(value.weight, value.dOut, group * dValue, (group + 1) * dValue),
    output: output && rowsOf(output.weight, output.dOut, h * dValue, (h + 1) * dValue),
    queryBias: query.bias?.subarray(h * dHead, (h + 1) * dHead),
    keyBias: key.bias?.subarray(group * dHead, (group + 1) * dHead),
  };
}

/** The norms of head h that the theorems take; normV is 1, ‖W_V‖ and ‖W_V W_O‖ stand beside it. */
export async function headNorms(
  spec: ResolvedSpec,
  h: number,
  norms: WeightNorms,
): Promise<HeadNorms & { value: number; valueOutput: number }> {
  const scale = Math.abs(spec.scale);
  const { query, key, value, output, queryBias, keyBias } = layerHead(spec, h);
  const normValue = await norms.norm(value);
  const values = {
    normV: 1,
    value: normValue,
    valueOutput: output ? await norms.productNorm(value, output) : normValue,
  };
  if (!spec.frequencies) {
    const normG0 = queryBias ? scale * norm(apply(key, queryBias)) : 0;
    return { ...values, normA: scale * (await norms.productNorm(key, transposed(query))), normG0 };
  }
  const [normQuery, normKey] = [await norms.norm(query), await norms.norm(key)];
  const [q0, k0] = [norm(queryBias ?? []), norm(keyBias ?? [])];
  return {
    ...values,
    normA: scale * normKey * normQuery,
    normG0: scale * normKey * q0,
    rope: { normK0: scale * normQuery * k0, biasLogit: scale * q0 * k0 },
  };
}

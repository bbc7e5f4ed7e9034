// The bounds of an L2-MHA layer, from its weights.

import { checkInteger, checkNumber } from "../base/check.js";
import { tensor } from "../base/tensor.js";
import type { AttentionSpec } from "../layers/attention/spec.js";
import { resolveLinear } from "../layers/linear.js";
import { columnsOf, identity, type Matrix } from "../linalg/matrix.js";
import { type Bound, refused, type WithBest, withSmallest } from "./bound.js";
import { type L2Bounds, l2, l2Of, visibility } from "./l2.js";
import type { WeightNorms } from "./weightNorms.js";

/** @throws RangeError for L2 attention that the theorems do not cover: keys or values of their own, a query bias */
export async function l2OfLayer(
  spec: AttentionSpec,
  n: number,
  norm: 2 | typeof Infinity,
  norms: WeightNorms,
): Promise<WithBest<L2Bounds>> {
  const { heads, wo, scale } = tiedWeights(spec);
  const { mask } = spec;
  if (norm !== 2) {
    const asTensor = ({ data, rows, columns }: Matrix) => tensor(data, [rows, columns]);
    const tensors = heads.map(({ wq, wv }) => ({ wq: asTensor(wq), wv: asTensor(wv) }));
    return l2({ n, heads: tensors, wo: asTensor(wo), scale, norm, mask });
  }
  const headNorms: { query: number; value: number }[] = [];
  for (const { wq, wv } of heads) headNorms.push({ query: await norms.norm(wq), value: await norms.norm(wv) });
  const output = spec.output ? await norms.norm(wo) : 1;
  const { kim, sharp } = l2Of({ scale, heads: headNorms, output }, n, visibility(n, mask ?? "none"));
  const { assumption } = norms;
  const weaken = (bound: Bound): Bound =>
    assumption ? { ...bound, kind: "probable", assumptions: [...bound.assumptions, assumption] } : bound;
  return withSmallest({ kim: weaken(kim), ...(sharp ? { sharp: weaken(sharp) } : {}) });
}

function tiedWeights(spec: AttentionSpec): { heads: { wq: Matrix; wv: Matrix }[]; wo: Matrix; scale: number } {
  const theorem = "the L2 bound";
  const instead = "the bounds at one input hold for all L2 attention";
  if (spec.key !== undefined) throw refused(theorem, "keys tied to the queries (no spec.key)", instead);
  if (!spec.tiedValue) throw refused(theorem, "values tied to the queries (spec.tiedValue)", instead);
  const query = resolveLinear("spec.query", spec.query);
  if (query.bias?.some((entry) => entry !== 0)) throw refused(theorem, "no query bias", instead);
  const value = resolveLinear("spec.value", spec.value, query.dIn);
  const count = checkInteger("spec.heads", spec.heads, 1);
  const dHead = query.dOut / checkDivisor("spec.query", query.dOut, count);
  const dValue = value.dOut / checkDivisor("spec.value", value.dOut, count);
  const output = spec.output && resolveLinear("spec.output", spec.output, value.dOut);
  const heads = Array.from({ length: count }, (_, h) => ({
    wq: columnsOf(query.weight, query.dOut, h * dHead, (h + 1) * dHead),
    wv: columnsOf(value.weight, value.dOut, h * dValue, (h + 1) * dValue),
  }));
  const wo = output
    ? { rows: output.dIn, columns: output.dOut, data: Float64Array.from(output.weight) }
    : identity(value.dOut);
  const scale = spec.scale === undefined ? 1 / Math.sqrt(dHead) : checkNumber("spec.scale", spec.scale, 0);
  return { heads, wo, scale };
}

function checkDivisor(label: string, columns: number, heads: number): number {
  if (columns % heads !== 0) {
    throw new RangeError(`"${label}": expected columns that heads = ${heads} divides, got ${columns}`);
  }
  return heads;
}

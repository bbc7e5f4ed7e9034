// Norms of queries and keys, in the order of channels that the projections have.
import { tensor } from "../../base/tensor.js";
import type { ScoreNormSpec } from "../../layers/attention/scoreNorm.js";
import type { WeightSource } from "../forward/weights.js";
import type { Read } from "./architecture.js";
import type { ConfigFile } from "./config.js";
import type { Family, QueryKeyNorms } from "./family.js";
import { of } from "./of.js";
import { channelGains, channelOrder, type Rotation } from "./projections.js";
import type { Sizes } from "./sizes.js";

/** What the attention spec has of them. */
export function queryKeyNorms(
  config: ConfigFile,
  weights: WeightSource,
  family: Family,
  sizes: Sizes,
  path: string,
  rotation: Rotation | undefined,
): Read<{ queryNorm: ScoreNormSpec; keyNorm: ScoreNormSpec }> | undefined {
  const rule = of(family.queryKeyNorms, config);
  if (!rule) return undefined;
  const words = rule.words ?? ["q", "k"];
  const [query, key] = [sizes.heads, sizes.kvHeads].map((heads, at) =>
    scoreNorm(weights, family, rule, sizes, path + rule.name.replace("{}", words[at]), heads, {
      rotation,
      // The factor of the rotated scores: behind a norm, which takes it out of the query's map, it is the norm's.
      gain: at === 0 && rotation ? rotation.gain : 1,
    }),
  );
  return async () => ({ queryNorm: await query(), keyNorm: await key() });
}

function scoreNorm(
  weights: WeightSource,
  family: Family,
  rule: QueryKeyNorms,
  { headSize, epsilon }: Sizes,
  name: string,
  heads: number,
  { rotation, gain }: { rotation?: Rotation; gain: number },
): Read<ScoreNormSpec> {
  const { over, weightless = false, bias = false, afterRope = false } = rule;
  const shape = over === "head" ? [headSize] : over === "each-head" ? [heads, headSize] : [heads * headSize];
  const order = rotation && channelOrder(headSize, rotation);
  const factors = rotation && gain !== 1 ? channelGains(headSize, { ...rotation, gain }) : undefined;
  const apart = name.includes("{head}");
  const stored = (part: string) =>
    apart
      ? Array.from({ length: heads }, (_, h) => `${name.replace("{head}", String(h))}.${part}`)
      : [`${name}.${part}`];
  const storedShape = apart ? [headSize] : shape;
  for (const part of weightless ? [] : bias ? ["weight", "bias"] : ["weight"]) {
    for (const tensorName of stored(part)) weights.require(tensorName, storedShape);
  }
  const read = async (part: string, offset: number) => {
    const length = shape.reduce((product, extent) => product * extent, 1);
    const data = new Float64Array(length).fill(1);
    if (!weightless) {
      let at = 0;
      for (const tensorName of stored(part)) {
        const own = (await weights.tensor(tensorName)).data;
        for (const entry of own) data[at++] = entry + offset;
      }
    }
    const from = (at: number) => (order ? at - (at % headSize) + order[at % headSize] : at);
    const turned = data.map((_, at) => data[from(at)] * (factors ? factors[at % headSize] : 1));
    return tensor(turned, [...shape]);
  };
  return async () => ({
    kind: family.norm,
    gain: await read("weight", weightless ? 0 : (family.gainOffset ?? 0)),
    ...(bias ? { bias: await read("bias", 0) } : {}),
    epsilon,
    ...(afterRope ? { afterRope } : {}),
  });
}

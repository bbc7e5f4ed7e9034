// The attention of a layer: its maps, positions, mask, and what changes its scores.
import { sizeOf, type Tensor, tensor } from "../../base/tensor.js";
import type { ScoreBias } from "../../layers/attention/bias.js";
import type { AttentionSpec } from "../../layers/attention/spec.js";
import type { WeightSource } from "../forward/weights.js";
import type { AttentionBranch, Read } from "./architecture.js";
import { branchScaleOf } from "./branchScale.js";
import type { ConfigFile } from "./config.js";
import type { Family } from "./family.js";
import { gridAngles, gridBias, patchesOf } from "./image.js";
import { maskOf } from "./layerTypes.js";
import { linear } from "./modules.js";
import { of } from "./of.js";
import { projections, type Rotation } from "./projections.js";
import { queryKeyNorms } from "./queryKeyNorms.js";
import { type Rotary, rotary } from "./rope.js";
import type { Sizes } from "./sizes.js";

type AttentionParts = Pick<AttentionBranch, "spec" | "regime">;

/** The attention of layer `layer` of a model whose names begin with `prefix`, and its own with `path`. */
export function attentionOf(
  config: ConfigFile,
  weights: WeightSource,
  family: Family,
  sizes: Sizes,
  layer: number,
  prefix: string,
  path: string,
): AttentionParts {
  const { width, heads, kvHeads, headSize } = sizes;
  const positions = rotaryOf(config, family, sizes, layer);
  const maps = projections(weights, {
    name: path + family.qkv,
    words: family.words ?? ["q", "k", "v"],
    fusion: of(family.fusion, config),
    width,
    heads,
    kvHeads,
    headSize,
    bias: family.bias?.(config, "query"),
    transposed: family.transposed,
    rotation: positions?.rotation,
    normed: of(family.queryKeyNorms, config) !== undefined,
  });
  const output = linear(weights, {
    name: path + family.output,
    dIn: heads * headSize,
    dOut: width,
    bias: family.bias?.(config, "output"),
    transposed: family.transposed,
  });
  const scale = (family.scale?.(config, layer, headSize) ?? 1 / Math.sqrt(headSize)) * (positions?.rotary.gain ?? 1);
  const mask = maskOf(config, family, layer);
  const softcap = family.softcap?.(config);
  const norms = queryKeyNorms(config, weights, family, sizes, path, positions?.rotation);
  const bias = biasOf(config, weights, family, sizes, layer, prefix, scale);
  const sinks = family.sinks === undefined ? undefined : vector(weights, path + family.sinks, heads);
  const branchScale = branchScaleOf(config, weights, family, width, path, 0);
  const angles =
    family.image && family.gridTheta
      ? gridAngles(patchesOf(config, family.image, width, prefix), headSize, family.gridTheta(config))
      : undefined;
  return {
    regime: (tokens) => positions?.rotary.regime(tokens) ?? 0,
    async spec(tokens) {
      const [query, key, value] = await maps();
      return {
        heads,
        ...(kvHeads === heads ? {} : { kvHeads }),
        query,
        key,
        value,
        output: await branchScale(await output()),
        scale,
        mask,
        ...(positions ? { rope: { frequencies: positions.rotary.frequencies(tokens) } } : {}),
        ...(angles ? { rope: { angles } } : {}),
        ...(softcap === undefined ? {} : { softcap }),
        ...(norms ? await norms() : {}),
        ...(bias ? { bias: await bias() } : {}),
        ...(sinks ? { sinks: await sinks() } : {}),
      };
    },
  };
}

/** Attention to the encoder's output, whose width is the same. */
export function crossAttentionOf(
  config: ConfigFile,
  weights: WeightSource,
  family: Family,
  { width, heads, headSize }: Sizes,
  path: string,
): Read<AttentionSpec> {
  const cross = family.cross!;
  const words = family.words ?? ["q", "k", "v"];
  const bias = family.bias?.(config, "query");
  const maps = projections(weights, {
    ...{ name: path + cross.qkv, words, width, heads, kvHeads: heads, headSize, bias },
  });
  const output = linear(weights, {
    name: path + cross.output,
    dIn: heads * headSize,
    dOut: width,
    bias: family.bias?.(config, "output"),
  });
  const scale = family.scale?.(config, 0, headSize) ?? 1 / Math.sqrt(headSize);
  return async () => {
    const [query, key, value] = await maps();
    return { heads, query, key, value, output: await output(), scale, mask: "none" };
  };
}

function vector(weights: WeightSource, name: string, length: number): Read<Tensor> {
  weights.require(name, [length]);
  return () => weights.tensor(name);
}

function rotaryOf(
  config: ConfigFile,
  family: Family,
  { headSize, context }: Sizes,
  layer: number,
): { rotary: Rotary; rotation: Rotation } | undefined {
  const rule = of(family.rope, config);
  const windowed = family.windowed?.(config, layer) ?? false;
  if (!rule || !(family.rotates?.(config, layer, windowed) ?? true)) return undefined;
  const made = rotary(config, rule, headSize, context, windowed && rule.windowed !== undefined);
  const neighbours = of(rule.neighbours ?? false, config);
  return {
    rotary: made,
    rotation: { width: made.width, neighbours, last: rule.last ?? false, gain: made.rotatedGain },
  };
}

/** What is added to the scores: slopes of distances, or a learned table by buckets of distances. */
function biasOf(
  config: ConfigFile,
  weights: WeightSource,
  family: Family,
  { heads, width }: Sizes,
  layer: number,
  prefix: string,
  scale: number,
): Read<ScoreBias> | undefined {
  const slopes = family.slopes?.(config, heads, scale);
  if (slopes) return async () => ({ alibi: slopes });
  const patches = family.image && family.patchDistances?.(config)?.replace("{}", String(layer));
  if (patches) return gridBias(weights, prefix + patches, patchesOf(config, family.image!, width, prefix), heads);
  if (!family.distances) return undefined;
  const { name, buckets, distance } = family.distances;
  const table = prefix + name.replace("{}", String(layer));
  const [rows, maxDistance] = [buckets(config), distance(config)];
  const stored = weights.shape(table)?.[0] ?? rows;
  weights.require(table, [Math.max(stored, rows), heads]);
  const bidirectional = of(family.bothSides ?? false, config);
  return async () => {
    const { data } = await weights.tensor(table);
    const shape = [rows, heads];
    return { table: tensor(data.subarray(0, sizeOf(shape)), shape), maxDistance, bidirectional };
  };
}

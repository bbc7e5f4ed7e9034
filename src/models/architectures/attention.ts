// The attention of a layer: its maps, positions, mask, and what changes its scores.
import { ModelError } from "../../base/errors.js";
import type { AttentionSpec } from "../../layers/attention/spec.js";
import type { Linear } from "../../layers/linear.js";
import type { WeightSource } from "../forward/weights.js";
import type { AttentionBranch } from "./architecture.js";
import type { ConfigFile } from "./config.js";
import { type Family, of } from "./family.js";
import { maskOf } from "./layerTypes.js";
import { linear, scaledLinear } from "./modules.js";
import { projections, type Rotation } from "./projections.js";
import { type Rotary, rotary } from "./rope.js";
import type { Sizes } from "./sizes.js";

type AttentionParts = Pick<AttentionBranch, "spec" | "regime">;

/** The attention of layer `layer`, whose tensors' names begin with `prefix`. */
export function attentionOf(
  config: ConfigFile,
  weights: WeightSource,
  family: Family,
  sizes: Sizes,
  layer: number,
  prefix: string,
): AttentionParts {
  const { width, heads, kvHeads, headSize } = sizes;
  const positions = rotaryOf(config, family, sizes, layer);
  const maps = projections(weights, {
    name: prefix + family.qkv,
    words: family.words ?? ["q", "k", "v"],
    fusion: of(family.fusion, config),
    width,
    heads,
    kvHeads,
    headSize,
    bias: family.bias?.(config, "query"),
    transposed: family.transposed,
    rotation: positions?.rotation,
  });
  const output = linear(weights, {
    name: prefix + family.output,
    dIn: heads * headSize,
    dOut: width,
    bias: family.bias?.(config, "output"),
    transposed: family.transposed,
  });
  const scale = (family.scale?.(config, layer, headSize) ?? 1 / Math.sqrt(headSize)) * (positions?.rotary.gain ?? 1);
  const mask = maskOf(config, family, layer);
  const softcap = family.softcap?.(config);
  const slopes = family.slopes?.(config, heads, scale);
  const norms = of(family.queryKeyNorms, config);
  refuseMissing(config, { "a soft-cap": softcap, "slopes of positions": slopes, "norms of queries and keys": norms });
  const residual = family.residual?.(config) ?? 1;
  return {
    regime: (tokens) => positions?.rotary.regime(tokens) ?? 0,
    async spec(tokens) {
      const [query, key, value] = await maps();
      const spec: AttentionSpec = {
        heads,
        ...(kvHeads === heads ? {} : { kvHeads }),
        query,
        key,
        value,
        output: times(await output(), residual),
        scale,
        mask,
      };
      if (positions) spec.rope = { frequencies: positions.rotary.frequencies(tokens) };
      return spec;
    },
  };
}

function times(map: Linear, factor: number): Linear {
  return factor === 1 ? map : scaledLinear(map, factor);
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

/** Refuses by name what attention layers can't do yet. */
function refuseMissing(config: ConfigFile, wanted: Readonly<Record<string, unknown>>): void {
  for (const [what, value] of Object.entries(wanted)) {
    if (value === undefined) continue;
    throw new ModelError(`${config.file}: the attention of this model has ${what}; not implemented`, config.file);
  }
}

// The sizes of a model, under whichever names its config.json has them, and the prefix of its tensors.
import type { WeightSource } from "../forward/weights.js";
import type { ConfigFile } from "./config.js";
import type { Family } from "./family.js";

export interface Sizes {
  readonly width: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly headSize: number;
  readonly layers: number;
  readonly context: number;
  readonly epsilon: number;
}

const widthKeys = ["hidden_size", "n_embd", "d_model", "n_embed", "dim"];
const headKeys = ["num_attention_heads", "n_head", "n_heads", "num_heads", "attention_heads"];
export const layerKeys = ["num_hidden_layers", "n_layer", "n_layers", "num_layers"];

/** @throws ModelError for a size that is missing, or doesn't fit the others */
export function sizesOf(config: ConfigFile, family: Family): Sizes {
  const own = (keys: readonly string[]) => config.name(keys.filter((key) => config.has(key)).concat(preferred(keys)));
  const preferred = (keys: readonly string[]) => keys.find((key) => family.keys?.includes(key)) ?? keys[0];
  const [widthKey, headsKey] = [own(widthKeys), own(family.sizeKeys?.heads ?? headKeys)];
  const width = config.count(widthKey);
  const heads = config.count(headsKey);
  const kvHeads = kvHeadsOf(config, family, heads);
  if (heads % kvHeads !== 0) throw config.wrong("num_key_value_heads", `a divisor of ${headsKey} = ${heads}`);
  const sizeKey = family.sizeKeys?.headSize ?? "head_dim";
  const ownSize = config.value(sizeKey) ?? (config.has(sizeKey) ? undefined : family.headSize);
  if (ownSize === undefined && width % heads !== 0) throw config.wrong(headsKey, `a divisor of ${widthKey} = ${width}`);
  const headSize = ownSize === undefined ? width / heads : config.count(sizeKey, family.headSize);
  const layers = config.count(own(family.sizeKeys?.layers ?? layerKeys));
  const context = family.context.keys.length
    ? config.count(config.name(family.context.keys), family.context.absent)
    : family.context.absent!;
  const { key, absent } = family.epsilon;
  return { width, heads, kvHeads, headSize, layers, context, epsilon: key ? config.positive(key, absent) : absent };
}

function kvHeadsOf(config: ConfigFile, family: Family, heads: number): number {
  if (typeof family.kvHeads === "function") return family.kvHeads(config, heads);
  if (config.has("num_key_value_heads")) return config.count("num_key_value_heads", heads);
  return family.kvHeads ?? heads;
}

/** Whether the file has the family's block 0. */
export function hasBlocks(config: ConfigFile, weights: WeightSource, family: Family): boolean {
  const probe = `${layerPath(config, family, 0)}${family.output}.weight`;
  return ["", ...family.prefix].some((prefix) => weights.has(prefix + probe));
}

/** The prefix under which the tensors of block 0 stand; where there are none, the one that they should have. */
export function prefixOf(config: ConfigFile, weights: WeightSource, family: Family): string {
  const probe = `${layerPath(config, family, 0)}${family.output}.weight`;
  return ["", ...family.prefix].find((prefix) => weights.has(prefix + probe)) ?? family.prefix[0] ?? "";
}

/** The prefix of a block's names, behind the model's own. */
export function layerPath(config: ConfigFile, { layer }: Family, index: number): string {
  return typeof layer === "function" ? layer(config, index) : layer.replace("{}", String(index));
}

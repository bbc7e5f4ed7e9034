// From the description of a family, a configuration and weights to an architecture.
import type { NormSpec } from "../../layers/norm.js";
import { refuseQuantization } from "../checkpoint/quantization.js";
import { soundEmbedding } from "../forward/soundEmbedding.js";
import type { WeightSource } from "../forward/weights.js";
import { type Architecture, type Block, blocks, type Read, type Stack } from "./architecture.js";
import { attentionOf, crossAttentionOf } from "./attention.js";
import type { ConfigFile } from "./config.js";
import { embeddingOf, type Input } from "./embedding.js";
import { expertsOf } from "./experts.js";
import type { Family } from "./family.js";
import { activationOf, feedForwardOf } from "./feedForward.js";
import { imageOf } from "./image.js";
import { refuseWindows } from "./layerTypes.js";
import { linear, norm } from "./modules.js";
import { of, ofLayer } from "./of.js";
import { layerPath, prefixOf, type Sizes, sizesOf } from "./sizes.js";
import { refuseUnread } from "./unread.js";

/**
 * Reads no weights; every tensor that will be read is announced.
 * @param name the model_type
 * @throws ModelError for a key that changes results and isn't implemented, a missing or misshapen tensor
 */
export function build(name: string, family: Family, file: ConfigFile, weights: WeightSource): Architecture {
  const config = family.defaults ? file.withDefaults(family.defaults) : file;
  const sizes = sizesOf(config, family);
  const prefix = prefixOf(config, weights, family);
  refuseQuantization(config);
  config.refuse(family.refuses ?? {});
  if (!family.windowed) refuseWindows(config);
  const layers = family.blocks?.(config, sizes.layers) ?? sizes.layers;
  const read = family.image ? imageOf : family.sound === undefined ? embeddingOf : soundOf;
  const { embedding, ...input } = read(config, weights, family, sizes, prefix);
  const made = blocks(layers, (layer) => blockOf(config, weights, family, sizes, prefix, layer));
  const final = finalOf(config, weights, family, sizes, prefix);
  refuseUnread(config, family.ignores ?? []);
  return {
    config: {
      architecture: name,
      layers,
      width: sizes.width,
      heads: sizes.heads,
      kvHeads: sizes.kvHeads,
      headSize: sizes.headSize,
      ...input,
    },
    stacks: [
      {
        name: family.stack ?? "decoder",
        width: sizes.width,
        heads: sizes.heads,
        embedding,
        blocks: made,
        finalNorm: final,
        head: headOf(config, weights, family, sizes, prefix, input.vocabulary),
      },
    ],
  };
}

/** The input of a model that reads sound. */
function soundOf(config: ConfigFile, weights: WeightSource, family: Family, { width }: Sizes, prefix: string): Input {
  const context = config.count("max_source_positions", 1500);
  const bins = config.count("num_mel_bins", 80);
  const embedding = soundEmbedding(weights, { width, bins, context, prefix: prefix + family.sound });
  return { vocabulary: 0, context, embedding };
}

/** Files of blocks alone lack it, and no attention needs it. */
function finalOf(
  config: ConfigFile,
  weights: WeightSource,
  family: Family,
  sizes: Sizes,
  prefix: string,
): Read<NormSpec> | undefined {
  const name = of(family.final, config);
  if (!name || (of(family.normGain ?? true, config) && !weights.has(`${prefix}${name}.weight`))) return undefined;
  return normOf(config, weights, family, sizes, prefix + name);
}

function normOf(config: ConfigFile, weights: WeightSource, family: Family, sizes: Sizes, name: string): Read<NormSpec> {
  return norm(weights, name, {
    kind: family.norm,
    width: sizes.width,
    epsilon: sizes.epsilon,
    gainOffset: family.gainOffset,
    gain: of(family.normGain ?? true, config),
    bias: hasBias(config, family),
  });
}

/** The map to the logits, which the embeddings may share; encoders and models of images have none that is read. */
function headOf(
  config: ConfigFile,
  weights: WeightSource,
  family: Family,
  { width }: Sizes,
  prefix: string,
  outputs: number,
): Stack["head"] {
  if (
    (family.stack ?? "decoder") !== "decoder" ||
    family.cross ||
    (family.embedWidth?.(config, width) ?? width) !== width
  )
    return undefined;
  const own = ["lm_head", "embed_out", "output"].find((name) => weights.has(`${name}.weight`));
  const tied = config.flag("tie_word_embeddings", family.tied ?? false);
  const name = own ?? (tied ? prefix + family.embed : undefined);
  if (!name || !weights.has(`${name}.weight`)) return undefined;
  const stored = weights.shape(`${name}.weight`) ?? [outputs, width];
  return { outputs: stored[0], read: linear(weights, { name, dIn: width, dOut: stored[0] }) };
}

/** Whether the norms have a bias. */
export function hasBias(config: ConfigFile, family: Family): boolean {
  return family.norm === "layer" && of(family.normBias ?? true, config);
}

function blockOf(
  config: ConfigFile,
  weights: WeightSource,
  family: Family,
  sizes: Sizes,
  prefix: string,
  layer: number,
): Block {
  const path = prefix + layerPath(config, family, layer);
  const named = (name: string | undefined) =>
    name === undefined ? undefined : normOf(config, weights, family, sizes, path + name);
  const order = of(family.order, config);
  const [first, second] = ofLayer(family.norms, config, layer).map(named);
  const [attentionAfter, feedForwardAfter] = (family.branchNorms ?? []).map(named);
  const attention = attentionOf(config, weights, family, sizes, layer, prefix, path);
  const mixes = family.experts && !family.dense?.(config, layer);
  const feedForward = mixes
    ? expertsOf(
        config,
        weights,
        family.experts!,
        sizes.width,
        path,
        activationOf(config, weights, family, path),
        family.residual?.(config),
      )
    : feedForwardOf(config, weights, family, sizes.width, path);
  const crossSpec = family.cross && crossAttentionOf(config, weights, family, sizes, path);
  const crossNorm = named(family.cross?.norm);
  if (order === "post") {
    return {
      order: "sequential",
      attention: { ...attention, behind: first },
      cross: crossSpec && { spec: crossSpec, behind: crossNorm },
      feedForward: { spec: feedForward, behind: second },
    };
  }
  return {
    order,
    attention: { before: first, ...attention, after: attentionAfter },
    cross: crossSpec && { before: crossNorm, spec: crossSpec },
    feedForward: {
      before: second ?? (order === "parallel" ? first : undefined),
      spec: feedForward,
      after: feedForwardAfter,
    },
  };
}

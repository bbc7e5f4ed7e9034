// GPT-Neo (Black et al. 2021) under Hugging Face's names: GPT-2 with unscaled logits, no biases on query, key and
// value, and layers that see a window of the tokens before.
import type { Mask } from "../../layers/attention/mask.js";
import { byPosition, byToken, tokenEmbedding, tokenTable } from "../forward/embedding.js";
import type { WeightSource } from "../forward/weights.js";
import { type Architecture, blocks } from "./architecture.js";
import type { ConfigFile } from "./config.js";
import { layerNorm, linear } from "./modules.js";
import { slidingWindow } from "./slidingWindow.js";

/**
 * @param config Hugging Face's GPTNeoConfig
 * @throws ModelError for a key that changes results and isn't implemented, a missing or misshapen tensor
 */
export function gptNeo(config: ConfigFile, weights: WeightSource): Architecture {
  const width = config.count("hidden_size");
  const heads = config.count("num_heads");
  const vocabulary = config.count("vocab_size");
  const context = config.count("max_position_embeddings", 2048);
  const layers = config.count("num_layers");
  const inner = config.count("intermediate_size", 4 * width);
  const epsilon = config.positive("layer_norm_epsilon", 1e-5);
  const activation = config.activation("activation_function", "gelu_new");
  const headSize = config.headSize("hidden_size", "num_heads");
  config.refuse({ quantization_config: false });

  const prefix = weights.has("h.0.ln_1.weight") ? "" : "transformer.";
  const table = tokenTable(weights, `${prefix}wte.weight`, config.flag("tie_word_embeddings", true));
  const mask = layerMasks(config, layers);

  return {
    config: {
      architecture: "gpt_neo",
      layers,
      width,
      heads,
      kvHeads: heads,
      headSize,
      vocabulary,
      context,
      bosToken: config.token("bos_token_id", vocabulary),
    },
    embedding: tokenEmbedding(weights, {
      width,
      vocabulary,
      context,
      tables: [
        { name: table, size: vocabulary, rows: byToken },
        { name: `${prefix}wpe.weight`, size: context, rows: byPosition },
      ],
    }),
    normPlacement: "pre",
    blocks: blocks(layers, (layer) => {
      const name = (part: string) => `${prefix}h.${layer}.${part}`;
      const attentionNorm = layerNorm(weights, name("ln_1"), width, epsilon);
      const query = linear(weights, name("attn.attention.q_proj"), width, width, false);
      const key = linear(weights, name("attn.attention.k_proj"), width, width, false);
      const value = linear(weights, name("attn.attention.v_proj"), width, width, false);
      const output = linear(weights, name("attn.attention.out_proj"), width, width);
      const feedForwardNorm = layerNorm(weights, name("ln_2"), width, epsilon);
      const up = linear(weights, name("mlp.c_fc"), width, inner);
      const down = linear(weights, name("mlp.c_proj"), inner, width);
      return {
        attentionNorm,
        attention: async () => ({
          heads,
          query: await query(),
          key: await key(),
          value: await value(),
          output: await output(),
          scale: 1,
          mask: mask(layer),
        }),
        feedForwardNorm,
        feedForward: async () => ({ up: await up(), down: await down(), activation }),
      };
    }),
  };
}

/** "global" or "local" by layer: attention_layers, else attention_types, which says [[kinds, times], …]. */
function layerMasks(config: ConfigFile, layers: number): (layer: number) => Mask {
  const key = config.values["attention_layers"] == null ? "attention_types" : "attention_layers";
  const value = config.values[key] ?? [[["global", "local"], 12]];
  const kinds = key === "attention_types" ? expand(value, layers) : value;
  if (!Array.isArray(kinds) || kinds.length !== layers || kinds.some((kind) => kind !== "global" && kind !== "local")) {
    throw config.wrong(key, `"global" or "local" for each of num_layers = ${layers} layers`, value);
  }
  const local = slidingWindow(config.count("window_size", 256));
  return (layer) => (kinds[layer] === "local" ? local : "causal");
}

/** The kinds of [[kinds, times], …], one after the other; undefined where it isn't that, or more than `most`. */
function expand(types: unknown, most: number): unknown[] | undefined {
  if (!Array.isArray(types)) return undefined;
  const kinds: unknown[] = [];
  for (const entry of types) {
    const [group, times] = Array.isArray(entry) ? entry : [];
    if (!Array.isArray(group) || !Number.isInteger(times) || kinds.length + times * group.length > most)
      return undefined;
    for (let i = 0; i < times; i++) kinds.push(...group);
  }
  return kinds;
}

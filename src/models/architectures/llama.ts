// Llama (Touvron et al. 2023) under Hugging Face's names, and what its descendants are made of. Its linear weights are
// stored [out, in].

import type { Activation } from "../../layers/activation.js";
import type { Mask } from "../../layers/attention/mask.js";
import { byToken, tokenEmbedding, tokenTable } from "../forward/embedding.js";
import type { WeightSource } from "../forward/weights.js";
import type { ModelConfig } from "../model.js";
import { type Architecture, blocks } from "./architecture.js";
import type { ConfigFile } from "./config.js";
import { linear, rmsNorm } from "./modules.js";
import { rotaryFrequencies } from "./rope.js";
import { refuseSlidingWindows } from "./slidingWindow.js";

/** Keys that would change the attention or the block, each with the value that changes nothing. */
const unimplemented = {
  attention_chunk_size: false,
  attn_logit_softcapping: false,
  query_pre_attn_scalar: false,
  attention_multiplier: false,
  residual_multiplier: 1,
  embedding_multiplier: 1,
  clip_qkv: false,
  use_qk_norm: false,
  dual_chunk_attention_config: false,
  use_mrope: false,
  use_bidirectional_attention: false,
  quantization_config: false,
};

/**
 * @param config Hugging Face's LlamaConfig
 * @throws ModelError for a key that changes results and isn't implemented, a missing or misshapen tensor
 */
export function llama(config: ConfigFile, weights: WeightSource): Architecture {
  const biased = config.flag("attention_bias", false);
  refuseSlidingWindows(config);
  return llamaLike(config, weights, {
    architecture: "llama",
    context: 2048,
    queryKeyValueBias: biased,
    outputBias: biased,
    feedForwardBias: config.flag("mlp_bias", false),
    activation: config.activation("hidden_act", "silu"),
  });
}

/** What a descendant of Llama does its own way, or sets otherwise where its config.json is silent. */
export interface LlamaVariant {
  architecture: ModelConfig["architecture"];
  /** Default of max_position_embeddings. */
  context: number;
  /** Default of head_dim; the width by the heads if absent. */
  headSize?: number;
  queryKeyValueBias?: boolean;
  outputBias?: boolean;
  feedForwardBias?: boolean;
  activation: Activation;
  /** Default of tie_word_embeddings. */
  tied?: boolean;
  embeddingScale?: number;
  /** Added to the stored gains of the norms. */
  gainOffset?: number;
  /** Default "causal" everywhere. */
  mask?: (layer: number) => Mask;
}

/** @throws ModelError, as `llama` does */
export function llamaLike(config: ConfigFile, weights: WeightSource, variant: LlamaVariant): Architecture {
  const { queryKeyValueBias = false, outputBias = false, feedForwardBias = false, gainOffset, activation } = variant;
  const width = config.count("hidden_size");
  const heads = config.count("num_attention_heads");
  const kvHeads = config.count("num_key_value_heads", heads);
  const headSize = config.count("head_dim", variant.headSize ?? width / heads);
  const inner = config.count("intermediate_size");
  const vocabulary = config.count("vocab_size");
  const context = config.count("max_position_embeddings", variant.context);
  const layers = config.count("num_hidden_layers");
  const epsilon = config.positive("rms_norm_eps", 1e-6);
  if (heads % kvHeads !== 0) throw config.wrong("num_key_value_heads", `a divisor of num_attention_heads = ${heads}`);
  const rope = { frequencies: rotaryFrequencies(config, headSize) };
  config.refuse(unimplemented);

  const prefix = weights.has("layers.0.input_layernorm.weight") ? "" : "model.";
  const tied = config.flag("tie_word_embeddings", variant.tied ?? false);

  return {
    config: {
      architecture: variant.architecture,
      layers,
      width,
      heads,
      kvHeads,
      headSize,
      vocabulary,
      context,
      bosToken: config.token("bos_token_id", vocabulary),
    },
    embedding: tokenEmbedding(weights, {
      width,
      vocabulary,
      context,
      tables: [{ name: tokenTable(weights, `${prefix}embed_tokens.weight`, tied), size: vocabulary, rows: byToken }],
      scale: variant.embeddingScale,
    }),
    normPlacement: "pre",
    blocks: blocks(layers, (layer) => {
      const name = (part: string) => `${prefix}layers.${layer}.${part}`;
      const attentionNorm = rmsNorm(weights, name("input_layernorm"), width, epsilon, gainOffset);
      const query = linear(weights, name("self_attn.q_proj"), width, heads * headSize, queryKeyValueBias);
      const key = linear(weights, name("self_attn.k_proj"), width, kvHeads * headSize, queryKeyValueBias);
      const value = linear(weights, name("self_attn.v_proj"), width, kvHeads * headSize, queryKeyValueBias);
      const output = linear(weights, name("self_attn.o_proj"), heads * headSize, width, outputBias);
      const feedForwardNorm = rmsNorm(weights, name("post_attention_layernorm"), width, epsilon, gainOffset);
      const gate = linear(weights, name("mlp.gate_proj"), width, inner, feedForwardBias);
      const up = linear(weights, name("mlp.up_proj"), width, inner, feedForwardBias);
      const down = linear(weights, name("mlp.down_proj"), inner, width, feedForwardBias);
      return {
        attentionNorm,
        attention: async () => ({
          heads,
          kvHeads,
          query: await query(),
          key: await key(),
          value: await value(),
          output: await output(),
          mask: variant.mask?.(layer) ?? "causal",
          rope,
        }),
        feedForwardNorm,
        feedForward: async () => ({ gate: await gate(), up: await up(), down: await down(), activation }),
      };
    }),
  };
}

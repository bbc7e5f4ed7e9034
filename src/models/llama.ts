// Llama (Touvron et al. 2023) under Hugging Face's names. Its linear weights are stored [out, in].
import type { Linear } from "../attention/spec.js";
import type { NormSpec } from "../runtime.js";
import type { Architecture } from "./architecture.js";
import type { ConfigFile } from "./config.js";
import { FeedForward } from "./feedForward.js";
import { transpose } from "./matrix.js";
import type { ModelConfig } from "./model.js";
import { lookUp, type WeightSource } from "./weights.js";

/** Keys that would change the attention or the block, each with the value that changes nothing. */
const unimplemented = {
  partial_rotary_factor: 1,
  attention_chunk_size: false,
  attn_logit_softcapping: false,
  query_pre_attn_scalar: false,
  attention_multiplier: false,
  residual_multiplier: 1,
  embedding_multiplier: 1,
  clip_qkv: false,
  use_qk_norm: false,
  quantization_config: false,
};

/**
 * @param config Hugging Face's LlamaConfig
 * @throws ModelError for a key that changes results and isn't implemented, a missing or misshapen tensor
 */
export function llama(config: ConfigFile, weights: WeightSource): Architecture {
  const width = config.count("hidden_size");
  const heads = config.count("num_attention_heads");
  const kvHeads = config.count("num_key_value_heads", heads);
  const headSize = config.count("head_dim", width / heads);
  const inner = config.count("intermediate_size");
  const vocabulary = config.count("vocab_size");
  const context = config.count("max_position_embeddings", 2048);
  const layers = config.count("num_hidden_layers");
  const epsilon = config.positive("rms_norm_eps", 1e-6);
  const activation = config.activation("hidden_act", "silu");
  const attentionBias = config.flag("attention_bias", false);
  const innerBias = config.flag("mlp_bias", false);
  const rope = { base: rotaryBase(config) };
  if (heads % kvHeads !== 0) throw config.wrong("num_key_value_heads", `a divisor of num_attention_heads = ${heads}`);
  if (headSize % 2 !== 0) throw config.wrong("head_dim", "an even number, for rotary positions");
  config.refuse(unimplemented);
  refuseSlidingWindows(config);

  const prefix = weights.has("layers.0.input_layernorm.weight") ? "" : "model.";
  const embedding = embeddingName();
  const block = (layer: number, name: string) => `${prefix}layers.${layer}.${name}`;
  weights.require(embedding, [vocabulary, width]);
  for (let layer = 0; layer < layers; layer++) {
    for (const [name, shape] of Object.entries(blockShapes())) weights.require(block(layer, name), shape);
  }

  /** A tied checkpoint may keep the shared table under the head's name only. */
  function embeddingName(): string {
    const name = `${prefix}embed_tokens.weight`;
    const tied = config.flag("tie_word_embeddings", false);
    return tied && !weights.has(name) && weights.has("lm_head.weight") ? "lm_head.weight" : name;
  }

  function blockShapes(): Record<string, number[]> {
    const shapes: Record<string, number[]> = {
      "input_layernorm.weight": [width],
      "post_attention_layernorm.weight": [width],
    };
    const add = (name: string, dIn: number, dOut: number, bias: boolean) => {
      shapes[`${name}.weight`] = [dOut, dIn];
      if (bias) shapes[`${name}.bias`] = [dOut];
    };
    add("self_attn.q_proj", width, heads * headSize, attentionBias);
    add("self_attn.k_proj", width, kvHeads * headSize, attentionBias);
    add("self_attn.v_proj", width, kvHeads * headSize, attentionBias);
    add("self_attn.o_proj", heads * headSize, width, attentionBias);
    add("mlp.gate_proj", width, inner, innerBias);
    add("mlp.up_proj", width, inner, innerBias);
    add("mlp.down_proj", inner, width, innerBias);
    return shapes;
  }

  async function linear(layer: number, name: string, bias: boolean): Promise<Linear> {
    const weight = transpose(await weights.tensor(block(layer, `${name}.weight`)));
    return bias ? { weight, bias: await weights.tensor(block(layer, `${name}.bias`)) } : { weight };
  }

  async function norm(layer: number, name: string): Promise<NormSpec> {
    return { kind: "rms", gain: await weights.tensor(block(layer, `${name}.weight`)), epsilon };
  }

  const summary: ModelConfig = {
    architecture: "llama",
    layers,
    width,
    heads,
    kvHeads,
    headSize,
    vocabulary,
    context,
    bosToken: config.token("bos_token_id", vocabulary),
  };

  return {
    config: summary,

    async embed(windows) {
      const tokens = windows.flat();
      const row = await lookUp(weights, embedding, tokens);
      const hidden = new Float64Array(tokens.length * width);
      for (const [at, token] of tokens.entries()) hidden.set(row(token), at * width);
      return hidden;
    },

    attentionNorm: (layer) => norm(layer, "input_layernorm"),

    async attention(layer) {
      return {
        heads,
        kvHeads,
        query: await linear(layer, "self_attn.q_proj", attentionBias),
        key: await linear(layer, "self_attn.k_proj", attentionBias),
        value: await linear(layer, "self_attn.v_proj", attentionBias),
        output: await linear(layer, "self_attn.o_proj", attentionBias),
        mask: "causal",
        rope,
      };
    },

    async feedForward(layer, runtime) {
      return new FeedForward(runtime, {
        norm: await norm(layer, "post_attention_layernorm"),
        gate: await linear(layer, "mlp.gate_proj", innerBias),
        up: await linear(layer, "mlp.up_proj", innerBias),
        down: await linear(layer, "mlp.down_proj", innerBias),
        activation,
      });
    },
  };
}

/** rope_theta, beside rope_scaling or inside rope_parameters (transformers 5); plain rotary positions only. */
function rotaryBase(config: ConfigFile): number {
  for (const key of ["rope_scaling", "rope_parameters"]) {
    const value = config.values[key] ?? {};
    if (typeof value !== "object") throw config.wrong(key, "an object or null");
    const { rope_type, type, partial_rotary_factor } = value as Record<string, unknown>;
    const plain = (rope_type ?? type ?? "default") === "default" && (partial_rotary_factor ?? 1) === 1;
    const known =
      key === "rope_parameters" || Object.keys(value as object).every((name) => /^(rope_)?type$/.test(name));
    if (!plain || !known) throw config.unsupported(key, 'not implemented; null and type "default" are');
  }
  const parameters = config.values["rope_parameters"] as Record<string, unknown> | null | undefined;
  const base = parameters?.["rope_theta"] ?? config.values["rope_theta"] ?? 10000;
  if (typeof base !== "number" || !Number.isFinite(base) || base <= 0)
    throw config.wrong("rope_theta", "a number above 0");
  return base;
}

function refuseSlidingWindows(config: ConfigFile): void {
  const window = config.values["sliding_window"] ?? null;
  if (window !== null && config.flag("use_sliding_window", true)) {
    throw config.unsupported("sliding_window", "not implemented, and would change results");
  }
  const types = config.values["layer_types"] ?? [];
  if (!Array.isArray(types) || types.some((type) => type !== "full_attention")) {
    throw config.unsupported("layer_types", 'not implemented; only "full_attention" is');
  }
}

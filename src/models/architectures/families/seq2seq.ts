// Encoders and decoders: T5 (Raffel et al. 2020), BART (Lewis et al. 2020) and its descendants, Whisper (Radford et al. 2022).

import { activations } from "../activations.js";
import type { ConfigFile } from "../config.js";
import type { Family } from "../family.js";

/** Both stacks of a family; a file may hold the encoder alone. */
export interface SequencePair {
  readonly encoder: Family;
  readonly decoder: Family;
}

/** relu, or gated-X; "gated-gelu" is the tanh form, every other name is literal. */
function feedForwardOf(config: ConfigFile, absent: string): { gated: boolean; activation: string } {
  const value = config.value("feed_forward_proj") ?? absent;
  const [, gated, name] = /^(gated-)?(.*)$/.exec(String(value))!;
  const activation = value === "gated-gelu" ? "gelu_new" : name;
  if (!Object.hasOwn(activations, activation)) {
    throw config.wrong(
      "feed_forward_proj",
      `an activation, or gated- and one, of ${Object.keys(activations).join(", ")}`,
    );
  }
  return { gated: gated !== undefined, activation };
}

function t5Stack(stack: "encoder" | "decoder", proj: string, each: boolean): Family {
  const decodes = stack === "decoder";
  const last = decodes ? 2 : 1;
  return {
    stack,
    prefix: [""],
    embed: "shared",
    embedElse: `${stack}.embed_tokens`,
    layer: `${stack}.block.{}.layer.`,
    final: `${stack}.final_layer_norm`,
    sizeKeys: { layers: decodes ? ["num_decoder_layers", "num_layers"] : ["num_layers"], headSize: "d_kv" },
    headSize: 64,
    context: { keys: [], absent: 2 ** 20 },
    inner: { keys: ["d_ff"] },
    norm: "rms",
    epsilon: { key: "layer_norm_epsilon", absent: 1e-6 },
    order: "sequential",
    norms: ["0.layer_norm", `${last}.layer_norm`],
    qkv: "0.SelfAttention.{}",
    output: "0.SelfAttention.o",
    cross: decodes ? { norm: "1.layer_norm", qkv: "1.EncDecAttention.{}", output: "1.EncDecAttention.o" } : undefined,
    bias: () => false,
    scale: () => 1,
    distances: {
      name: `${stack}.block.${each ? "{}" : "0"}.layer.0.SelfAttention.relative_attention_bias.weight`,
      buckets: (config) => config.count("relative_attention_num_buckets", 32),
      distance: (config) => config.count("relative_attention_max_distance", 128),
    },
    bothSides: !decodes,
    feedForward: (config) => {
      const part = (name: string) => `${last}.DenseReluDense.${name}`;
      return feedForwardOf(config, proj).gated
        ? [part("wi_0"), part("wi_1"), part("wo")]
        : [undefined, part("wi"), part("wo")];
    },
    activation: (config) => ({ absent: feedForwardOf(config, proj).activation }),
    ignores: ["is_decoder", "is_causal"],
  };
}

const t5Like = (proj: string, each = false): SequencePair => ({
  encoder: t5Stack("encoder", proj, each),
  decoder: t5Stack("decoder", proj, each),
});

export const t5 = t5Like("relu");
export const mt5 = t5Like("gated-gelu");
/** umT5 (Chung et al. 2023): every block has a table of its own. */
export const umt5 = t5Like("gated-gelu", true);

/** What the descendants of BART do their own way. */
interface BartRule {
  /** Norms in front of the branches, and behind the last block. */
  readonly pre: boolean;
  /** A norm behind the embeddings. */
  readonly normed?: boolean;
  /** Positions by sines, learned ones from row 2 on where left out. */
  readonly steps?: (width: number) => number;
  /** Positions count from the padding token's id on. */
  readonly padded?: boolean;
  readonly scaled?: boolean;
  readonly activation?: string;
}

function bartStack(stack: "encoder" | "decoder", rule: BartRule): Family {
  const { pre, normed, steps, padded, scaled = false, activation = "gelu" } = rule;
  const decodes = stack === "decoder";
  const table = `${stack}.embed_positions`;
  return {
    stack,
    prefix: ["model."],
    embed: "shared",
    embedElse: `${stack}.embed_tokens`,
    layer: `${stack}.layers.{}.`,
    final: pre ? `${stack}.layer_norm` : undefined,
    sizeKeys: { heads: [`${stack}_attention_heads`], layers: [`${stack}_layers`] },
    embedScale: (config, width) => (config.flag("scale_embedding", scaled) ? Math.sqrt(width) : 1),
    positions: steps
      ? {
          name: padded ? undefined : table,
          steps,
          padding: padded ? (config) => config.index("pad_token_id", 1) : undefined,
        }
      : { name: table, offset: 2 },
    embedNorm: normed ? `${stack}.layernorm_embedding` : undefined,
    context: { keys: ["max_position_embeddings"], absent: 1024 },
    inner: { keys: [`${stack}_ffn_dim`] },
    norm: "layer",
    epsilon: { absent: 1e-5 },
    order: pre ? "sequential" : "post",
    norms: ["self_attn_layer_norm", "final_layer_norm"],
    qkv: "self_attn.{}_proj",
    output: "self_attn.out_proj",
    cross: decodes
      ? { norm: "encoder_attn_layer_norm", qkv: "encoder_attn.{}_proj", output: "encoder_attn.out_proj" }
      : undefined,
    bothSides: !decodes,
    feedForward: [undefined, "fc1", "fc2"],
    activation: { key: "activation_function", absent: activation },
    ignores: ["is_decoder", "is_causal"],
  };
}

const bartLike = (rule: BartRule): SequencePair => ({
  encoder: bartStack("encoder", rule),
  decoder: bartStack("decoder", rule),
});

export const bart = bartLike({ pre: false, normed: true });
export const mbart = bartLike({ pre: true, normed: true });
export const marian = bartLike({ pre: false, steps: (width) => width / 2 });
export const pegasus = bartLike({ pre: true, steps: (width) => width / 2 });
export const m2m100 = bartLike({
  pre: true,
  steps: (width) => width / 2 - 1,
  padded: true,
  scaled: true,
  activation: "relu",
});

const prenormed = bartLike({ pre: true });

/** Whisper: sound for input; keys have no bias; the scale of embeddings has no effect. */
export const whisper: SequencePair = {
  encoder: { ...prenormed.encoder, embedScale: undefined, sound: "encoder." },
  decoder: {
    ...prenormed.decoder,
    embed: "decoder.embed_tokens",
    embedScale: undefined,
    positions: { name: "decoder.embed_positions" },
    context: { keys: ["max_target_positions"], absent: 448 },
  },
};

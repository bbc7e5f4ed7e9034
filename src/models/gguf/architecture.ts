// Which family a GGUF file is of, the configuration that its metadata make, and its names of tensors.
import { ModelError } from "../../base/errors.js";
import type { Architecture } from "../architectures/architecture.js";
import { families } from "../architectures/architectures.js";
import { build } from "../architectures/build.js";
import { ConfigFile } from "../architectures/config.js";
import type { Family } from "../architectures/family.js";
import { excerpt } from "../checkpoint/excerpt.js";
import { type FileSource, locate } from "../files/source.js";
import type { GgufHeader } from "./header.js";
import { type GgufNaming, GgufWeights } from "./weights.js";

interface GgufFamily {
  /** The model_type. */
  readonly type: string;
  /** What the file's layout has otherwise than Hugging Face's. */
  readonly layout?: Partial<Family>;
  /** From the ends of Hugging Face's names to the file's. */
  readonly names: Readonly<Record<string, string>>;
  /** Rows of query and key are permuted. */
  readonly permuted?: boolean;
}

const llamaNames = {
  embed_tokens: "token_embd",
  norm: "output_norm",
  lm_head: "output",
  "self_attn.q_proj": "attn_q",
  "self_attn.k_proj": "attn_k",
  "self_attn.v_proj": "attn_v",
  "self_attn.o_proj": "attn_output",
  "self_attn.q_norm": "attn_q_norm",
  "self_attn.k_norm": "attn_k_norm",
  "mlp.gate_proj": "ffn_gate",
  "mlp.up_proj": "ffn_up",
  "mlp.down_proj": "ffn_down",
  input_layernorm: "attn_norm",
  post_attention_layernorm: "ffn_norm",
};

const gpt2Names = {
  wte: "token_embd",
  wpe: "position_embd",
  ln_f: "output_norm",
  lm_head: "output",
  ln_1: "attn_norm",
  ln_2: "ffn_norm",
  "attn.c_attn": "attn_qkv",
  "attn.c_proj": "attn_output",
  "mlp.c_fc": "ffn_up",
  "mlp.c_proj": "ffn_down",
};

/** By general.architecture. The converter adds 1 to Gemma's norms, and turns GPT-2's maps. */
const known: Readonly<Record<string, GgufFamily>> = {
  llama: { type: "llama", names: llamaNames, permuted: true, layout: { bias: undefined } },
  qwen2: { type: "qwen2", names: llamaNames },
  qwen3: { type: "qwen3", names: llamaNames },
  gemma: { type: "gemma", names: llamaNames, layout: { gainOffset: 0 } },
  phi3: {
    type: "phi3",
    names: { ...llamaNames, "self_attn.qkv_proj": "attn_qkv", "mlp.gate_up_proj": "ffn_up" },
  },
  gpt2: { type: "gpt2", names: gpt2Names, layout: { transposed: false } },
};

/** @throws ModelError for an architecture that isn't read from such files, a key that is missing or not implemented */
export function ggufArchitecture(source: FileSource, file: string, header: GgufHeader): Architecture {
  const { metadata, entries } = header;
  const name = metadata["general.architecture"];
  if (typeof name !== "string" || !Object.hasOwn(known, name)) {
    throw new ModelError(
      `${locate(source, file)}: "general.architecture" is ${excerpt(name ?? null)}; read from GGUF files are ` +
        `${Object.keys(known).join(", ")}`,
      file,
    );
  }
  const { type, layout, names, permuted = false } = known[name];
  const values = configOf(metadata, name, type, header);
  const config = new ConfigFile(values, locate(source, file));
  const scaling = metadata[`${name}.rope.scaling.type`] ?? "none";
  if (scaling !== "none") {
    throw new ModelError(
      `${locate(source, file)}: "${name}.rope.scaling.type": ${excerpt(scaling)} is not implemented for GGUF files`,
      file,
    );
  }
  const heads = (key: unknown) => (typeof key === "number" ? key : undefined);
  const naming: GgufNaming = {
    nameOf: (tensor) => ggufName(tensor, names),
    permuted: (tensor) => {
      if (!permuted) return undefined;
      if (tensor.includes(".q_proj.")) return heads(values["num_attention_heads"]);
      return tensor.includes(".k_proj.") ? heads(values["num_key_value_heads"]) : undefined;
    },
  };
  const weights = new GgufWeights(source, file, header, naming);
  for (const tensor of ["rope_freqs.weight", "rope_factors_long.weight", "rope_factors_short.weight"]) {
    if (!entries.has(tensor)) continue;
    throw new ModelError(
      `${locate(source, file)}: tensor "${tensor}" (factors of rotary frequencies): not implemented for GGUF files`,
      file,
    );
  }
  return build(type, { ...families[type], ...layout }, config, weights);
}

/** layers.N.self_attn.q_proj.weight → blk.N.attn_q.weight; other names have no place in such files. */
function ggufName(tensor: string, names: Readonly<Record<string, string>>): string | undefined {
  const [, layer, part, kind] = /^(?:(?:layers|h)\.(\d+)\.)?(.+)\.(weight|bias)$/.exec(tensor) ?? [];
  if (part === undefined || !Object.hasOwn(names, part)) return undefined;
  return layer === undefined ? `${names[part]}.${kind}` : `blk.${layer}.${names[part]}.${kind}`;
}

/** What config.json would say. */
function configOf(
  metadata: Readonly<Record<string, unknown>>,
  name: string,
  type: string,
  { entries }: GgufHeader,
): Record<string, unknown> {
  const key = (end: string) => metadata[`${name}.${end}`];
  const tokens = metadata["tokenizer.ggml.tokens"];
  const gpt2 = type === "gpt2";
  const rotated = key("rope.dimension_count");
  const headSize = key("attention.key_length");
  return {
    model_type: type,
    hidden_size: key("embedding_length"),
    num_hidden_layers: key("block_count"),
    num_attention_heads: key("attention.head_count"),
    num_key_value_heads: key("attention.head_count_kv") ?? key("attention.head_count"),
    intermediate_size: key("feed_forward_length"),
    max_position_embeddings: key("context_length"),
    vocab_size: entries.get("token_embd.weight")?.shape[0] ?? (Array.isArray(tokens) ? tokens.length : undefined),
    tie_word_embeddings: !entries.has("output.weight"),
    bos_token_id: metadata["tokenizer.ggml.bos_token_id"],
    ...(gpt2
      ? { layer_norm_epsilon: key("attention.layer_norm_epsilon") }
      : { rms_norm_eps: key("attention.layer_norm_rms_epsilon"), rope_theta: key("rope.freq_base") ?? 10000 }),
    ...(headSize === undefined ? { head_dim: null } : { head_dim: headSize }),
    ...(type === "phi3" && typeof rotated === "number" ? { partial_rotary_factor: shareOf(rotated, key) } : {}),
    sliding_window: key("attention.sliding_window") ?? null,
  };
}

function shareOf(rotated: number, key: (end: string) => unknown): number {
  const head =
    (key("attention.key_length") as number) ?? Number(key("embedding_length")) / Number(key("attention.head_count"));
  return rotated / head;
}

// Keys that change what some family computes: where a family doesn't read one, it is refused.
import type { ConfigFile } from "./config.js";

/** Each with the values that change nothing, beside null and false. */
const effective: Readonly<Record<string, readonly unknown[]>> = {
  add_cross_attention: [],
  alibi: [],
  attention_chunk_size: [],
  attention_multiplier: [],
  attn_logit_softcapping: [],
  clip_qkv: [],
  conv_kernel_size: [0],
  dual_chunk_attention_config: [],
  embedding_multiplier: [1],
  embedding_size: [],
  is_causal: [true],
  is_decoder: [],
  no_rope_layers: [],
  position_embedding_type: ["absolute"],
  qk_layernorm: [],
  query_pre_attn_scalar: [],
  residual_multiplier: [1],
  rope_scaling: [],
  scale_attn_by_inverse_layer_idx: [],
  scale_attn_weights: [true],
  talking_head: [],
  use_bidirectional_attention: [],
  use_mrope: [],
  use_parallel_residual: [],
  use_qk_norm: [],
};

/** @throws ModelError for a key that wasn't asked for, isn't among those ignored, and would change results elsewhere */
export function refuseUnread(config: ConfigFile, ignores: readonly string[]): void {
  const unread = Object.keys(effective).filter((key) => !config.wasAsked(key) && !ignores.includes(key));
  config.refuse(Object.fromEntries(unread.map((key) => [key, effective[key]])));
  // is_causal: false would be false to `refuse`.
  if (unread.includes("is_causal") && config.value("is_causal") === false) {
    throw config.unsupported("is_causal", "not implemented for this architecture");
  }
}

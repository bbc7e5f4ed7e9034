// GPT-2 (Radford et al. 2019) under Hugging Face's names. Its Conv1D weights are [in, out]; c_attn is q | k | v.
import type { Linear } from "../../layers/linear.js";
import { byPosition, byToken, tokenEmbedding, tokenTable } from "../forward/embedding.js";
import { columns } from "../forward/matrix.js";
import type { WeightSource } from "../forward/weights.js";
import { type Architecture, blocks } from "./architecture.js";
import type { ConfigFile } from "./config.js";
import { conv1d, layerNorm } from "./modules.js";

/**
 * @param config Hugging Face's GPT2Config
 * @throws ModelError for a key that changes results and isn't implemented, a missing or misshapen tensor
 */
export function gpt2(config: ConfigFile, weights: WeightSource): Architecture {
  const width = config.count("n_embd");
  const heads = config.count("n_head");
  const vocabulary = config.count("vocab_size");
  const context = config.count("n_positions", config.count("n_ctx", 1024));
  const layers = config.count("n_layer");
  const inner = config.count("n_inner", 4 * width);
  const epsilon = config.positive("layer_norm_epsilon", 1e-5);
  const activation = config.activation("activation_function", "gelu_new");
  const headSize = config.headSize("n_embd", "n_head");
  // reorder_and_upcast_attn and the dropouts are not among them: they change rounding or training only.
  config.refuse({ scale_attn_by_inverse_layer_idx: false, add_cross_attention: false, quantization_config: false });
  if (!config.flag("scale_attn_weights", true)) throw config.unsupported("scale_attn_weights", "not implemented");

  const prefix = weights.has("h.0.ln_1.weight") ? "" : "transformer.";
  const table = tokenTable(weights, `${prefix}wte.weight`, config.flag("tie_word_embeddings", true));

  return {
    config: {
      architecture: "gpt2",
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
      const joint = conv1d(weights, name("attn.c_attn"), width, 3 * width);
      const output = conv1d(weights, name("attn.c_proj"), width, width);
      const feedForwardNorm = layerNorm(weights, name("ln_2"), width, epsilon);
      const up = conv1d(weights, name("mlp.c_fc"), width, inner);
      const down = conv1d(weights, name("mlp.c_proj"), inner, width);
      return {
        attentionNorm,
        async attention() {
          const { weight, bias } = await joint();
          const part = (index: number): Linear => ({
            weight: columns(weight, index * width, (index + 1) * width),
            bias: columns(bias, index * width, (index + 1) * width),
          });
          return { heads, query: part(0), key: part(1), value: part(2), output: await output(), mask: "causal" };
        },
        feedForwardNorm,
        feedForward: async () => ({ up: await up(), down: await down(), activation }),
      };
    }),
  };
}

// GPT-2 (Radford et al. 2019) under Hugging Face's names. Its Conv1D weights are [in, out]; c_attn is q | k | v.
import type { Linear } from "../attention/spec.js";
import type { NormSpec } from "../runtime.js";
import type { Tensor } from "../tensor.js";
import type { Architecture } from "./architecture.js";
import type { ConfigFile } from "./config.js";
import { FeedForward } from "./feedForward.js";
import { columns } from "./matrix.js";
import type { ModelConfig } from "./model.js";
import { lookUp, type WeightSource } from "./weights.js";

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
  if (width % heads !== 0) throw config.wrong("n_head", `a divisor of n_embd = ${width}`);
  // reorder_and_upcast_attn and the dropouts are not among them: they change rounding or training only.
  config.refuse({ scale_attn_by_inverse_layer_idx: false, add_cross_attention: false, quantization_config: false });
  if (!config.flag("scale_attn_weights", true)) throw config.unsupported("scale_attn_weights", "not implemented");

  const prefix = weights.has("h.0.ln_1.weight") ? "" : "transformer.";
  const wte = embeddingName();
  const wpe = `${prefix}wpe.weight`;
  const block = (layer: number, name: string) => `${prefix}h.${layer}.${name}`;
  weights.require(wte, [vocabulary, width]);
  weights.require(wpe, [context, width]);
  for (let layer = 0; layer < layers; layer++) {
    for (const [name, shape] of Object.entries(blockShapes(width, inner))) weights.require(block(layer, name), shape);
  }

  /** A tied checkpoint may keep the shared table under the head's name only. */
  function embeddingName(): string {
    const name = `${prefix}wte.weight`;
    const tied = config.flag("tie_word_embeddings", true);
    return tied && !weights.has(name) && weights.has("lm_head.weight") ? "lm_head.weight" : name;
  }

  async function linear(layer: number, name: string): Promise<{ weight: Tensor; bias: Tensor }> {
    return {
      weight: await weights.tensor(block(layer, `${name}.weight`)),
      bias: await weights.tensor(block(layer, `${name}.bias`)),
    };
  }

  async function norm(layer: number, name: string): Promise<NormSpec> {
    const { weight, bias } = await linear(layer, name);
    return { kind: "layer", gain: weight, bias, epsilon };
  }

  const summary: ModelConfig = {
    architecture: "gpt2",
    layers,
    width,
    heads,
    kvHeads: heads,
    headSize: width / heads,
    vocabulary,
    context,
    bosToken: config.token("bos_token_id", vocabulary),
  };

  return {
    config: summary,

    async embed(windows) {
      const longest = Math.max(...windows.map((window) => window.length));
      const tokenRow = await lookUp(weights, wte, windows.flat());
      const positionRow = await lookUp(
        weights,
        wpe,
        Array.from({ length: longest }, (_, position) => position),
      );
      const hidden = new Float64Array(windows.reduce((sum, window) => sum + window.length, 0) * width);
      let at = 0;
      for (const window of windows) {
        for (const [position, token] of window.entries()) {
          const word = tokenRow(token);
          const place = positionRow(position);
          for (let c = 0; c < width; c++) hidden[at++] = word[c] + place[c];
        }
      }
      return hidden;
    },

    attentionNorm: (layer) => norm(layer, "ln_1"),

    async attention(layer) {
      const joint = await linear(layer, "attn.c_attn");
      const part = (index: number): Linear => ({
        weight: columns(joint.weight, index * width, (index + 1) * width),
        bias: columns(joint.bias, index * width, (index + 1) * width),
      });
      return {
        heads,
        query: part(0),
        key: part(1),
        value: part(2),
        output: await linear(layer, "attn.c_proj"),
        mask: "causal",
      };
    },

    async feedForward(layer, runtime) {
      return new FeedForward(runtime, {
        norm: await norm(layer, "ln_2"),
        up: await linear(layer, "mlp.c_fc"),
        down: await linear(layer, "mlp.c_proj"),
        activation,
      });
    },
  };
}

function blockShapes(width: number, inner: number): Record<string, number[]> {
  return {
    "ln_1.weight": [width],
    "ln_1.bias": [width],
    "attn.c_attn.weight": [width, 3 * width],
    "attn.c_attn.bias": [3 * width],
    "attn.c_proj.weight": [width, width],
    "attn.c_proj.bias": [width],
    "ln_2.weight": [width],
    "ln_2.bias": [width],
    "mlp.c_fc.weight": [width, inner],
    "mlp.c_fc.bias": [inner],
    "mlp.c_proj.weight": [inner, width],
    "mlp.c_proj.bias": [width],
  };
}

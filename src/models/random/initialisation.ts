// How Hugging Face initialises the architectures that can be made from a seed, and the sizes it gives them.
import { type Law, RandomWeights } from "./randomWeights.js";

/** The architectures that `randomModel` makes. */
export type RandomArchitecture = "gpt2" | "bert" | "llama";

export interface Sizes {
  layers: number;
  width: number;
  heads: number;
  kvHeads: number;
  inner: number;
  vocabulary: number;
  context: number;
}

export interface Recipe {
  /** Of the names of its tensors. */
  prefix: string;
  /** Those of its Hugging Face configuration. */
  defaults: Pick<Sizes, "layers" | "width" | "heads" | "context">;
  /** Default width of the feed-forward part. */
  inner(width: number): number;
  /** Whether key and value heads may be fewer than query heads. */
  grouped: boolean;
  /** Its config.json. */
  config(sizes: Sizes): Record<string, unknown>;
}

export const recipes: Readonly<Record<RandomArchitecture, Recipe>> = {
  gpt2: {
    prefix: "transformer.",
    defaults: { layers: 12, width: 768, heads: 12, context: 1024 },
    inner: (width) => 4 * width,
    grouped: false,
    config: ({ layers, width, heads, inner, vocabulary, context }) => ({
      n_layer: layers,
      n_embd: width,
      n_head: heads,
      n_inner: inner,
      vocab_size: vocabulary,
      n_positions: context,
    }),
  },
  bert: {
    prefix: "bert.",
    defaults: { layers: 12, width: 768, heads: 12, context: 512 },
    inner: (width) => 4 * width,
    grouped: false,
    config: ({ layers, width, heads, inner, vocabulary, context }) => ({
      num_hidden_layers: layers,
      hidden_size: width,
      num_attention_heads: heads,
      intermediate_size: inner,
      vocab_size: vocabulary,
      max_position_embeddings: context,
    }),
  },
  llama: {
    prefix: "model.",
    defaults: { layers: 32, width: 4096, heads: 32, context: 2048 },
    // Two thirds of 4·width, as the gate is a third matrix, in multiples of 256 (Touvron et al. 2023).
    inner: (width) => 256 * Math.ceil((8 * width) / 3 / 256),
    grouped: true,
    config: ({ layers, width, heads, kvHeads, inner, vocabulary, context }) => ({
      num_hidden_layers: layers,
      hidden_size: width,
      num_attention_heads: heads,
      num_key_value_heads: kvHeads,
      intermediate_size: inner,
      vocab_size: vocabulary,
      max_position_embeddings: context,
    }),
  },
};

const std = 0.02;

/**
 * Weights N(0, 0.02²), GPT-2's output projections c_proj scaled by 1/√(2·layers) (Radford et al. 2019), biases 0, norms
 * 1; under the names of Hugging Face's models.
 */
export function initialise(architecture: RandomArchitecture, seed: number, layers: number): RandomWeights {
  const { prefix } = recipes[architecture];
  const law = (name: string): Law => {
    if (name.endsWith(".bias")) return { constant: 0 };
    if (/(\bln_\w+|norm)\.weight$/i.test(name)) return { constant: 1 };
    return { std: name.endsWith(".c_proj.weight") ? std / Math.sqrt(2 * layers) : std };
  };
  return new RandomWeights(seed, (name) => name.startsWith(prefix), law);
}

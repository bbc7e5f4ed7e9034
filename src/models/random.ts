// Randomly initialised models: the control of "How Smooth Is Attention?".
import { checkInteger, checkKeys, checkOneOf, wrongKind, wrongValue } from "../check.js";
import type { Runtime } from "../runtime.js";
import { ConfigFile } from "./config.js";
import { gpt2 } from "./gpt2.js";
import type { Model } from "./model.js";
import { type Law, RandomWeights } from "./randomWeights.js";
import { gpt2Encoding, loadGpt2Tokenizer, noTokenizer } from "./tokenizer.js";
import { Transformer } from "./transformer.js";

export interface RandomModelOptions {
  runtime: Runtime;
  /** Default 0. */
  seed?: number;
  /** Default 12. */
  layers?: number;
  /** Default 768. */
  width?: number;
  /** A divisor of the width; default 12. */
  heads?: number;
  /** Default 50257, GPT-2's; with another one there is no text encoding. */
  vocabulary?: number;
  /** The longest sequence, default 1024. */
  context?: number;
}

/**
 * GPT-2 (small, unless told otherwise) as Hugging Face initialises it: N(0, 0.02²), the output projections c_proj
 * scaled by 1/√(2·layers) (Radford et al. 2019), biases 0, norms 1. Weights are generated when they are used, block by
 * block, embeddings row by row; the same seed gives the same weights, whatever else was generated.
 * @example
 * const model = await randomModel("gpt2", { runtime, seed: 0 });
 */
export async function randomModel(architecture: "gpt2", options: RandomModelOptions): Promise<Model> {
  checkOneOf("architecture", architecture, ["gpt2"]);
  checkKeys("options", options, ["runtime", "seed", "layers", "width", "heads", "vocabulary", "context"]);
  const { runtime, seed = 0, layers = 12, width = 768, heads = 12 } = options;
  const { vocabulary = gpt2Encoding.vocabulary, context = 1024 } = options;
  if (typeof runtime?.attention !== "function") throw wrongKind("runtime", "a runtime, of createRuntime()", runtime);
  checkInteger("seed", seed, 0);
  for (const [label, value] of Object.entries({ layers, width, heads, vocabulary, context }))
    checkInteger(label, value, 1);
  if (width % heads !== 0) throw wrongValue("heads", `a divisor of the width ${width}`, heads);

  const ownVocabulary = vocabulary === gpt2Encoding.vocabulary;
  const config = new ConfigFile({
    n_layer: layers,
    n_embd: width,
    n_head: heads,
    vocab_size: vocabulary,
    n_positions: context,
    ...(ownVocabulary ? { bos_token_id: gpt2Encoding.endOfText } : {}),
  });
  const text = ownVocabulary
    ? await loadGpt2Tokenizer()
    : { reason: noTokenizer(`its vocabulary of ${vocabulary} is not GPT-2's of ${gpt2Encoding.vocabulary}`) };
  const origin = { source: `random:gpt2, seed ${seed}` };
  return new Transformer(gpt2(config, randomGpt2Weights(seed, layers)), origin, text, runtime);
}

/** GPT-2's initialisation as a source of weights, under the names of Hugging Face's GPT2Model. */
export function randomGpt2Weights(seed: number, layers: number): RandomWeights {
  const std = 0.02;
  const law = (name: string): Law => {
    if (name.endsWith(".bias")) return { constant: 0 };
    if (/\bln_\w+\.weight$/.test(name)) return { constant: 1 };
    return { std: name.endsWith("c_proj.weight") ? std / Math.sqrt(2 * layers) : std };
  };
  return new RandomWeights(seed, (name) => name.startsWith("transformer."), law);
}

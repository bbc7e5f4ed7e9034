// Randomly initialised models: the control of "How Smooth Is Attention?".
import { checkInteger, checkKeys, checkOneOf, wrongKind, wrongValue } from "../base/check.js";
import type { Runtime } from "../measure/createRuntime.js";
import { architectureOf } from "./architectures/architectures.js";
import { ConfigFile } from "./architectures/config.js";
import { Transformer } from "./forward/transformer.js";
import type { Model } from "./model.js";
import { initialise, type RandomArchitecture, recipes, type Sizes } from "./random/initialisation.js";
import { gpt2Encoding, loadGpt2Tokenizer, noTokenizer } from "./tokenizer.js";

/** Sizes default to those of Hugging Face's configuration: GPT-2 small, BERT base, Llama 7B. */
export interface RandomModelOptions {
  runtime: Runtime;
  /** Default 0. */
  seed?: number;
  /** Default 12; of llama 32. */
  layers?: number;
  /** Default 768; of llama 4096. */
  width?: number;
  /** A divisor of the width; default 12, of llama 32. */
  heads?: number;
  /** Of llama: key and value heads, a divisor of the heads; default as many. */
  kvHeads?: number;
  /** Width of the feed-forward part; default 4·width, of llama two thirds of that in multiples of 256. */
  inner?: number;
  /**
   * Default 50257, GPT-2's, whose encoding then turns text into tokens: the rows of a random table are all alike.
   * With another one there is no text encoding.
   */
  vocabulary?: number;
  /** The longest sequence; default 1024, of bert 512, of llama 2048. */
  context?: number;
}

/** All blocks are known from the start, if not their weights. */
const mostLayers = 10_000;

/**
 * A model as Hugging Face initialises it: N(0, 0.02²), the output projections of GPT-2 scaled by 1/√(2·layers)
 * (Radford et al. 2019), biases 0, norms 1. There is no padding token, whose embedding would be 0. Weights are generated
 * when they are used, block by block, embeddings row by row; the same seed gives the same weights, whatever else was
 * generated.
 * @throws TypeError, RangeError for wrong options
 * @example
 * const model = await randomModel("gpt2", { runtime, seed: 0 });
 * const llama = await randomModel("llama", { runtime, layers: 16, width: 2048, heads: 32, kvHeads: 8 });
 */
export async function randomModel(architecture: RandomArchitecture, options: RandomModelOptions): Promise<Model> {
  checkOneOf("architecture", architecture, Object.keys(recipes) as RandomArchitecture[]);
  const { config, grouped } = recipes[architecture];
  const sizeNames = ["layers", "width", "heads", ...(grouped ? ["kvHeads"] : []), "inner", "vocabulary", "context"];
  checkKeys("options", options, ["runtime", "seed", ...sizeNames]);
  const { runtime, seed = 0 } = options;
  if (typeof runtime?.attention !== "function") throw wrongKind("runtime", "a runtime, of createRuntime()", runtime);
  checkInteger("seed", seed, 0);
  const sizes = sizesOf(architecture, options);

  const ownVocabulary = sizes.vocabulary === gpt2Encoding.vocabulary;
  const file = new ConfigFile({
    model_type: architecture,
    ...config(sizes),
    ...(ownVocabulary ? { bos_token_id: gpt2Encoding.endOfText } : {}),
  });
  const text = ownVocabulary
    ? await loadGpt2Tokenizer()
    : { reason: noTokenizer(`its vocabulary of ${sizes.vocabulary} is not GPT-2's of ${gpt2Encoding.vocabulary}`) };
  const origin = { source: `random:${architecture}, seed ${seed}` };
  return new Transformer(
    architectureOf(file)(file, initialise(architecture, seed, sizes.layers)),
    origin,
    text,
    runtime,
  );
}

function sizesOf(architecture: RandomArchitecture, options: RandomModelOptions): Sizes {
  const { defaults, inner: innerOf } = recipes[architecture];
  const { layers = defaults.layers, width = defaults.width, heads = defaults.heads } = options;
  const { kvHeads = heads, inner = innerOf(width), context = defaults.context } = options;
  const { vocabulary = gpt2Encoding.vocabulary } = options;
  checkInteger("layers", layers, 1, mostLayers);
  const sizes = { layers, width, heads, kvHeads, inner, vocabulary, context };
  for (const [label, value] of Object.entries(sizes)) checkInteger(label, value, 1);
  if (width % heads !== 0) throw wrongValue("heads", `a divisor of the width ${width}`, heads);
  if (heads % kvHeads !== 0) throw wrongValue("kvHeads", `a divisor of the heads ${heads}`, kvHeads);
  if (architecture === "llama" && (width / heads) % 2 !== 0) {
    throw wrongValue("heads", `a divisor of the width ${width} that leaves an even head size`, heads);
  }
  return sizes;
}

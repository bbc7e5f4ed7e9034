// The blocks of an encoder (Devlin et al. 2019; Dosovitskiy et al. 2021), whichever side its norms stand on.
import type { Activation } from "../../layers/activation.js";
import type { WeightSource } from "../forward/weights.js";
import { type Block, blocks } from "./architecture.js";
import { layerNorm, linear } from "./modules.js";

/** What the parts of a block are called, after the block's own prefix. */
export interface BlockNames {
  query: string;
  key: string;
  value: string;
  output: string;
  attentionNorm: string;
  up: string;
  down: string;
  feedForwardNorm: string;
}

export interface EncoderSpec {
  layers: number;
  heads: number;
  width: number;
  inner: number;
  epsilon: number;
  activation: Activation;
  /** Default true: biases on query, key and value. */
  queryKeyValueBias?: boolean;
  /** Of the names of a block, with its dot. */
  prefix(layer: number): string;
  names: BlockNames;
}

/** Every token attends to every token; all linear maps are torch's. */
export function encoderBlocks(weights: WeightSource, spec: EncoderSpec): Block[] {
  const { layers, heads, width, inner, epsilon, activation, queryKeyValueBias = true, prefix, names } = spec;
  return blocks(layers, (layer) => {
    const name = (role: keyof BlockNames) => prefix(layer) + names[role];
    const query = linear(weights, name("query"), width, width, queryKeyValueBias);
    const key = linear(weights, name("key"), width, width, queryKeyValueBias);
    const value = linear(weights, name("value"), width, width, queryKeyValueBias);
    const output = linear(weights, name("output"), width, width);
    const attentionNorm = layerNorm(weights, name("attentionNorm"), width, epsilon);
    const up = linear(weights, name("up"), width, inner);
    const down = linear(weights, name("down"), inner, width);
    const feedForwardNorm = layerNorm(weights, name("feedForwardNorm"), width, epsilon);
    return {
      attentionNorm,
      attention: async () => ({
        heads,
        query: await query(),
        key: await key(),
        value: await value(),
        output: await output(),
        mask: "none",
      }),
      feedForwardNorm,
      feedForward: async () => ({ up: await up(), down: await down(), activation }),
    };
  });
}

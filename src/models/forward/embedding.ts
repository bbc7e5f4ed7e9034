// From the inputs of a model to the hidden states of its first block.
import { checkInteger, wrongKind } from "../../base/check.js";
import type { NormSpec } from "../../layers/norm.js";
import type { ModelInput } from "../model.js";
import { lookUp, type WeightSource } from "./weights.js";

export interface Embedding {
  /** The number of tokens that an input makes; TypeError or RangeError, by `label`, where it is no input. */
  check(label: string, input: ModelInput): number;
  /** [Σ tokens, width] in double precision, the inputs one below the other. */
  embed(inputs: readonly ModelInput[]): Promise<Float64Array>;
  /** What the hidden states of block 0 are of that, where they aren't the same. */
  norm?(): Promise<NormSpec>;
}

/** A table of the weights, [size, width], of which each token of a window adds one row. */
export interface Table {
  name: string;
  size: number;
  /** The row of each token. */
  rows(window: readonly number[]): readonly number[];
}

export const byToken: Table["rows"] = (window) => window;
export const byPosition: Table["rows"] = (window) => window.map((_, position) => position);

export interface TokenEmbeddingSpec {
  width: number;
  vocabulary: number;
  context: number;
  tables: readonly Table[];
  /** Default 1. */
  scale?: number;
  norm?: () => Promise<NormSpec>;
}

/** scale · Σ of a row of each table. */
export function tokenEmbedding(
  weights: WeightSource,
  { width, vocabulary, context, tables, scale = 1, norm }: TokenEmbeddingSpec,
): Embedding {
  for (const { name, size } of tables) weights.require(name, [size, width]);
  return {
    check(label, tokens) {
      if (!Array.isArray(tokens)) throw wrongKind(label, "an array of token ids", tokens);
      if (tokens.length === 0 || tokens.length > context) {
        throw new RangeError(
          `"${label}": expected 1 to ${context} tokens (this model's context), got ${tokens.length}`,
        );
      }
      for (let at = 0; at < tokens.length; at++) checkInteger(`${label}[${at}]`, tokens[at], 0, vocabulary - 1);
      return tokens.length;
    },

    async embed(windows) {
      const tokens = windows as readonly (readonly number[])[];
      const hidden = new Float64Array(tokens.reduce((sum, window) => sum + window.length, 0) * width);
      for (const { name, rows } of tables) {
        const ids = tokens.flatMap(rows);
        const row = await lookUp(weights, name, ids);
        for (const [at, id] of ids.entries()) {
          const term = row(id);
          for (let c = 0; c < width; c++) hidden[at * width + c] += scale * term[c];
        }
      }
      return hidden;
    },

    norm,
  };
}

/** The table of token embeddings; a checkpoint that ties it to the head may keep it under the head's name only. */
export function tokenTable(weights: WeightSource, name: string, tied: boolean): string {
  return tied && !weights.has(name) && weights.has("lm_head.weight") ? "lm_head.weight" : name;
}

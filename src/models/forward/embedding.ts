// From the inputs of a model to the hidden states of its first block.
import { checkInteger, wrongKind } from "../../base/check.js";
import type { Tensor } from "../../base/tensor.js";
import type { Linear } from "../../layers/linear.js";
import type { NormSpec } from "../../layers/norm.js";
import type { Runtime } from "../../measure/createRuntime.js";
import type { ModelInput } from "../model.js";
import { lookUp, type WeightSource } from "./weights.js";

export interface Embedding {
  readonly reads: "tokens" | "pixels" | "features";
  /** The number of tokens that an input makes; TypeError or RangeError, by `label`, where it is no input. */
  check(label: string, input: ModelInput): number;
  /** [Σ tokens, width] in double precision, the inputs one below the other. */
  embed(inputs: readonly ModelInput[], runtime: Runtime): Promise<Float64Array>;
  /** The norm of that, where the hidden states of block 0 are normed. */
  norm?(): Promise<NormSpec>;
  /** The map from that to the hidden states of block 0, where they are of another width. */
  project?(): Promise<Linear>;
}

/** A table [size, width], of which each token of a window adds one row. */
export interface Table {
  /** Of the weights. */
  name?: string;
  /** A row of a table that is in no file. */
  row?(index: number): ArrayLike<number>;
  size: number;
  /** The row of each token. */
  rows(window: readonly number[]): readonly number[];
}

export const byToken: Table["rows"] = (window) => window;
export const byPosition: Table["rows"] = (window) => window.map((_, position) => position);

export interface TokenEmbeddingSpec {
  /** Of the sum of all tables. */
  width: number;
  vocabulary: number;
  context: number;
  words: Table;
  /** Of the table of words. */
  wordWidth: number;
  /** On the words; default 1. */
  scale?: number;
  /** The embeddings of this token are zeroed, and all then scaled by keep / (1 − its share of the window). */
  masked?: { readonly token: number; readonly keep: number };
  /** From the words to the width of the other tables. */
  raise?: () => Promise<Linear>;
  /** Tables added to the words. */
  tables: readonly Table[];
  norm?: () => Promise<NormSpec>;
  project?: () => Promise<Linear>;
}

/** scale · words + Σ of a row of each further table. */
export function tokenEmbedding(weights: WeightSource, spec: TokenEmbeddingSpec): Embedding {
  const { width, vocabulary, context, words, wordWidth, scale = 1, masked, raise, tables, norm, project } = spec;
  weights.require(words.name!, [words.size, wordWidth]);
  for (const { name, size } of tables) if (name) weights.require(name, [size, width]);

  async function add(table: Table, columns: number, windows: readonly (readonly number[])[], to: Float64Array) {
    const ids = windows.flatMap(table.rows);
    const row = table.row ?? (await lookUp(weights, table.name!, ids));
    for (const [at, id] of ids.entries()) {
      const term = row(id);
      for (let c = 0; c < columns; c++) to[at * columns + c] += term[c];
    }
  }

  return {
    reads: "tokens",

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

    async embed(inputs) {
      const windows = inputs as readonly (readonly number[])[];
      const tokens = windows.reduce((sum, window) => sum + window.length, 0);
      const embedded = new Float64Array(tokens * wordWidth);
      await add(words, wordWidth, windows, embedded);
      if (scale !== 1) for (let i = 0; i < embedded.length; i++) embedded[i] *= scale;
      if (masked) maskWords(masked, windows, embedded, wordWidth);
      const hidden = raise ? mapRows(embedded, await raise()) : embedded;
      for (const table of tables) await add(table, width, windows, hidden);
      return hidden;
    },

    norm,
    project,
  };
}

/** Zeroes the embeddings of a token, and scales all by keep / (1 − its share of the window). */
function maskWords(
  { token, keep }: NonNullable<TokenEmbeddingSpec["masked"]>,
  windows: readonly (readonly number[])[],
  embedded: Float64Array,
  width: number,
): void {
  let row = 0;
  for (const window of windows) {
    const share = window.filter((id) => id === token).length / window.length;
    for (const id of window) {
      const factor = id === token ? 0 : keep / (1 - share);
      for (let c = 0; c < width; c++) embedded[row * width + c] *= factor;
      row++;
    }
  }
}

/** x · weight + bias in double precision, for the few tokens of an input. */
function mapRows(x: Float64Array, { weight, bias }: Linear): Float64Array {
  const [dIn, dOut] = (weight as Tensor).shape;
  const y = new Float64Array((x.length / dIn) * dOut);
  for (let i = 0; i * dIn < x.length; i++) {
    const row = y.subarray(i * dOut, (i + 1) * dOut);
    if (bias) row.set(bias.data);
    for (let c = 0; c < dIn; c++) {
      const entry = x[i * dIn + c];
      for (let o = 0; o < dOut; o++) row[o] += entry * weight.data[c * dOut + o];
    }
  }
  return y;
}

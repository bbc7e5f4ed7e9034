// What every model offers, whatever its architecture and wherever its weights come from.
import type { AbortSignalLike } from "../platform.js";
import type { Attention } from "../runtime.js";
import type { Tensor } from "../tensor.js";

export interface Tokenizer {
  encode(text: string): number[];
  decode(tokens: number[]): string;
}

export interface ModelConfig {
  readonly architecture: "gpt2" | "llama" | "bert";
  readonly layers: number;
  readonly width: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly headSize: number;
  readonly vocabulary: number;
  /** The longest sequence that the model accepts. */
  readonly context: number;
  /** Put in front of a window when asked for, where the model has one. */
  readonly bosToken?: number;
}

/** Where the weights came from: a folder, or the recipe of a random model. */
export interface ModelOrigin {
  readonly source: string;
  /** SHA-256 of each file that was read, by name, where files were read. */
  readonly files?: Record<string, string>;
}

/** From layer to the exact input of its attention, [n, width]; `hidden` from block to its input. */
export interface Trace extends Map<number, Tensor> {
  readonly hidden: Map<number, Tensor>;
}

export interface TraceOptions {
  layers: number[];
  hidden?: boolean;
  signal?: AbortSignalLike;
}

export interface Model {
  readonly config: ModelConfig;
  readonly layers: number;
  readonly origin: ModelOrigin;
  readonly tokenizer?: Tokenizer;
  /** Token ids of a text; a model without a tokenizer throws and names the missing file. */
  encode(text: string): number[];
  /** The exact inputs of the attention layers asked for. */
  trace(tokens: readonly number[] | string, options: TraceOptions): Promise<Trace>;
  /**
   * The inputs of the attention layers asked for, over many windows at once, layer by layer: layer l's come
   * before the weights of block l + 1 are read or generated, and only one block's weights are held at a time.
   */
  walk(
    windows: readonly (readonly number[])[],
    options: { layers: readonly number[]; signal?: AbortSignalLike },
  ): AsyncIterable<{ layer: number; attention: Attention; inputs: Tensor[] }>;
  /** The attention layer of block `layer`; its weights are read at its first use. The caller disposes of it. */
  attention(layer: number): Attention;
  dispose(): void;
}

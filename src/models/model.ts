// What every model offers, whatever its architecture and wherever its weights come from.

import type { Disposable } from "../base/disposable.js";
import type { AbortSignalLike } from "../base/platform.js";
import type { Tensor, TensorLike } from "../base/tensor.js";
import type { CrossAttention } from "../device/crossAttentionLayer.js";
import type { LinearizableLayer } from "../device/linearization.js";
import type { AttentionSpec } from "../layers/attention/spec.js";
import type { NormSpec } from "../layers/norm.js";
import type { Attention } from "../measure/createRuntime.js";
import type { PartName } from "./forward/partName.js";
import type { PartSpec } from "./forward/plan.js";

/** A model's own tokenizer. */
export interface Tokenizer {
  /** Ids without special tokens. */
  encode(text: string): number[];
  /** Ids with the special tokens around them that the model is used with, such as [CLS] and [SEP]; as they are where there are none. */
  withSpecialTokens(ids: readonly number[]): number[];
  decode(tokens: number[]): string;
}

/** What of a model's config.json matters here. */
export interface ModelConfig {
  /** The model_type of its config.json. */
  readonly architecture: string;
  readonly layers: number;
  readonly width: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly headSize: number;
  /** Token ids are below it; 0 where the model reads images. */
  readonly vocabulary: number;
  /** The longest sequence that the model accepts; of an image, the tokens that it makes. */
  readonly context: number;
  /** Put in front of a window when asked for, where the model has one; BERT's is [CLS]. */
  readonly bosToken?: number;
  /** Present where the model reads images instead of tokens. */
  readonly image?: ImageSize;
}

/** In pixels. */
export interface ImageSize {
  readonly channels: number;
  readonly height: number;
  readonly width: number;
}

/** An image [channels, height, width], normalised as the model's preprocessor_config.json says. */
export interface PixelInput {
  readonly pixels: TensorLike;
}

/** A log-mel spectrogram [bins, frames], for models that read sound. */
export interface FeatureInput {
  readonly features: TensorLike;
}

/** Token ids under their name. */
export interface TokenInput {
  readonly tokens: readonly number[];
}

/** What an encoder reads, and the tokens of its decoder. */
export type PairInput = (TokenInput | PixelInput | FeatureInput) & { readonly decoderTokens: readonly number[] };

/** Token ids, an image or a spectrogram, whichever the model reads; both sides of an encoder and a decoder. */
export type ModelInput = readonly number[] | TokenInput | PixelInput | FeatureInput | PairInput;

/** Where the weights came from: a folder, or the recipe of a random model. */
export interface ModelOrigin {
  readonly source: string;
  /** The formats of weights that were kept in fewer bits: "Q4_K, Q6_K", "F8_E4M3". */
  readonly quantized?: string;
  /**
   * SHA-256 of each file that was opened, by name, where files were: taken when first asked for, since that reads all
   * their bytes. A file too large to hash, or one on a server that does not tell its hash, is left out.
   */
  hashes?(): Promise<Record<string, string>>;
}

/**
 * From layer to the exact input of its attention, [n, width]; `hidden` from block to its input, `afterAttention` from
 * block to the hidden states that its feed-forward branch reads (of a parallel block its input).
 */
export interface Trace extends Map<number, Tensor> {
  readonly hidden: Map<number, Tensor>;
  readonly afterAttention: Map<number, Tensor>;
  /** Of a decoder that attends to an encoder's output: that output, [m, width]. */
  readonly memory?: Tensor;
}

/** Options of `Model.trace`. */
export interface TraceOptions {
  layers: readonly number[];
  hidden?: boolean;
  /** Default: the only one, else the decoder, else the text. */
  stack?: string;
  signal?: AbortSignalLike;
}

/** Options of `Model.walk`. */
export interface WalkOptions {
  layers: readonly number[];
  stack?: string;
  signal?: AbortSignalLike;
}

/** Options of `Model.part` and `Model.blocks`. */
export interface PartOptions {
  /** Default: the only one, else the decoder, else the text. */
  stack?: string;
  /** Of decoders that attend to an encoder's output: that output, held fixed; `trace` gives it. */
  memory?: TensorLike;
}

/** What a walk yields at one layer, of each window in the order given; [n, width] each. */
export interface WalkStep {
  readonly layer: number;
  /** Disposed of by the walk when its next step begins; its weights are read only if it is used, or passed. */
  readonly attention: Attention;
  /** The same layer's weights, to make it on another runtime: in a worker, say. To be called before the next step. */
  spec(): Promise<AttentionSpec>;
  /** `spec` for windows of so many tokens, where positions depend on it; the same function for those that share one. */
  specFor(tokens: number): () => Promise<AttentionSpec>;
  /** The normalisation whose outputs are the inputs; undefined where the model has none there. */
  inputNorm?(): Promise<NormSpec | undefined>;
  /** The inputs of the attention. Not to be changed before the next step. */
  readonly inputs: Tensor[];
  /** The inputs of the block. */
  readonly hidden: Tensor[];
  /** What its feed-forward branch reads, before a norm in front of it. To be called before the next step. */
  afterAttention(): Promise<Tensor[]>;
  /** The parts that this block has. */
  readonly parts: readonly PartName[];
  /**
   * One of them, over the block's weights: disposed of by the walk when its next step begins. Of a decoder that attends
   * to a memory, with that of a window (default: the first).
   */
  part(what: PartName, window?: number): LinearizableLayer;
  /** The exact inputs of a part. To be called before the next step. */
  inputsOf(what: PartName): Promise<Tensor[]>;
  /** A part's weights, for windows of so many tokens (default: the first's), for `makePart` on another runtime. */
  partSpec(what: PartName, tokens?: number, window?: number): Promise<PartSpec>;
}

/** A Transformer whose attention layers, and their exact inputs, can be had one by one. */
export interface Model extends Disposable {
  readonly config: ModelConfig;
  readonly layers: number;
  readonly origin: ModelOrigin;
  readonly tokenizer?: Tokenizer;
  /** Token ids of a text, no special ones added; ModelError names the missing file where there is no tokenizer. */
  encode(text: string): number[];
  /**
   * The exact inputs of the attention layers asked for, [n, width] each; with `hidden`, those blocks' inputs too.
   * TypeError for an input of the wrong kind, RangeError for a token, layer or length out of range, before any work.
   * ModelError for weights that are damaged, can't be read, or carry hidden states out of the range of the dtype.
   * @example
   * const x = (await model.trace("How smooth is attention?", { layers: [6] })).get(6);
   */
  trace(input: ModelInput | string, options: TraceOptions): Promise<Trace>;
  /**
   * The inputs of the attention layers asked for, over many windows at once, in ascending order of layers: layer l's
   * come before the weights of block l + 1 are read or generated, and only one block's weights are held at a time.
   * Nothing behind the last layer asked for is read, nor its own weights unless its attention is used.
   */
  walk(windows: readonly ModelInput[], options: WalkOptions): AsyncIterable<WalkStep>;
  /** The stacks of blocks: one, or an encoder and a decoder, or one of text and one of images. */
  readonly stacks: readonly string[];
  /** The attention layer of block `layer`; its weights are read at its first use. The caller disposes of it. */
  attention(layer: number, options?: PartOptions): Attention;
  /** The parts that block `layer` has. */
  partsOf(layer: number, options?: PartOptions): readonly PartName[];
  /**
   * A part of block `layer`, whose weights are read at its first use; the caller disposes of it. RangeError, with what
   * there is, for a part that this architecture hasn't got.
   */
  part(layer: number, what: Exclude<PartName, "cross-attention">, options?: PartOptions): LinearizableLayer;
  part(layer: number, what: "cross-attention", options?: PartOptions): CrossAttention;
  /** From the hidden states before block `from` to those before block `to`, through the final norm where asked. */
  blocks(from: number, to: number, options?: PartOptions & { finalNorm?: boolean }): LinearizableLayer;
  /** The final norm, where there is one, and the map to the logits; ModelError where the checkpoint has no head. */
  head(): LinearizableLayer;
  /** Layers already made stay usable once they have read their weights. */
}

// A transformer as a Model: which weights are needed when, and how hidden states move through blocks.

import {
  checkInteger,
  checkKeys,
  firstNonFinite,
  throwIfAborted,
  throwIfDisposed,
  wrongKind,
  wrongValue,
} from "../../base/check.js";
import { Held } from "../../base/disposable.js";
import { ModelError } from "../../base/errors.js";
import type { AbortSignalLike } from "../../base/platform.js";
import type { Tensor } from "../../base/tensor.js";
import { turn } from "../../base/turn.js";
import type { Layer } from "../../device/linearization.js";
import type { AttentionSpec } from "../../layers/attention/spec.js";
import type { NormSpec } from "../../layers/norm.js";
import type { Attention, Runtime } from "../../measure/createRuntime.js";
import type { Architecture, Block } from "../architectures/architecture.js";
import type {
  Model,
  ModelConfig,
  ModelInput,
  ModelOrigin,
  Tokenizer,
  Trace,
  TraceOptions,
  WalkOptions,
  WalkStep,
} from "../model.js";
import type { TokenizerOrReason } from "../tokenizer.js";
import { FeedForward } from "./feedForward.js";
import { LazyAttention } from "./lazyAttention.js";
import { TokenStack } from "./tokenStack.js";

export class Transformer extends Held implements Model {
  readonly #architecture: Architecture;
  readonly #runtime: Runtime;
  readonly #text: TokenizerOrReason;
  #disposed = false;

  constructor(
    architecture: Architecture,
    readonly origin: ModelOrigin,
    text: TokenizerOrReason,
    runtime: Runtime,
  ) {
    super();
    this.#architecture = architecture;
    this.#text = text;
    this.#runtime = runtime;
  }

  get config(): ModelConfig {
    return this.#architecture.config;
  }

  get layers(): number {
    return this.config.layers;
  }

  get tokenizer(): Tokenizer | undefined {
    return "tokenizer" in this.#text ? this.#text.tokenizer : undefined;
  }

  encode(text: string): number[] {
    if (typeof text !== "string") throw wrongKind("text", "a string", text);
    if (this.config.image)
      throw new ModelError(`this ${this.config.architecture} model reads images, not text or tokens`);
    if ("reason" in this.#text) throw this.#text.reason;
    return this.#text.tokenizer.encode(text);
  }

  async trace(input: ModelInput | string, options: TraceOptions): Promise<Trace> {
    checkKeys("options", options, ["layers", "hidden", "signal"]);
    const window = typeof input === "string" ? this.encode(input) : input;
    const label = this.config.image ? "input" : typeof input === "string" ? "tokens of the text" : "tokens";
    this.#architecture.embedding.check(label, window);
    const trace: Trace = Object.assign(new Map<number, Tensor>(), { hidden: new Map<number, Tensor>() });
    for await (const step of this.walk([window], { layers: options.layers, signal: options.signal })) {
      const [input] = step.inputs;
      const lost = firstNonFinite(input.data, input.shape);
      if (lost) throw this.#outOfRange(step.layer, `its input is ${lost.value} at [${lost.index.join(", ")}]`);
      trace.set(step.layer, input);
      if (options.hidden) trace.hidden.set(step.layer, step.hidden[0]);
    }
    return trace;
  }

  walk(windows: readonly ModelInput[], options: WalkOptions): AsyncIterable<WalkStep> {
    throwIfDisposed("model", this.#disposed);
    checkKeys("options", options, ["layers", "signal"]);
    const { embedding } = this.#architecture;
    if (!Array.isArray(windows)) throw wrongKind("windows", "an array of inputs", windows);
    if (windows.length === 0) throw wrongValue("windows", "at least one window", windows);
    const lengths = windows.map((window, at) => embedding.check(`windows[${at}]`, window));
    return this.#walk(windows, lengths, this.#checkLayers(options.layers), options.signal);
  }

  attention(layer: number): Attention {
    throwIfDisposed("model", this.#disposed);
    checkInteger("layer", layer, 0, this.layers - 1);
    return this.#attention(() => this.#architecture.blocks[layer].attention());
  }

  dispose(): void {
    this.#disposed = true;
  }

  async *#walk(
    windows: readonly ModelInput[],
    lengths: readonly number[],
    wanted: ReadonlySet<number>,
    signal?: AbortSignalLike,
  ): AsyncGenerator<WalkStep, void> {
    const { blocks, normPlacement } = this.#architecture;
    const last = Math.max(...wanted);
    let stack = await this.#inRange(0, this.#embed(windows, lengths, signal));
    for (let layer = 0; layer <= last; layer++) {
      await turn();
      throwIfAborted(signal);
      throwIfDisposed("model", this.#disposed);
      const block = blocks[layer];
      // Kept once it was asked for, so that weights are read once, whoever needs them.
      let asked: Promise<AttentionSpec> | undefined;
      const spec = () => (asked ??= block.attention());
      const attention = this.#attention(() => asked ?? block.attention());
      try {
        const norm = async () => this.#norm(stack, await block.attentionNorm(), signal);
        const normed = normPlacement === "pre" ? await this.#inRange(layer, norm()) : stack;
        const inputs = normed.split();
        const inputNorm = () => this.#inputNorm(layer);
        if (wanted.has(layer)) yield { layer, attention, spec, inputNorm, inputs, hidden: stack.split() };
        if (layer < last) stack = await this.#inRange(layer, this.#advance(block, stack, attention, inputs, signal));
      } finally {
        attention.dispose();
      }
    }
  }

  /** The hidden states of block 0. */
  async #embed(
    windows: readonly ModelInput[],
    lengths: readonly number[],
    signal?: AbortSignalLike,
  ): Promise<TokenStack> {
    throwIfAborted(signal);
    const { embedding } = this.#architecture;
    const sums = await embedding.embed(windows);
    const data = this.#runtime.info.dtype === "f64" ? sums : new Float32Array(sums);
    const stack = new TokenStack(data, lengths, this.config.width);
    return embedding.norm ? this.#norm(stack, await embedding.norm(), signal) : stack;
  }

  async #inputNorm(layer: number): Promise<NormSpec | undefined> {
    const { blocks, embedding, normPlacement } = this.#architecture;
    if (normPlacement === "pre") return blocks[layer].attentionNorm();
    return layer === 0 ? embedding.norm?.() : blocks[layer - 1].feedForwardNorm();
  }

  #attention(read: () => Promise<AttentionSpec>): Attention {
    const { width, heads } = this.config;
    return new LazyAttention(width, width, heads, async () => {
      throwIfDisposed("model", this.#disposed);
      return this.#runtime.attention(await read());
    });
  }

  /** The hidden states of the next block; those of this one are overwritten. */
  async #advance(
    block: Block,
    hidden: TokenStack,
    attention: Attention,
    inputs: Tensor[],
    signal?: AbortSignalLike,
  ): Promise<TokenStack> {
    const pre = this.#architecture.normPlacement === "pre";
    let at = 0;
    for (const input of inputs) {
      await turn();
      throwIfAborted(signal);
      const { data } = await attention.forward(input);
      hidden.add(data, at);
      at += data.length;
    }
    attention.dispose();
    throwIfAborted(signal);
    const attended = pre ? hidden : await this.#norm(hidden, await block.attentionNorm(), signal);
    const normed = pre ? await this.#norm(attended, await block.feedForwardNorm(), signal) : attended;
    const fed = await this.#apply(normed, new FeedForward(this.#runtime, await block.feedForward()), signal);
    attended.add(fed.data);
    return pre ? attended : this.#norm(attended, await block.feedForwardNorm(), signal);
  }

  async #norm(stack: TokenStack, spec: NormSpec, signal?: AbortSignalLike): Promise<TokenStack> {
    return this.#apply(stack, this.#runtime.norm(spec), signal);
  }

  /** The image under a layer that was made for it. */
  async #apply(stack: TokenStack, layer: Layer, signal?: AbortSignalLike): Promise<TokenStack> {
    try {
      return await stack.apply(layer, signal);
    } finally {
      layer.dispose();
    }
  }

  /** Weights that are finite can still carry hidden states out of the range of the runtime's numbers. */
  async #inRange<T>(layer: number, work: Promise<T>): Promise<T> {
    return work.catch((error) => {
      throw error instanceof RangeError ? this.#outOfRange(layer, error.message) : error;
    });
  }

  #outOfRange(layer: number, problem: string): ModelError {
    return new ModelError(`block ${layer} can't be computed in ${this.#runtime.info.dtype}: ${problem}`);
  }

  #checkLayers(layers: readonly number[]): Set<number> {
    if (!Array.isArray(layers)) throw wrongKind("layers", "an array of layer numbers", layers);
    if (layers.length === 0) throw wrongValue("layers", "at least one layer", layers);
    for (const [at, layer] of layers.entries()) checkInteger(`layers[${at}]`, layer, 0, this.layers - 1);
    return new Set(layers);
  }
}

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
import type { Architecture, AttentionBranch, Block, Stack } from "../architectures/architecture.js";
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

/** One block on its way: its hidden states, and those that its attention reads. */
interface BlockWalk {
  readonly block: Block;
  readonly hidden: TokenStack;
  readonly normed: TokenStack;
  readonly inputs: readonly Tensor[];
  readonly attention: Attention;
  readonly signal?: AbortSignalLike;
}

/** The hidden states behind the attention's branch. */
interface Attended {
  readonly hidden: TokenStack;
}

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
    this.#stack.embedding.check(label, window);
    const trace: Trace = Object.assign(new Map<number, Tensor>(), {
      hidden: new Map<number, Tensor>(),
      afterAttention: new Map<number, Tensor>(),
    });
    for await (const step of this.walk([window], { layers: options.layers, signal: options.signal })) {
      const [input] = step.inputs;
      const lost = firstNonFinite(input.data, input.shape);
      if (lost) throw this.#outOfRange(step.layer, `its input is ${lost.value} at [${lost.index.join(", ")}]`);
      trace.set(step.layer, input);
      if (!options.hidden) continue;
      trace.hidden.set(step.layer, step.hidden[0]);
      trace.afterAttention.set(step.layer, (await step.afterAttention())[0]);
    }
    return trace;
  }

  walk(windows: readonly ModelInput[], options: WalkOptions): AsyncIterable<WalkStep> {
    throwIfDisposed("model", this.#disposed);
    checkKeys("options", options, ["layers", "signal"]);
    const { embedding } = this.#stack;
    if (!Array.isArray(windows)) throw wrongKind("windows", "an array of inputs", windows);
    if (windows.length === 0) throw wrongValue("windows", "at least one window", windows);
    const lengths = windows.map((window, at) => embedding.check(`windows[${at}]`, window));
    return this.#walk(windows, lengths, this.#checkLayers(options.layers), options.signal);
  }

  attention(layer: number): Attention {
    throwIfDisposed("model", this.#disposed);
    checkInteger("layer", layer, 0, this.layers - 1);
    return this.#attention(this.#stack.blocks[layer].attention);
  }

  dispose(): void {
    this.#disposed = true;
  }

  get #stack(): Stack {
    return this.#architecture.stacks[0];
  }

  async *#walk(
    windows: readonly ModelInput[],
    lengths: readonly number[],
    wanted: ReadonlySet<number>,
    signal?: AbortSignalLike,
  ): AsyncGenerator<WalkStep, void> {
    const { blocks } = this.#stack;
    const last = Math.max(...wanted);
    let stack = await this.#inRange(0, this.#embed(windows, lengths, signal));
    for (let layer = 0; layer <= last; layer++) {
      await turn();
      throwIfAborted(signal);
      throwIfDisposed("model", this.#disposed);
      const block = blocks[layer];
      // Kept once they were asked for, so that weights are read once, whoever needs them.
      const asked = new Map<number, { spec: () => Promise<AttentionSpec>; reading?: Promise<AttentionSpec> }>();
      const specFor = (tokens: number) => {
        const regime = block.attention.regime(tokens);
        const known = asked.get(regime);
        if (known) return known.spec;
        const made: { spec: () => Promise<AttentionSpec>; reading?: Promise<AttentionSpec> } = {
          spec: () => (made.reading ??= block.attention.spec(tokens)),
        };
        asked.set(regime, made);
        return made.spec;
      };
      const { regime } = block.attention;
      const read = (tokens: number) => asked.get(regime(tokens))?.reading ?? block.attention.spec(tokens);
      const attention = this.#attention({ spec: read, regime });
      try {
        const { before } = block.attention;
        const norm = async () => this.#norm(stack, await before!(), signal);
        const normed = before ? await this.#inRange(layer, norm()) : stack;
        const inputs = normed.split();
        const inputNorm = () => this.#inputNorm(layer);
        const walk: BlockWalk = { block, hidden: stack, normed, inputs, attention, signal };
        let attending: Promise<Attended> | undefined;
        const attend = () => (attending ??= this.#inRange(layer, this.#attend(walk)));
        const afterAttention = async () =>
          block.order === "parallel" ? walk.hidden.split() : (await attend()).hidden.split();
        if (wanted.has(layer)) {
          const spec = specFor(lengths[0]);
          yield { layer, attention, spec, specFor, inputNorm, inputs, hidden: stack.split(), afterAttention };
        }
        if (layer < last) stack = await this.#inRange(layer, this.#feed(walk, await attend()));
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
    const { embedding } = this.#stack;
    const sums = await embedding.embed(windows);
    const data = this.#runtime.info.dtype === "f64" ? sums : new Float32Array(sums);
    const stack = new TokenStack(data, lengths, data.length / lengths.reduce((sum, length) => sum + length, 0));
    const normed = embedding.norm ? await this.#norm(stack, await embedding.norm(), signal) : stack;
    return embedding.project ? this.#apply(normed, this.#runtime.linear(await embedding.project()), signal) : normed;
  }

  async #inputNorm(layer: number): Promise<NormSpec | undefined> {
    const { blocks, embedding } = this.#stack;
    if (blocks[layer].attention.before) return blocks[layer].attention.before();
    if (layer > 0) return blocks[layer - 1].feedForward.behind?.();
    return embedding.project ? undefined : embedding.norm?.();
  }

  #attention(branch: Pick<AttentionBranch, "spec" | "regime">): Attention {
    const { width, heads } = this.config;
    const make = async (tokens: number) => {
      throwIfDisposed("model", this.#disposed);
      return this.#runtime.attention(await branch.spec(tokens));
    };
    return new LazyAttention(width, width, heads, branch.regime, make, this.#runtime.device);
  }

  /** The hidden states with the attention's branch added. */
  async #attend({ block, hidden, normed, inputs, attention, signal }: BlockWalk): Promise<Attended> {
    const { after, behind } = block.attention;
    const branch = new TokenStack(hidden.data.slice(), hidden.lengths, hidden.width);
    let at = 0;
    for (const input of inputs) {
      await turn();
      throwIfAborted(signal);
      const { data } = await attention.forward(input);
      branch.data.set(data, at);
      at += data.length;
    }
    throwIfAborted(signal);
    const sum = after ? await this.#norm(branch, await after(), signal) : branch;
    sum.add((block.order === "normed" ? normed : hidden).data);
    return { hidden: behind ? await this.#norm(sum, await behind(), signal) : sum };
  }

  /** The hidden states of the next block. */
  async #feed({ block, hidden, normed, attention, signal }: BlockWalk, attended: Attended): Promise<TokenStack> {
    attention.dispose();
    const { before, spec, after, behind } = block.feedForward;
    const read = block.order === "parallel" ? hidden : attended.hidden;
    const shared = block.order === "parallel" && before === block.attention.before;
    const input = shared ? normed : before ? await this.#norm(read, await before(), signal) : read;
    const branch = await this.#apply(input, new FeedForward(this.#runtime, await spec()), signal);
    const sum = after ? await this.#norm(branch, await after(), signal) : branch;
    sum.add((block.order === "normed" ? input : attended.hidden).data);
    return behind ? this.#norm(sum, await behind(), signal) : sum;
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

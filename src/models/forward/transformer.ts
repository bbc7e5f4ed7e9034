// A transformer as a Model: its stacks of blocks, their parts, and how hidden states move through them.

import {
  checkInteger,
  checkKeys,
  checkOneOf,
  checkTensor,
  firstNonFinite,
  throwIfDisposed,
  wrongKind,
  wrongValue,
} from "../../base/check.js";
import { Held } from "../../base/disposable.js";
import { ModelError } from "../../base/errors.js";
import type { AbortSignalLike } from "../../base/platform.js";
import type { Tensor } from "../../base/tensor.js";
import type { CrossAttention } from "../../device/crossAttentionLayer.js";
import type { LinearizableLayer } from "../../device/linearization.js";
import type { Attention, Runtime } from "../../measure/createRuntime.js";
import type { Architecture, Stack } from "../architectures/architecture.js";
import type {
  Model,
  ModelConfig,
  ModelInput,
  ModelOrigin,
  PartOptions,
  Tokenizer,
  Trace,
  TraceOptions,
  WalkOptions,
  WalkStep,
} from "../model.js";
import type { TokenizerOrReason } from "../tokenizer.js";
import { BlockLayers, OwningLayer } from "./blockLayers.js";
import { planOf } from "./blockPlan.js";
import { LazyLayer } from "./lazyLayer.js";
import { type PartName, partNames } from "./partName.js";
import { inputOfStack, type ReadInput } from "./stackInput.js";
import { outOfRange, type StackWalk, throughStack, walkStack } from "./walkStack.js";

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

  get stacks(): readonly string[] {
    return this.#architecture.stacks.map(({ name }) => name);
  }

  get tokenizer(): Tokenizer | undefined {
    return "tokenizer" in this.#text ? this.#text.tokenizer : undefined;
  }

  partsOf(layer: number, options: PartOptions = {}): readonly PartName[] {
    const stack = this.#stack("options", options);
    checkInteger("layer", layer, 0, stack.blocks.length - 1);
    return [...planOf(stack.blocks[layer]).parts.keys()];
  }

  encode(text: string): number[] {
    if (typeof text !== "string") throw wrongKind("text", "a string", text);
    if (this.config.image)
      throw new ModelError(`this ${this.config.architecture} model reads images, not text or tokens`);
    if ("reason" in this.#text) throw this.#text.reason;
    return this.#text.tokenizer.encode(text);
  }

  async trace(input: ModelInput | string, options: TraceOptions): Promise<Trace> {
    checkKeys("options", options, ["layers", "hidden", "stack", "signal"]);
    const stack = this.#stack("options", options);
    const window = typeof input === "string" ? this.encode(input) : input;
    const label = stack.embedding.reads === "tokens" ? "tokens" : "input";
    const read = this.#inputOf(typeof input === "string" ? "tokens of the text" : label, stack, window);
    const { layers, signal } = options;
    const memories = stack.blocks[0].cross ? await this.#memories([window], signal) : undefined;
    const trace: Trace = Object.assign(new Map<number, Tensor>(), {
      hidden: new Map<number, Tensor>(),
      afterAttention: new Map<number, Tensor>(),
      ...(memories ? { memory: memories[0] } : {}),
    });
    // Without layers, the embeddings' output alone.
    const first = options.hidden === true && Array.isArray(layers) && layers.length === 0;
    const wanted = this.#checkLayers(first ? [0] : layers, stack);
    for await (const step of walkStack(this.#runtime, stack, this.#walkOf([read], wanted, memories, signal))) {
      const [input] = step.inputs;
      const lost = firstNonFinite(input.data, input.shape);
      if (lost) {
        const problem = `its input is ${lost.value} at [${lost.index.join(", ")}]`;
        throw outOfRange(step.layer, this.#runtime, problem);
      }
      if (!first) trace.set(step.layer, input);
      if (!options.hidden) continue;
      trace.hidden.set(step.layer, step.hidden[0]);
      if (first) continue;
      trace.afterAttention.set(step.layer, (await step.afterAttention())[0]);
    }
    return trace;
  }

  walk(windows: readonly ModelInput[], options: WalkOptions): AsyncIterable<WalkStep> {
    throwIfDisposed("model", this.#disposed);
    checkKeys("options", options, ["layers", "stack", "signal"]);
    const stack = this.#stack("options", options);
    if (!Array.isArray(windows)) throw wrongKind("windows", "an array of inputs", windows);
    if (windows.length === 0) throw wrongValue("windows", "at least one window", windows);
    const read = windows.map((window, at) => this.#inputOf(`windows[${at}]`, stack, window));
    const layers = this.#checkLayers(options.layers, stack);
    return this.#walk(windows, read, stack, layers, options.signal);
  }

  attention(layer: number, options: PartOptions = {}): Attention {
    return this.#blockLayers(layer, options).attention;
  }

  part(layer: number, what: Exclude<PartName, "cross-attention">, options?: PartOptions): LinearizableLayer;
  part(layer: number, what: "cross-attention", options?: PartOptions): CrossAttention;
  part(layer: number, what: PartName, options: PartOptions = {}): LinearizableLayer | CrossAttention {
    checkOneOf("part", what, partNames);
    const layers = this.#blockLayers(layer, options);
    if (what === "cross-attention") return layers.cross;
    return new OwningLayer(layers.compose(layers.partPlan(what)), [layers]);
  }

  blocks(from: number, to: number, options: PartOptions & { finalNorm?: boolean } = {}): LinearizableLayer {
    throwIfDisposed("model", this.#disposed);
    checkKeys("options", options, ["stack", "memory", "finalNorm"]);
    const stack = this.#stack("options", options);
    checkInteger("from", from, 0, stack.blocks.length - 1);
    checkInteger("to", to, from + 1, stack.blocks.length);
    const owned: (BlockLayers | LinearizableLayer)[] = [];
    const layers: LinearizableLayer[] = [];
    for (let layer = from; layer < to; layer++) {
      const block = this.#blockLayers(layer, { stack: stack.name, memory: options.memory });
      owned.push(block);
      layers.push(block.compose(block.partPlan("block")));
    }
    if (options.finalNorm) {
      const norm = this.#finalNorm(stack);
      owned.push(norm);
      layers.push(norm);
    }
    return new OwningLayer(this.#runtime.chain(layers), owned);
  }

  head(): LinearizableLayer {
    throwIfDisposed("model", this.#disposed);
    const stack = this.#stack("options", {});
    const { head } = stack;
    if (!head) throw new ModelError(`this ${this.config.architecture} checkpoint has no head`);
    const map = new LazyLayer({
      what: "head",
      dIn: stack.width,
      dOut: head.outputs,
      device: this.#runtime.device,
      make: async () => this.#runtime.linear(await head.read()),
    });
    if (!stack.finalNorm) return map;
    const norm = this.#finalNorm(stack);
    return new OwningLayer(this.#runtime.chain([norm, map]), [norm, map]);
  }

  dispose(): void {
    this.#disposed = true;
  }

  #blockLayers(layer: number, options: PartOptions): BlockLayers {
    throwIfDisposed("model", this.#disposed);
    checkKeys("options", options, ["stack", "memory"]);
    const stack = this.#stack("options", options);
    checkInteger("layer", layer, 0, stack.blocks.length - 1);
    const memories = options.memory === undefined ? [] : [checkTensor("memory", options.memory, [-1, stack.width])];
    return new BlockLayers(this.#runtime, stack.blocks[layer], stack, memories);
  }

  #finalNorm(stack: Stack): LinearizableLayer {
    const read = stack.finalNorm;
    if (!read) throw wrongValue("finalNorm", "false: this model has no norm behind its last block", true);
    const { width } = stack;
    const make = async () => this.#runtime.norm(await read());
    return new LazyLayer({ what: "norm", dIn: width, dOut: width, device: this.#runtime.device, make });
  }

  /** The stack that is named, else the only one, else the decoder, else the text. */
  #stack(label: string, { stack: name }: PartOptions): Stack {
    const { stacks } = this.#architecture;
    if (name !== undefined) {
      checkOneOf(`${label}.stack`, name, this.stacks);
      return stacks.find((stack) => stack.name === name)!;
    }
    return stacks.find((stack) => stack.name === "decoder" || stack.name === "text") ?? stacks[0];
  }

  /** What a stack reads of an input, checked by its label. */
  #inputOf(label: string, stack: Stack, input: ModelInput): ReadInput {
    const own = inputOfStack(label, stack, input, this.stacks);
    return { input: own, length: stack.embedding.check(label, own) };
  }

  /** What the encoder gives for each window. */
  async #memories(windows: readonly ModelInput[], signal?: AbortSignalLike): Promise<Tensor[]> {
    const encoder = this.#architecture.stacks[0];
    const read = windows.map((window) => this.#inputOf("input", encoder, window));
    return throughStack(this.#runtime, encoder, this.#walkOf(read, new Set(), undefined, signal));
  }

  #walkOf(
    read: readonly ReadInput[],
    layers: ReadonlySet<number>,
    memories: readonly Tensor[] | undefined,
    signal?: AbortSignalLike,
  ): StackWalk {
    return {
      windows: read.map(({ input }) => input),
      lengths: read.map(({ length }) => length),
      layers,
      memories,
      signal,
      whileAlive: () => throwIfDisposed("model", this.#disposed),
    };
  }

  async *#walk(
    windows: readonly ModelInput[],
    read: readonly ReadInput[],
    stack: Stack,
    layers: ReadonlySet<number>,
    signal?: AbortSignalLike,
  ): AsyncGenerator<WalkStep, void> {
    const memories = stack.blocks[0].cross ? await this.#memories(windows, signal) : undefined;
    yield* walkStack(this.#runtime, stack, this.#walkOf(read, layers, memories, signal));
  }

  #checkLayers(layers: readonly number[], { blocks }: Stack): Set<number> {
    if (!Array.isArray(layers)) throw wrongKind("layers", "an array of layer numbers", layers);
    if (layers.length === 0) throw wrongValue("layers", "at least one layer", layers);
    for (const [at, layer] of layers.entries()) checkInteger(`layers[${at}]`, layer, 0, blocks.length - 1);
    return new Set(layers);
  }
}

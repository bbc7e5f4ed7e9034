// A decoder-only transformer as a Model: which weights are needed when, and how hidden states move through blocks.
import type { AttentionSpec } from "../attention/spec.js";
import { checkInteger, checkKeys, throwIfAborted, throwIfDisposed, wrongKind, wrongValue } from "../check.js";
import type { AbortSignalLike } from "../platform.js";
import type { Attention, Runtime } from "../runtime.js";
import type { Tensor } from "../tensor.js";
import { turn } from "../turn.js";
import type { Architecture } from "./architecture.js";
import { LazyAttention } from "./lazyAttention.js";
import type {
  Model,
  ModelConfig,
  ModelOrigin,
  Tokenizer,
  Trace,
  TraceOptions,
  WalkOptions,
  WalkStep,
} from "./model.js";
import type { TokenizerOrReason } from "./tokenizer.js";
import { TokenStack } from "./tokenStack.js";

export class Decoder implements Model {
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
    if ("reason" in this.#text) throw this.#text.reason;
    return this.#text.tokenizer.encode(text);
  }

  async trace(tokens: readonly number[] | string, options: TraceOptions): Promise<Trace> {
    checkKeys("options", options, ["layers", "hidden", "signal"]);
    const window = typeof tokens === "string" ? this.encode(tokens) : tokens;
    this.#checkWindow(typeof tokens === "string" ? "tokens of the text" : "tokens", window);
    const trace: Trace = Object.assign(new Map<number, Tensor>(), { hidden: new Map<number, Tensor>() });
    for await (const step of this.walk([window], { layers: options.layers, signal: options.signal })) {
      trace.set(step.layer, step.inputs[0]);
      if (options.hidden) trace.hidden.set(step.layer, step.hidden[0]);
    }
    return trace;
  }

  walk(windows: readonly (readonly number[])[], options: WalkOptions): AsyncIterable<WalkStep> {
    throwIfDisposed("model", this.#disposed);
    checkKeys("options", options, ["layers", "signal"]);
    if (!Array.isArray(windows)) throw wrongKind("windows", "an array of token arrays", windows);
    if (windows.length === 0) throw wrongValue("windows", "at least one window", windows);
    for (const [at, window] of windows.entries()) this.#checkWindow(`windows[${at}]`, window);
    return this.#walk(windows, this.#checkLayers(options.layers), options.signal);
  }

  attention(layer: number): Attention {
    throwIfDisposed("model", this.#disposed);
    checkInteger("layer", layer, 0, this.layers - 1);
    return this.#attention(() => this.#architecture.attention(layer));
  }

  dispose(): void {
    this.#disposed = true;
  }

  async *#walk(
    windows: readonly (readonly number[])[],
    wanted: ReadonlySet<number>,
    signal?: AbortSignalLike,
  ): AsyncGenerator<WalkStep, void> {
    const last = Math.max(...wanted);
    throwIfAborted(signal);
    const embedded = await this.#architecture.embed(windows);
    const stack = new TokenStack(
      this.#runtime.info.dtype === "f64" ? embedded : new Float32Array(embedded),
      windows.map((window) => window.length),
      this.config.width,
    );
    for (let layer = 0; layer <= last; layer++) {
      await turn();
      throwIfAborted(signal);
      throwIfDisposed("model", this.#disposed);
      // Kept once it was asked for, so that weights are read once, whoever needs them.
      let asked: Promise<AttentionSpec> | undefined;
      const spec = () => (asked ??= this.#architecture.attention(layer));
      const attention = this.#attention(() => asked ?? this.#architecture.attention(layer));
      try {
        const inputs = await this.#attentionInputs(layer, stack, signal);
        if (wanted.has(layer)) yield { layer, attention, spec, inputs, hidden: stack.split() };
        if (layer < last) await this.#advance(layer, stack, attention, inputs, signal);
      } finally {
        attention.dispose();
      }
    }
  }

  #attention(read: () => Promise<AttentionSpec>): Attention {
    const { width, heads } = this.config;
    return new LazyAttention(width, width, heads, async () => {
      throwIfDisposed("model", this.#disposed);
      return this.#runtime.attention(await read());
    });
  }

  async #attentionInputs(layer: number, stack: TokenStack, signal?: AbortSignalLike): Promise<Tensor[]> {
    const norm = this.#runtime.norm(await this.#architecture.attentionNorm(layer));
    try {
      return (await stack.apply(norm, signal)).split();
    } finally {
      norm.dispose();
    }
  }

  /** h ← h + attention(inputs), then h ← h + feedForward(h). */
  async #advance(layer: number, stack: TokenStack, attention: Attention, inputs: Tensor[], signal?: AbortSignalLike) {
    let at = 0;
    for (const input of inputs) {
      await turn();
      throwIfAborted(signal);
      const { data } = await attention.forward(input);
      stack.add(data, at);
      at += data.length;
    }
    attention.dispose();
    throwIfAborted(signal);
    const feedForward = await this.#architecture.feedForward(layer, this.#runtime);
    try {
      stack.add((await stack.apply(feedForward, signal)).data);
    } finally {
      feedForward.dispose();
    }
  }

  #checkLayers(layers: readonly number[]): Set<number> {
    if (!Array.isArray(layers)) throw wrongKind("layers", "an array of layer numbers", layers);
    if (layers.length === 0) throw wrongValue("layers", "at least one layer", layers);
    for (const [at, layer] of layers.entries()) checkInteger(`layers[${at}]`, layer, 0, this.layers - 1);
    return new Set(layers);
  }

  #checkWindow(label: string, tokens: readonly number[]): void {
    const { context, vocabulary } = this.config;
    if (!Array.isArray(tokens)) throw wrongKind(label, "an array of token ids", tokens);
    if (tokens.length === 0 || tokens.length > context) {
      throw new RangeError(`"${label}": expected 1 to ${context} tokens (this model's context), got ${tokens.length}`);
    }
    for (let at = 0; at < tokens.length; at++) checkInteger(`${label}[${at}]`, tokens[at], 0, vocabulary - 1);
  }
}

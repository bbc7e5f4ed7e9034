// Cross-attention whose weights are read at its first use.
import { throwIfDisposed } from "../../base/check.js";
import { Held } from "../../base/disposable.js";
import type { Tensor, TensorLike } from "../../base/tensor.js";
import type { CrossAttention } from "../../device/crossAttentionLayer.js";
import type { Device } from "../../device/device.js";
import type { LinearizableLayer, Linearization } from "../../device/linearization.js";
import { LazyLayer } from "./lazyLayer.js";

export interface LazyCrossRule {
  readonly width: number;
  readonly heads: number;
  readonly device?: Device;
  make(): Promise<CrossAttention>;
}

/** Queries and memory are of the same width. */
export class LazyCross extends Held implements CrossAttention {
  readonly queryWidth: number;
  readonly memoryWidth: number;
  readonly dOut: number;
  readonly heads: number;
  #making?: Promise<CrossAttention>;
  #disposed = false;

  constructor(readonly rule: LazyCrossRule) {
    super();
    this.queryWidth = rule.width;
    this.memoryWidth = rule.width;
    this.dOut = rule.width;
    this.heads = rule.heads;
  }

  async forward(x: TensorLike, memory: TensorLike): Promise<Tensor> {
    return (await this.#layer()).forward(x, memory);
  }

  async probabilities(x: TensorLike, memory: TensorLike): Promise<Tensor> {
    return (await this.#layer()).probabilities(x, memory);
  }

  async linearize(
    x: TensorLike,
    memory: TensorLike,
    options?: Parameters<CrossAttention["linearize"]>[2],
  ): Promise<Linearization> {
    return (await this.#layer()).linearize(x, memory, options);
  }

  withMemory(memory: TensorLike): LinearizableLayer {
    throwIfDisposed("cross-attention", this.#disposed);
    const { width, device } = this.rule;
    const make = async () => (await this.#layer()).withMemory(memory);
    return new LazyLayer({ what: "cross-attention", dIn: width, dOut: width, device, make });
  }

  dispose(): void {
    this.#disposed = true;
    this.#making?.then(
      (made) => made.dispose(),
      () => undefined,
    );
  }

  async #layer(): Promise<CrossAttention> {
    throwIfDisposed("cross-attention", this.#disposed);
    this.#making ??= this.rule.make();
    return this.#making;
  }
}

// An attention layer whose weights are read at its first use.

import { checkInteger, throwIfDisposed } from "../../base/check.js";
import { Held } from "../../base/disposable.js";
import type { Tensor, TensorLike } from "../../base/tensor.js";
import { type Linearization, type Linearizer, type StepsTogether, stepsTogether } from "../../device/linearization.js";
import type { Attention } from "../../measure/createRuntime.js";

export class LazyAttention extends Held implements Attention, StepsTogether {
  readonly #make: () => Promise<Attention>;
  #making?: Promise<Attention>;
  #made?: Attention;
  #disposed = false;

  constructor(
    readonly dIn: number,
    readonly dOut: number,
    readonly heads: number,
    make: () => Promise<Attention>,
  ) {
    super();
    this.#make = make;
  }

  async forward(x: TensorLike): Promise<Tensor> {
    return (await this.#layer()).forward(x);
  }

  async linearize(x: TensorLike): Promise<Linearization> {
    return (await this.#layer()).linearize(x);
  }

  async probabilities(x: TensorLike): Promise<Tensor> {
    return (await this.#layer()).probabilities(x);
  }

  async together(): Promise<Linearizer> {
    const layer = await this.#layer();
    return stepsTogether(layer) ? layer.together() : layer;
  }

  head(index: number): Attention {
    throwIfDisposed("attention layer", this.#disposed);
    checkInteger("head", index, 0, this.heads - 1);
    return new LazyAttention(this.dIn, this.dOut, 1, async () => (await this.#layer()).head(index));
  }

  dispose(): void {
    this.#disposed = true;
    this.#made?.dispose();
    this.#made = undefined;
  }

  async #layer(): Promise<Attention> {
    throwIfDisposed("attention layer", this.#disposed);
    this.#making ??= this.#make().then(
      (made) => {
        if (this.#disposed) made.dispose();
        else this.#made = made;
        return made;
      },
      (error) => {
        this.#making = undefined;
        throw error;
      },
    );
    const layer = await this.#making;
    throwIfDisposed("attention layer", this.#disposed);
    return layer;
  }
}

// An attention layer whose weights are read at its first use.

import { checkInteger, throwIfDisposed } from "../../base/check.js";
import { Held } from "../../base/disposable.js";
import type { Tensor, TensorLike } from "../../base/tensor.js";
import { type Linearization, type Linearizer, type StepsTogether, stepsTogether } from "../../device/linearization.js";
import type { Attention } from "../../measure/createRuntime.js";

/** Positions may depend on the number of tokens: there is one layer for each regime of lengths that was used. */
export class LazyAttention extends Held implements Attention, StepsTogether {
  readonly #regime: (tokens: number) => number;
  readonly #make: (tokens: number) => Promise<Attention>;
  readonly #making = new Map<number, Promise<Attention>>();
  readonly #made: Attention[] = [];
  #disposed = false;

  constructor(
    readonly dIn: number,
    readonly dOut: number,
    readonly heads: number,
    regime: (tokens: number) => number,
    make: (tokens: number) => Promise<Attention>,
  ) {
    super();
    this.#regime = regime;
    this.#make = make;
  }

  async forward(x: TensorLike): Promise<Tensor> {
    return (await this.#layer(x)).forward(x);
  }

  async linearize(x: TensorLike): Promise<Linearization> {
    return (await this.#layer(x)).linearize(x);
  }

  async probabilities(x: TensorLike): Promise<Tensor> {
    return (await this.#layer(x)).probabilities(x);
  }

  async together(): Promise<Linearizer> {
    throwIfDisposed("attention layer", this.#disposed);
    const shared = new Map<Attention, Promise<Linearizer>>();
    return {
      linearize: async (x) => {
        const layer = await this.#layer(x);
        const together = shared.get(layer) ?? (stepsTogether(layer) ? layer.together() : Promise.resolve(layer));
        shared.set(layer, together);
        return (await together).linearize(x);
      },
    };
  }

  head(index: number): Attention {
    throwIfDisposed("attention layer", this.#disposed);
    checkInteger("head", index, 0, this.heads - 1);
    const make = async (tokens: number) => (await this.#ofLength(tokens)).head(index);
    return new LazyAttention(this.dIn, this.dOut, 1, this.#regime, make);
  }

  dispose(): void {
    this.#disposed = true;
    for (const layer of this.#made.splice(0)) layer.dispose();
  }

  /** Of the input's number of tokens, as far as it is one: the layer itself tells what is wrong with it. */
  #layer(x: TensorLike): Promise<Attention> {
    const tokens = (x as Tensor | undefined)?.shape?.[0] ?? (x as { dims?: number[] } | undefined)?.dims?.[0];
    return this.#ofLength(typeof tokens === "number" ? tokens : 1);
  }

  async #ofLength(tokens: number): Promise<Attention> {
    throwIfDisposed("attention layer", this.#disposed);
    const regime = this.#regime(tokens);
    const making =
      this.#making.get(regime) ??
      this.#make(tokens).then(
        (made) => {
          if (this.#disposed) made.dispose();
          else this.#made.push(made);
          return made;
        },
        (error) => {
          this.#making.delete(regime);
          throw error;
        },
      );
    this.#making.set(regime, making);
    const layer = await making;
    throwIfDisposed("attention layer", this.#disposed);
    return layer;
  }
}

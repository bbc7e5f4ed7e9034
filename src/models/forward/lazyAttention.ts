// An attention layer whose weights are read at its first use.

import { checkInteger } from "../../base/check.js";
import type { Tensor, TensorLike } from "../../base/tensor.js";
import type { Attention } from "../../measure/createRuntime.js";
import { LazyLayer, type LazyRule } from "./lazyLayer.js";

/** Positions may depend on the number of tokens: there is one layer for each regime of lengths that was used. */
export class LazyAttention extends LazyLayer<Attention> implements Attention {
  constructor(
    rule: Omit<LazyRule<Attention>, "what" | "together">,
    readonly heads: number,
  ) {
    super({ ...rule, what: "attention layer", together: true });
  }

  async probabilities(x: TensorLike): Promise<Tensor> {
    return (await this.layerFor(x)).probabilities(x);
  }

  head(index: number): Attention {
    this.throwIfDisposed();
    checkInteger("head", index, 0, this.heads - 1);
    return new LazyAttention({ ...this.rule, make: async (tokens) => (await this.layerOf(tokens)).head(index) }, 1);
  }
}

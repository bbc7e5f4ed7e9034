// A self-attention layer of a runtime, on whatever device.
import { checkInteger } from "../base/check.js";
import type { Tensor, TensorLike } from "../base/tensor.js";
import type { Vector } from "./device.js";
import { type DeviceAttention, Shared } from "./deviceLayer.js";
import { type LinearizableLayer, RuntimeLayer } from "./linearization.js";

/** A self-attention layer on a device. */
export interface Attention extends LinearizableLayer {
  readonly heads: number;
  /** Attention probabilities at x, [heads, n, n]. */
  probabilities(x: TensorLike): Promise<Tensor>;
  /**
   * One head alone, as a layer of its own that the caller disposes of: P_h V_h W_O,h without the output map's bias,
   * so that the heads' outputs add up to this layer's, up to that bias. On WebAssembly `spectralNorm` of a head whose
   * 3·dHead channels are at most half of dIn runs in the coordinates that its maps tell apart, [n, 3·dHead] →
   * [n, dValue], where its Jacobian has the same singular values (MATH 10.2 then holds for that smaller dimension).
   * @throws RangeError for a head that the layer does not have
   */
  head(index: number): Attention;
}

export class AttentionLayer<V extends Vector = Vector> extends RuntimeLayer<V> implements Attention {
  readonly heads: number;

  constructor(readonly attention: DeviceAttention<V>) {
    super(new Shared(attention), "attention");
    this.heads = attention.heads;
  }

  async probabilities(x: TensorLike): Promise<Tensor> {
    return this.onInput(x, (input) => this.attention.probabilities(input));
  }

  head(index: number): Attention {
    // Throws where this was disposed of.
    void this.onDevice;
    checkInteger("head", index, 0, this.heads - 1);
    return new AttentionLayer(this.attention.head(index));
  }
}

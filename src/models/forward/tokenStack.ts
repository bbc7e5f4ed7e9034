// The hidden states of many windows, one below the other, so that row-wise layers take them together.
import { throwIfAborted } from "../../base/check.js";
import type { AbortSignalLike } from "../../base/platform.js";
import { type RealArray, type Tensor, tensor } from "../../base/tensor.js";
import { turn } from "../../base/turn.js";
import type { Layer } from "../../device/linearization.js";

/** Tokens that pass through a row-wise layer at once: enough for the kernels' speed, little memory. */
const tokensAtOnce = 1024;

export class TokenStack {
  /**
   * @param data [Σ lengths, width]
   * @param lengths tokens of each window
   */
  constructor(
    readonly data: RealArray,
    readonly lengths: readonly number[],
    readonly width: number,
  ) {}

  /** A copy of each window, [length, width]. */
  split(): Tensor[] {
    let row = 0;
    return this.lengths.map((length) => {
      const from = row;
      row += length;
      return tensor(this.data.slice(from * this.width, row * this.width), [length, this.width]);
    });
  }

  /** The image under a layer that maps each token by itself. */
  async apply(layer: Layer, signal?: AbortSignalLike): Promise<TokenStack> {
    const { data, width } = this;
    const size = (data.length / width) * layer.dOut;
    const image = data instanceof Float64Array ? new Float64Array(size) : new Float32Array(size);
    for (let from = 0; from < data.length; from += tokensAtOnce * width) {
      await turn();
      throwIfAborted(signal);
      const rows = data.subarray(from, from + tokensAtOnce * width);
      const { data: part } = await layer.forward(tensor(rows, [rows.length / width, width]));
      image.set(part, (from / width) * layer.dOut);
    }
    return new TokenStack(image, this.lengths, layer.dOut);
  }

  /** Adds, element by element. */
  add(term: RealArray): void {
    const { data } = this;
    for (let i = 0; i < term.length; i++) data[i] += term[i];
  }
}

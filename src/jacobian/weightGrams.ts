// Gram matrices of all heads' weights side by side: what sums over a token's blocks are made of.

import type { HostHead, HostPrimal } from "../layers/attention/hostPrimal.js";
import { part, turned, type Workspace } from "../linalg/workspace.js";

export class WeightGrams {
  /** heads·dValue, and heads·dHead. */
  readonly values: number;
  readonly queries: number;
  /** Where W_VᵀW_V, W_VᵀW_K, W_VᵀW_Q, W_KᵀW_K, W_KᵀW_Q and W_QᵀW_Q lie. */
  readonly vv: number;
  readonly vk: number;
  readonly vq: number;
  readonly kk: number;
  readonly kq: number;
  readonly qq: number;
  /** ‖W_V‖²_F and ‖W_Q‖²_F of each head. */
  readonly valueSquares: readonly number[];
  readonly querySquares: readonly number[];
  readonly #space: Workspace;

  constructor(space: Workspace, { heads, spec }: HostPrimal) {
    const { dIn, dHead, dValue } = spec;
    this.#space = space;
    this.values = heads.length * dValue;
    this.queries = heads.length * dHead;
    const stack = (of: (head: HostHead) => Float64Array, columns: number) => {
      const width = heads.length * columns;
      const at = space.take(dIn * width, "the weights");
      const view = space.view(at, dIn * width);
      for (const [h, head] of heads.entries()) {
        const matrix = of(head);
        for (let e = 0; e < dIn; e++)
          view.set(matrix.subarray(e * columns, (e + 1) * columns), e * width + h * columns);
      }
      return { at, width };
    };
    const value = stack((head) => head.value, dValue);
    const key = stack((head) => head.key, dHead);
    const query = stack((head) => head.query, dHead);
    const gram = (a: { at: number; width: number }, b: { at: number; width: number }) => {
      const at = space.take(a.width * b.width, "a Gram matrix");
      space.multiply(a.width, b.width, dIn, turned(part(a.at, a.width)), part(b.at, b.width), part(at, b.width), false);
      return at;
    };
    this.vv = gram(value, value);
    this.vk = gram(value, key);
    this.vq = gram(value, query);
    this.kk = gram(key, key);
    this.kq = gram(key, query);
    this.qq = gram(query, query);
    this.valueSquares = this.#traces(this.vv, dValue, this.values);
    this.querySquares = this.#traces(this.qq, dHead, this.queries);
  }

  /** xᵀ times rows [first, first + x.length) of a Gram matrix, [queries]. */
  transposedTimes(gram: number, first: number, x: Float64Array): Float64Array {
    const y = new Float64Array(this.queries);
    const view = this.#space.view(gram + first * this.queries, x.length * this.queries);
    for (let r = 0; r < x.length; r++) {
      for (let c = 0, at = r * this.queries; c < y.length; c++) y[c] += x[r] * view[at++];
    }
    return y;
  }

  /** Of the diagonal blocks of `size`. */
  #traces(gram: number, size: number, width: number): number[] {
    const view = this.#space.view(gram, width * width);
    return Array.from({ length: width / size }, (_, h) => {
      let sum = 0;
      for (let c = h * size; c < (h + 1) * size; c++) sum += view[c * (width + 1)];
      return sum;
    });
  }
}

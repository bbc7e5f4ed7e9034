// Cross-attention on WebAssembly: self-attention over both sequences, the tokens that ask in front and the others from a
// panel of their own on, under a mask that lets only the first ask and only the second be asked.
import { DeviceError } from "../../base/errors.js";
import { type Tensor, tensor } from "../../base/tensor.js";
import type { ResolvedCross } from "../../layers/attention/crossSpec.js";
import { resolveCrossMask } from "../../layers/attention/mask.js";
import type { DeviceCrossAttention, Linearized, WithRespectTo } from "../deviceLayer.js";
import { type DeviceOperator, secondDerivative } from "../operator.js";
import { WasmAttention } from "./attention.js";
import type { WasmAttentionOperator } from "./attentionOperator.js";
import type { WasmDevice, WasmLease, WasmVector } from "./device.js";
import { tileColumns } from "./layout.js";
import { readProbabilities } from "./patterns.js";

/** Rows of a vector that are rows of another: `count` tokens from each one's first on. */
interface Part {
  readonly first: number;
  readonly placed: number;
  readonly count: number;
}

export class WasmCrossAttention implements DeviceCrossAttention<WasmVector> {
  readonly heads: number;
  readonly queryWidth: number;
  readonly memoryWidth: number;
  readonly dOut: number;
  readonly #attention: WasmAttention;
  readonly #mask: ResolvedCross["spec"]["mask"];

  constructor(
    readonly device: WasmDevice,
    { spec, queryWidth, memoryWidth }: ResolvedCross,
  ) {
    this.#attention = new WasmAttention(device, spec);
    this.#mask = spec.mask;
    this.heads = spec.heads;
    this.dOut = spec.dOut;
    this.queryWidth = queryWidth;
    this.memoryWidth = memoryWidth;
  }

  async forward(x: WasmVector, memory: WasmVector, lease: WasmLease): Promise<WasmVector> {
    const output = lease.vector([x.shape[0], this.dOut], "the output");
    const work = this.device.lease();
    try {
      this.#copy(this.#at(x, memory, work).output, output, [{ first: 0, placed: 0, count: x.shape[0] }]);
      return output;
    } finally {
      work.dispose();
    }
  }

  async linearize(
    x: WasmVector,
    memory: WasmVector,
    wrt: WithRespectTo,
    lease: WasmLease,
  ): Promise<Linearized<WasmVector>> {
    const whole = this.#at(x, memory, lease);
    const [n] = x.shape;
    const [m] = memory.shape;
    const start = this.#start(n);
    const queries = { first: 0, placed: 0, count: n };
    const output = lease.vector([n, this.dOut], "the output");
    this.#copy(whole.output, output, [queries]);
    const sides = {
      queries: { shape: [n, this.queryWidth], parts: [queries] },
      memory: { shape: [m, this.memoryWidth], parts: [{ first: 0, placed: start, count: m }] },
      both: { shape: [n + m, this.#attention.dIn], parts: [queries, { first: n, placed: start, count: m }] },
    };
    const { shape, parts } = sides[wrt];
    return { operator: this.#restricted(whole, shape, parts, queries, lease), output };
  }

  async probabilities(x: WasmVector, memory: WasmVector): Promise<Tensor> {
    const { heap, kernels } = this.device;
    const [n] = x.shape;
    const [m] = memory.shape;
    const start = this.#start(n);
    const total = start + m;
    const work = this.device.lease();
    try {
      const { primal, tiling } = this.#at(x, memory, work);
      const { data } = readProbabilities(kernels, heap, primal, this.heads, total, tiling);
      const own = data.slice(0, this.heads * n * m);
      for (let h = 0; h < this.heads; h++) {
        for (let i = 0; i < n; i++) {
          const from = (h * total + i) * total + start;
          own.set(data.subarray(from, from + m), (h * n + i) * m);
        }
      }
      return tensor(own, [this.heads, n, m]);
    } finally {
      work.dispose();
    }
  }

  get inDoubles(): (() => Promise<DeviceCrossAttention>) | undefined {
    const { doubles } = this.device;
    if (!doubles) return undefined;
    return async () => {
      const { queryWidth, memoryWidth } = this;
      const maker = await doubles.maker();
      const copy = maker.crossAttention?.({ spec: this.#attention.spec, queryWidth, memoryWidth });
      if (!copy) throw new DeviceError("the device in f64 has no cross-attention");
      return copy;
    };
  }

  dispose(): void {
    this.#attention.dispose();
  }

  /** Where the second sequence's panels start. */
  #start(n: number): number {
    const columns = tileColumns(this.device.heap);
    return Math.ceil(n / columns) * columns;
  }

  #at(x: WasmVector, memory: WasmVector, lease: WasmLease): WasmAttentionOperator {
    const [n] = x.shape;
    const [m] = memory.shape;
    const start = this.#start(n);
    const total = start + m;
    const tokens = lease.vector([total, this.#attention.dIn], "the input");
    this.#copy(tokens, x, [{ first: 0, placed: 0, count: n }], true);
    this.#copy(tokens, memory, [{ first: 0, placed: start, count: m }], true);
    const positions = Int32Array.from({ length: total }, (_, token) =>
      token < start ? Math.min(token, n - 1) : token - start,
    );
    return this.#attention.inScene(tokens, lease, {
      mask: resolveCrossMask(this.#mask, n, m, start, total),
      positions,
    });
  }

  /** The operator from the tokens of `parts` to those of `queries`. */
  #restricted(
    whole: WasmAttentionOperator,
    inShape: number[],
    parts: readonly Part[],
    queries: Part,
    lease: WasmLease,
  ): DeviceOperator<WasmVector> {
    const { device, roundoff } = whole;
    const input = lease.vector(whole.inShape, "a tangent");
    const inputs = lease.vector(whole.inShape, "a tangent");
    const output = lease.vector(whole.outShape, "a tangent");
    // What is not copied to stays zero; what the kernels write elsewhere is not copied from.
    const image = lease.vector(whole.outShape, "a tangent");
    return {
      device,
      inShape,
      outShape: [queries.count, this.dOut],
      roundoff,
      jvp: (u, y) => {
        this.#copy(input, u, parts, true);
        whole.jvp(input, image);
        this.#copy(image, y, [queries]);
      },
      vjp: (y, x) => {
        this.#copy(output, y, [queries], true);
        whole.vjp(output, inputs);
        this.#copy(inputs, x, parts);
      },
      gradient: (u, v, to) => {
        this.#copy(input, u, parts, true);
        this.#copy(output, v, [queries], true);
        secondDerivative(whole, input, output, inputs);
        this.#copy(inputs, to, parts);
      },
    };
  }

  /**
   * Copies tokens placed in a whole to a vector, whose other numbers become zero, or with `back` from the vector, whatever
   * else the whole holds.
   */
  #copy(whole: WasmVector, vector: WasmVector, parts: readonly Part[], back = false): void {
    const { heap } = this.device;
    const columns = tileColumns(heap);
    const [a, b] = [heap.reals(whole.at, whole.count), heap.reals(vector.at, vector.count)];
    const [dA, dB] = [whole.shape[1], vector.shape[1]];
    const d = Math.min(dA, dB);
    if (!back) b.fill(0);
    for (const { first, placed, count } of parts) {
      for (let token = 0; token < count; ) {
        const [i, j] = [placed + token, first + token];
        // As many tokens as lie side by side in both panels.
        const side = Math.min(columns - (i % columns), columns - (j % columns), count - token);
        let at = Math.floor(i / columns) * columns * dA + (i % columns);
        let own = Math.floor(j / columns) * columns * dB + (j % columns);
        for (let c = 0; c < d; c++, at += columns, own += columns) {
          for (let lane = 0; lane < side; lane++) {
            if (back) a[at + lane] = b[own + lane];
            else b[own + lane] = a[at + lane];
          }
        }
        token += side;
      }
    }
  }
}

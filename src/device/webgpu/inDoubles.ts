// What a GPU cannot give: the bracket's lower end in f64, by WebAssembly on the CPU (MATH 10.4).

import { DeviceError, OutOfMemoryError } from "../../base/errors.js";
import type { Tensor } from "../../base/tensor.js";
import type { ResolvedSpec } from "../../layers/attention/spec.js";
import type { DeviceAttention } from "../deviceLayer.js";
import type { WasmVector } from "../wasm/device.js";
import { WasmRuntime } from "../wasm/runtime.js";
import { channelsOf, type LayerSizes } from "./weights.js";

/** Some 0.2 s of one CPU thread. */
const MOST_FLOPS = 2 ** 32;
const MOST_BYTES = 2 ** 28;

/** Whether linearizing n tokens and applying the Jacobian once is quickly done on the CPU. */
export function fitsCpu(sizes: LayerSizes, n: number): boolean {
  const { dIn, dOut, heads, dHead, dValue } = sizes;
  const weights = dIn * channelsOf(sizes) + heads * dValue * dOut;
  const scores = heads * n * n;
  const flops = 4 * n * weights + 6 * scores * (dHead + dValue);
  const bytes = 8 * (3 * weights + scores + 8 * n * (channelsOf(sizes) + dIn + dOut));
  return flops <= MOST_FLOPS && bytes <= MOST_BYTES;
}

/** The CPU of a WebGPU runtime, in f64; loaded when first asked for. */
export class Cpu {
  #runtime?: Promise<WasmRuntime>;
  #disposed = false;

  /** @throws DeviceError where WebAssembly cannot be had */
  runtime(): Promise<WasmRuntime> {
    this.#runtime ??= WasmRuntime.create({ requested: "wasm", dtype: "f64" }).then((runtime) => {
      if (this.#disposed) runtime.dispose();
      return runtime;
    });
    return this.#runtime;
  }

  dispose(): void {
    this.#disposed = true;
    this.#runtime?.then(
      (runtime) => runtime.dispose(),
      () => undefined,
    );
  }
}

/** A layer of the GPU once more on the CPU, from the very weights that the GPU holds. */
export class LayerInDoubles {
  readonly #cpu: Cpu;
  readonly #spec: () => Promise<ResolvedSpec>;
  #layer?: Promise<DeviceAttention<WasmVector>>;

  constructor(cpu: Cpu, spec: () => Promise<ResolvedSpec>) {
    this.#cpu = cpu;
    this.#spec = spec;
  }

  /**
   * At most ‖A v‖/‖v‖ of the Jacobian at x, with A = J, or Jᵀ if `transposed`; rounding in f64 is allowed for.
   * Undefined where the CPU has no WebAssembly or not the memory.
   */
  async stretch(x: Tensor, v: Tensor, transposed: boolean): Promise<number | undefined> {
    try {
      this.#layer ??= this.#make();
      const layer = await this.#layer;
      const { device } = layer;
      const lease = device.lease();
      try {
        const input = lease.vector(x.shape, "the input");
        device.write(input, x.data);
        const { operator } = await layer.linearize(input, lease);
        const [from, to] = transposed ? [operator.outShape, operator.inShape] : [operator.inShape, operator.outShape];
        const [vector, image] = [lease.vector(from, "a vector"), lease.vector(to, "a vector")];
        const lengths = lease.scalars(2, "a vector");
        device.write(vector, v.data);
        device.normalize(vector, lengths, 0);
        await (transposed ? operator.vjp(vector, image) : operator.jvp(vector, image));
        device.normalize(image, lengths, 1);
        return (await device.results(lengths))[1] * (1 - operator.roundoff);
      } finally {
        lease.dispose();
      }
    } catch (error) {
      if (error instanceof DeviceError || error instanceof OutOfMemoryError) return undefined;
      throw error;
    }
  }

  dispose(): void {
    this.#layer?.then(
      (layer) => layer.dispose(),
      () => undefined,
    );
  }

  async #make(): Promise<DeviceAttention<WasmVector>> {
    const [{ make }, spec] = await Promise.all([this.#cpu.runtime(), this.#spec()]);
    return make.attention(spec);
  }
}

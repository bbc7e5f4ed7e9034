// Linear maps, norms and activations on the WebAssembly device.

import { checkTensor, throwIfDisposed } from "../../base/check.js";
import { Held } from "../../base/disposable.js";
import { type RealArray, type Tensor, type TensorLike, tensor } from "../../base/tensor.js";
import type { ResolvedLinear } from "../../layers/linear.js";
import type { Activation } from "../../measure/createRuntime.js";
import type { Layer } from "../linearization.js";
import { borrow, type Heap, type Region } from "./heap.js";
import type { Kernels } from "./kernels.js";
import { MR, panelSize, ROW } from "./layout.js";

export class WasmLinear extends Held implements Layer {
  readonly dIn: number;
  readonly dOut: number;
  readonly #bias?: RealArray;
  readonly #panels: number;
  #disposed = false;

  constructor(
    readonly kernels: Kernels,
    readonly region: Region,
    linear: ResolvedLinear,
  ) {
    super();
    const { heap } = region;
    const { word } = heap;
    this.dIn = linear.dIn;
    this.dOut = linear.dOut;
    this.#bias = linear.bias?.slice();
    try {
      this.#panels = region.reals(panelSize(heap, this.dOut, this.dIn), "the packed weights");
      borrow(heap, (work) => {
        const at = work.reals(linear.weight.length, "the weights");
        heap.reals(at, linear.weight.length).set(linear.weight);
        kernels.packPanels(this.dIn, this.dOut, at, this.dOut * word, word, this.#panels, this.dIn * ROW);
      });
    } catch (error) {
      region.free();
      throw error;
    }
  }

  async forward(x: TensorLike): Promise<Tensor> {
    throwIfDisposed("linear map", this.#disposed);
    const { dIn, dOut, kernels } = this;
    const { heap } = this.region;
    const { word } = heap;
    const { data, shape } = checkTensor("x", x, [-1, dIn]);
    const n = shape[0];
    return borrow(heap, (work) => {
      const at = work.reals(n * dIn, "the input");
      const strips = work.reals(Math.ceil(n / MR) * MR * dIn, "the input");
      const y = work.reals(n * dOut, "the output");
      heap.reals(at, n * dIn).set(data);
      const output = heap.reals(y, n * dOut);
      if (this.#bias) for (let i = 0; i < n; i++) output.set(this.#bias, i * dOut);
      kernels.packStrips(n, dIn, at, dIn * word, word, strips);
      const accumulate = this.#bias ? 1 : 0;
      kernels.multiply(n, dOut, dIn, strips, this.#panels, dIn * ROW, y, dOut * word, ROW, accumulate);
      return tensor(output.slice(), [n, dOut]);
    });
  }

  dispose(): void {
    this.#disposed = true;
    this.region.free();
  }
}

export class WasmNorm extends Held implements Layer {
  readonly dIn: number;
  readonly dOut: number;
  readonly #gain: number;
  readonly #bias: number;
  #disposed = false;

  constructor(
    readonly kernels: Kernels,
    readonly region: Region,
    readonly kind: "layer" | "rms",
    gain: RealArray,
    bias: RealArray | undefined,
    readonly epsilon: number,
  ) {
    super();
    const { heap } = region;
    this.dIn = gain.length;
    this.dOut = gain.length;
    this.#gain = region.reals(gain.length, "a norm");
    heap.reals(this.#gain, gain.length).set(gain);
    this.#bias = bias ? region.reals(bias.length, "a norm") : 0;
    if (bias) heap.reals(this.#bias, bias.length).set(bias);
  }

  async forward(x: TensorLike): Promise<Tensor> {
    throwIfDisposed("norm", this.#disposed);
    const { kernels, dIn, epsilon } = this;
    const { data, shape } = checkTensor("x", x, [-1, dIn]);
    return inPlace(this.region.heap, data, shape, (at) => {
      if (this.kind === "layer") kernels.layerNorm(shape[0], dIn, at, this.#gain, this.#bias, epsilon, at);
      else kernels.rmsNorm(shape[0], dIn, at, this.#gain, epsilon, at);
    });
  }

  dispose(): void {
    this.#disposed = true;
    this.region.free();
  }
}

export function activate(kernels: Kernels, heap: Heap, kind: Activation, x: TensorLike): Tensor {
  const { data, shape } = checkTensor("x", x);
  return inPlace(heap, data, shape, (at) => {
    if (kind === "silu") kernels.silu(data.length, at);
    else if (kind === "gelu-tanh") kernels.geluTanh(data.length, at);
    else kernels.geluErf(data.length, at);
  });
}

/** Copies data in, runs a kernel over it, and copies it out. Blocks are whole registers long, so none is overrun. */
function inPlace(heap: Heap, data: RealArray, shape: number[], kernel: (at: number) => void): Tensor {
  return borrow(heap, (work) => {
    const at = work.reals(data.length, "the input");
    heap.reals(at, data.length).set(data);
    kernel(at);
    return tensor(heap.reals(at, data.length).slice(), shape);
  });
}

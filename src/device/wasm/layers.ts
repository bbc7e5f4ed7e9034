// Linear maps, norms and activations on the WebAssembly device.
import { checkTensor, throwIfDisposed } from "../../base/check.js";
import { Held } from "../../base/disposable.js";
import { type Tensor, type TensorLike, tensor } from "../../base/tensor.js";
import type { ResolvedActivation } from "../../layers/activation.js";
import type { ResolvedLinear } from "../../layers/linear.js";
import type { ResolvedNorm } from "../../layers/norm.js";
import type { Layer } from "../linearization.js";
import { applyKernel } from "./apply.js";
import { borrow, type Heap, type Region } from "./heap.js";
import type { Kernels } from "./kernels.js";
import { ACTIVATION, LINEAR, NORM, stripSize, tileColumns, writeStruct } from "./layout.js";

export class WasmLinear extends Held implements Layer {
  readonly dIn: number;
  readonly dOut: number;
  readonly #at: number;
  #disposed = false;

  constructor(
    readonly kernels: Kernels,
    readonly region: Region,
    linear: ResolvedLinear,
  ) {
    super();
    this.dIn = linear.dIn;
    this.dOut = linear.dOut;
    try {
      this.#at = packLinear(kernels, region, linear);
    } catch (error) {
      region.free();
      throw error;
    }
  }

  async forward(x: TensorLike): Promise<Tensor> {
    throwIfDisposed("linear map", this.#disposed);
    const { heap } = this.region;
    const { data, shape } = checkTensor("x", x, [-1, this.dIn]);
    const panels = Math.ceil(shape[0] / tileColumns(heap));
    return applyKernel(heap, data, shape, [shape[0], this.dOut], (from, to) =>
      this.kernels.applyLinear(this.#at, panels, from, to),
    );
  }

  dispose(): void {
    this.#disposed = true;
    this.region.free();
  }
}

/** The kernels' structure of a linear map, its weights packed for both directions. */
function packLinear(kernels: Kernels, region: Region, { dIn, dOut, weight, bias }: ResolvedLinear): number {
  const { heap } = region;
  const what = "the packed weights";
  const fields = {
    ...{ dIn, dOut },
    weight: region.reals(stripSize(heap, dOut, dIn), what),
    back: region.reals(stripSize(heap, dIn, dOut), what),
    bias: bias ? region.reals(dOut, what) : 0,
  };
  if (bias) heap.reals(fields.bias, dOut).set(bias);
  borrow(heap, (work) => {
    const { word } = heap;
    const at = work.reals(weight.length, "the weights");
    heap.reals(at, weight.length).set(weight);
    kernels.packStrips(dOut, dIn, at, word, dOut * word, fields.weight);
    kernels.packStrips(dIn, dOut, at, dOut * word, word, fields.back);
  });
  const at = region.bytes(LINEAR.bytes, what);
  writeStruct(heap, at, LINEAR, fields);
  return at;
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
    readonly norm: ResolvedNorm,
  ) {
    super();
    const { heap } = region;
    const { gain, bias } = norm;
    this.dIn = gain.length;
    this.dOut = gain.length;
    try {
      this.#gain = region.reals(gain.length, "a norm");
      this.#bias = bias ? region.reals(bias.length, "a norm") : 0;
    } catch (error) {
      region.free();
      throw error;
    }
    heap.reals(this.#gain, gain.length).set(gain);
    if (bias) heap.reals(this.#bias, bias.length).set(bias);
  }

  async forward(x: TensorLike): Promise<Tensor> {
    throwIfDisposed("norm", this.#disposed);
    const { heap } = this.region;
    const { kind, epsilon } = this.norm;
    const { data, shape } = checkTensor("x", x, [-1, this.dIn]);
    const [n, d] = shape;
    return borrow(heap, (work) => {
      const at = work.bytes(NORM.bytes, "a norm");
      const centred = kind === "layer" ? 1 : 0;
      const fields = { n, d, centred, gain: this.#gain, bias: this.#bias, z: 0, deviation: 0, ":epsilon": epsilon };
      writeStruct(heap, at, NORM, fields);
      return applyKernel(heap, data, shape, shape, (from, to) => this.kernels.applyNorm(at, from, to));
    });
  }

  dispose(): void {
    this.#disposed = true;
    this.region.free();
  }
}

export function activate(kernels: Kernels, heap: Heap, activation: ResolvedActivation, x: TensorLike): Tensor {
  const { data, shape } = checkTensor("x", x);
  const [a, b, c, e] = activation.numbers;
  return borrow(heap, (work) => {
    const at = work.bytes(ACTIVATION.bytes, "an activation");
    const fields = { kind: activation.index, n: 1, d: data.length, slope: 0, curve: 0 };
    writeStruct(heap, at, ACTIVATION, { ...fields, ":a": a, ":b": b, ":c": c, ":e": e });
    const y = applyKernel(heap, data, [1, data.length], [1, data.length], (from, to) => kernels.activate(at, from, to));
    return tensor(y.data, shape);
  });
}

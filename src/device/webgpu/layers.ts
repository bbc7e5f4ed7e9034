// Linear maps, norms and activations on WebGPU (MATH 3).

import { checkFinite, checkTensor, throwIfDisposed } from "../../base/check.js";
import { Held } from "../../base/disposable.js";
import { type Tensor, type TensorLike, tensor } from "../../base/tensor.js";
import type { ResolvedLinear } from "../../layers/linear.js";
import type { Layer } from "../linearization.js";
import type { Batch } from "./batch.js";
import { gemmFor, MULTIPLY, multiply } from "./gemm.js";
import type { Gpu } from "./gpu.js";
import type { Kernel } from "./kernel.js";
import { bitsOf, type Region, rounded, type View } from "./memory.js";

/** A workgroup a token; mean and variance in two passes, as sums of 64 lanes. */
const NORM: Kernel = {
  name: "norm",
  buffers: { x: "read f32", gain: "read f32", bias: "read f32", y: "read_write f32" },
  sizes: ["width", "centred", "biased", "epsilonBits"],
  lanes: 64,
  code: `
var<workgroup> parts: array<f32, 64>;

fn sum(lane: u32, part: f32) -> f32 {
  parts[lane] = part;
  for (var half = 32u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (lane < half) { parts[lane] += parts[lane + half]; }
  }
  workgroupBarrier();
  let whole = parts[0];
  workgroupBarrier();
  return whole;
}

fn kernel(group: vec3u, lane: u32) {
  let first = (group.x + group.y * 65535u) * size.width;
  if (first >= arrayLength(&x)) { return; }
  var mean = 0.0;
  if (size.centred != 0u) {
    var part = 0.0;
    for (var c = lane; c < size.width; c += 64u) { part += x[first + c]; }
    mean = sum(lane, part) / f32(size.width);
  }
  var part = 0.0;
  for (var c = lane; c < size.width; c += 64u) {
    let difference = x[first + c] - mean;
    part += difference * difference;
  }
  let deviation = sqrt(sum(lane, part) / f32(size.width) + bitcast<f32>(size.epsilonBits));
  for (var c = lane; c < size.width; c += 64u) {
    var value = (x[first + c] - mean) / deviation * gain[c];
    if (size.biased != 0u) { value += bias[c]; }
    y[first + c] = value;
  }
}`,
};

/**
 * x·Φ(x), x·(1 + tanh w)/2 = x·σ(2w) or x·σ(x). Φ is erfc/2, by Maclaurin's series near 0 and by a continued fraction
 * further out (Abramowitz and Stegun 7.1.5, 7.1.14), so that the left tail keeps its digits.
 */
const ACTIVATE: Kernel = {
  name: "activate",
  buffers: { x: "read_write f32" },
  sizes: ["count", "rule"],
  lanes: 64,
  code: `
fn erfc(x: f32) -> f32 {
  let z = abs(x);
  if (z < 1.5) {
    var term = z;
    var sum = z;
    for (var k = 1; k < 24; k++) {
      term *= -z * z / f32(k);
      sum += term / f32(2 * k + 1);
    }
    return 1.0 - sign(x) * 1.1283791670955126 * sum;
  }
  var tail = 0.0;
  if (z < 9.2) {
    var fraction = z;
    for (var k = 48; k > 0; k--) { fraction = z + 0.5 * f32(k) / fraction; }
    tail = exp(-z * z) / (fraction * 1.7724538509055159);
  }
  return select(tail, 2.0 - tail, x < 0.0);
}
// The exponential of a positive number never overflows this way.
fn sigmoid(x: f32) -> f32 {
  let small = exp(-abs(x));
  return select(small / (1.0 + small), 1.0 / (1.0 + small), x >= 0.0);
}
fn kernel(group: vec3u, lane: u32) {
  let at = (group.x + group.y * 65535u) * 64u + lane;
  if (at >= size.count) { return; }
  let value = x[at];
  if (size.rule == 0u) { x[at] = 0.5 * value * erfc(-value * 0.7071067811865476); }
  else if (size.rule == 1u) { x[at] = value * sigmoid(value * (1.5957691216057308 + 0.07135481627159744 * value * value)); }
  else { x[at] = value * sigmoid(value); }
}`,
};

/** `count` workgroups, over two dimensions where one cannot hold them. */
export function spread(count: number): number[] {
  return count <= 65535 ? [count] : [65535, Math.ceil(count / 65535)];
}

/** A layer of row-wise work: its weights on the device, and one recorded pass from x to y. */
abstract class RowLayer extends Held implements Layer {
  #disposed = false;

  constructor(
    readonly gpu: Gpu,
    readonly region: Region,
    readonly what: string,
    readonly dIn: number,
    readonly dOut: number,
  ) {
    super();
  }

  protected abstract kernelFor(n: number): Kernel;
  protected abstract record(batch: Batch, n: number, x: View, y: View): void;

  async forward(x: TensorLike): Promise<Tensor> {
    throwIfDisposed(this.what, this.#disposed);
    const input = checkTensor("x", x, [-1, this.dIn]);
    const data = rounded(input);
    const n = input.shape[0];
    await this.gpu.prepare([this.kernelFor(n)]);
    throwIfDisposed(this.what, this.#disposed);
    const work = this.gpu.region();
    try {
      const from = work.upload(data, "the input");
      const output = work.words(n * this.dOut, "the output");
      await this.region.ready();
      const [y] = await this.gpu.run((batch) => this.record(batch, n, from, output), [output], work);
      checkFinite("the layer's output (an overflow: scale x or the weights down)", y, [n, this.dOut]);
      return tensor(y, [n, this.dOut]);
    } finally {
      work.free();
    }
  }

  dispose(): void {
    this.#disposed = true;
    this.region.free();
  }
}

export class WebGpuLinear extends RowLayer {
  readonly #weight: View;
  readonly #bias?: View;

  constructor(gpu: Gpu, region: Region, { dIn, dOut, weight, bias }: ResolvedLinear) {
    super(gpu, region, "linear map", dIn, dOut);
    this.#weight = region.upload(weight, "the weights");
    this.#bias = bias && region.upload(bias, "the biases");
  }

  protected kernelFor(n: number): Kernel {
    return gemmFor(MULTIPLY, n, this.dOut);
  }

  protected record(batch: Batch, rows: number, a: View, c: View): void {
    const sizes = { rows, columns: this.dOut, depth: this.dIn };
    multiply(batch, MULTIPLY, sizes, { a, b: this.#weight, c, bias: this.#bias });
  }
}

export class WebGpuNorm extends RowLayer {
  readonly #gain: View;
  readonly #bias?: View;

  constructor(
    gpu: Gpu,
    region: Region,
    readonly kind: "layer" | "rms",
    gain: Float32Array | Float64Array,
    bias: Float32Array | Float64Array | undefined,
    readonly epsilon: number,
  ) {
    super(gpu, region, "norm", gain.length, gain.length);
    this.#gain = region.upload(gain, "a norm");
    this.#bias = bias && region.upload(bias, "a norm");
  }

  protected kernelFor(): Kernel {
    return NORM;
  }

  protected record(batch: Batch, n: number, x: View, y: View): void {
    const sizes = {
      width: this.dIn,
      centred: this.kind === "layer" ? 1 : 0,
      biased: this.#bias ? 1 : 0,
      epsilonBits: bitsOf(this.epsilon),
    };
    batch.dispatch(NORM, spread(n), { x, y, gain: this.#gain, bias: this.#bias ?? this.#gain }, sizes);
  }
}

const RULES = { gelu: 0, "gelu-tanh": 1, silu: 2 };

/** Of every element of x. */
export async function activate(gpu: Gpu, kind: keyof typeof RULES, x: TensorLike): Promise<Tensor> {
  const input = checkTensor("x", x);
  const data = rounded(input);
  await gpu.prepare([ACTIVATE]);
  const work = gpu.region();
  try {
    const view = work.upload(data, "the input");
    const sizes = { count: data.length, rule: RULES[kind] };
    const groups = spread(Math.ceil(data.length / 64));
    const [y] = await gpu.run((batch) => batch.dispatch(ACTIVATE, groups, { x: view }, sizes), [view], work);
    return tensor(y, input.shape);
  } finally {
    work.free();
  }
}

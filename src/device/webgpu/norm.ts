// Layer norm and RMS norm of tokens on WebGPU with their derivatives (docs/theory.md, section 3): z = (x − mean)/s,
// y = gain∘z + bias. A workgroup a token, whose sums are of 64 lanes.
import type { ResolvedNorm } from "../../layers/norm.js";
import type { DeviceLayer, Linearized } from "../deviceLayer.js";
import type { GpuLease, GpuVector, WebGpuDevice } from "./device.js";
import type { Kernel } from "./kernel.js";
import { bitsOf, type Region, type View } from "./memory.js";
import { EACH, meanInto, normKernel } from "./normCode.js";
import { spread } from "./vectors.js";

/** Relative rounding of one application. */
const ROUNDOFF = 2e-6;

/** y, z and 1/s; mean and variance in two passes. */
const FORWARD = normKernel(
  "norm",
  {
    x: "read f32",
    gain: "read f32",
    bias: "read f32",
    y: "read_write f32",
    z: "read_write f32",
    inverse: "read_write f32",
  },
  [],
  `
  var offset = 0.0;
  if (size.centred != 0u) {${meanInto("average", "x[first + c]")}
    offset = average;
  }${meanInto("variance", "(x[first + c] - offset) * (x[first + c] - offset)")}
  let deviation = sqrt(variance + bitcast<f32>(size.epsilonBits));
  if (lane == 0u) { inverse[token] = 1.0 / deviation; }${EACH(`
    let value = (x[first + c] - offset) / deviation;
    z[first + c] = value;
    y[first + c] = gain[c] * value + select(0.0, bias[c], size.biased != 0u);`)}`,
);

/** y = J u, or with `transposed` Jᵀ u: the gain comes after, or before. */
const APPLY = normKernel(
  "norm's Jacobian",
  { u: "read f32", gain: "read f32", z: "read f32", inverse: "read f32", y: "read_write f32" },
  [],
  `
  let back = size.transposed != 0u;
  var offset = 0.0;
  if (size.centred != 0u) {${meanInto("average", "u[first + c] * select(1.0, gain[c], back)")}
    offset = average;
  }${meanInto("along", "z[first + c] * u[first + c] * select(1.0, gain[c], back)")}${EACH(`
    let value = (u[first + c] * select(1.0, gain[c], back) - offset) - z[first + c] * along;
    y[first + c] = value * inverse[token] * select(gain[c], 1.0, back);`)}`,
);

/** With P = u − mean u, Q = gain∘v − its mean, al = mean zP, be = mean zQ: −φ z/(d s) − (be(P − z al) + al(Q − z be))/s². */
const GRADIENT = normKernel(
  "norm's second order",
  { u: "read f32", v: "read f32", gain: "read f32", z: "read f32", inverse: "read f32", to: "read_write f32" },
  [],
  `
  var offsetU = 0.0;
  var offsetV = 0.0;
  if (size.centred != 0u) {${meanInto("averageU", "u[first + c]")}${meanInto("averageV", "gain[c] * v[first + c]")}
    offsetU = averageU;
    offsetV = averageV;
  }${meanInto("al", "z[first + c] * (u[first + c] - offsetU)")}${meanInto("be", "z[first + c] * (gain[c] * v[first + c] - offsetV)")}${meanInto(
    "product",
    "(u[first + c] - offsetU) * (gain[c] * v[first + c] - offsetV)",
  )}
  let r = inverse[token];
  let phi = (product - al * be) * r;${EACH(`
    let p = u[first + c] - offsetU;
    let q = gain[c] * v[first + c] - offsetV;
    let value = z[first + c];
    to[first + c] = -phi * value * r - (be * (p - value * al) + al * (q - value * be)) * r * r;`)}`,
);

export class WebGpuNorm implements DeviceLayer<GpuVector> {
  readonly dIn: number;
  readonly dOut: number;
  readonly #region: Region;
  readonly #gain: View;
  readonly #bias?: View;
  readonly #sizes: Record<string, number>;
  readonly #kind: Pick<ResolvedNorm, "kind" | "epsilon">;

  constructor(
    readonly device: WebGpuDevice,
    { kind, gain, bias, epsilon }: ResolvedNorm,
  ) {
    this.#kind = { kind, epsilon };
    this.dIn = gain.length;
    this.dOut = gain.length;
    this.#region = device.gpu.region();
    try {
      this.#gain = this.#region.upload(gain, "a norm");
      this.#bias = bias && this.#region.upload(bias, "a norm");
    } catch (error) {
      this.#region.free();
      throw error;
    }
    const [centred, biased] = [kind === "layer" ? 1 : 0, bias ? 1 : 0];
    this.#sizes = { width: gain.length, centred, biased, epsilonBits: bitsOf(epsilon), transposed: 0 };
  }

  async forward(x: GpuVector, lease: GpuLease): Promise<GpuVector> {
    const work = this.device.lease();
    try {
      return this.#normalize(x, lease, work).output;
    } finally {
      work.dispose();
    }
  }

  async linearize(x: GpuVector, lease: GpuLease): Promise<Linearized<GpuVector>> {
    const { output, z, inverse } = this.#normalize(x, lease, lease);
    const { device } = this;
    const kept = { gain: this.#gain, z, inverse };
    const apply = (u: GpuVector, y: GpuVector, transposed: number) =>
      this.#run(APPLY, x, { ...kept, u: u.view, y: y.view }, transposed);
    const operator = {
      device,
      inShape: [...x.shape],
      outShape: [...x.shape],
      roundoff: ROUNDOFF,
      jvp: (u: GpuVector, y: GpuVector) => apply(u, y, 0),
      vjp: (y: GpuVector, u: GpuVector) => apply(y, u, 1),
      gradient: (u: GpuVector, v: GpuVector, to: GpuVector) =>
        this.#run(GRADIENT, x, { ...kept, u: u.view, v: v.view, to: to.view }),
    };
    return { operator, output };
  }

  async inDoubles(): Promise<DeviceLayer> {
    const [gain, bias] = await this.device.gpu.flush([this.#gain, ...(this.#bias ? [this.#bias] : [])]);
    return (await this.device.doubles.maker()).norm({ ...this.#kind, gain, bias });
  }

  dispose(): void {
    this.#region.free();
  }

  /** @param keeping where what the derivatives reuse is kept */
  #normalize(x: GpuVector, lease: GpuLease, keeping: GpuLease): { output: GpuVector; z: View; inverse: View } {
    const output = lease.vector(x.shape, "the output");
    const { view: z } = keeping.vector(x.shape, "what a norm keeps");
    const inverse = keeping.region.words(x.shape[0], "what a norm keeps");
    const views = { x: x.view, gain: this.#gain, bias: this.#bias ?? this.#gain, y: output.view, z, inverse };
    this.#run(FORWARD, x, views);
    return { output, z, inverse };
  }

  #run(kernel: Kernel, { shape: [n] }: GpuVector, views: Record<string, View>, transposed = 0): void {
    this.device.batch.dispatch(kernel, spread(n), views, { ...this.#sizes, n, transposed });
  }
}

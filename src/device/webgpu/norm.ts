// Layer norm and RMS norm of tokens on WebGPU with their derivatives (docs/theory.md, section 3): z = (x − mean)/s,
// y = gain∘z + bias. A workgroup a token, whose sums are of 64 lanes.
import type { ResolvedNorm } from "../../layers/norm.js";
import type { DeviceLayer, Linearized } from "../deviceLayer.js";
import type { GpuLease, GpuVector, WebGpuDevice } from "./device.js";
import type { Kernel } from "./kernel.js";
import { bitsOf, type Region, type View } from "./memory.js";
import { spread } from "./vectors.js";

/** Relative rounding of one application. */
const ROUNDOFF = 2e-6;

const SIZES = ["n", "width", "centred", "biased", "epsilonBits", "transposed"];

const kernel = (name: string, buffers: Kernel["buffers"], body: string): Kernel => ({
  name,
  buffers,
  sizes: SIZES,
  lanes: 64,
  code: `
var<workgroup> parts: array<f32, 64>;

fn mean(lane: u32, part: f32) -> f32 {
  parts[lane] = part;
  for (var half = 32u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (lane < half) { parts[lane] += parts[lane + half]; }
  }
  workgroupBarrier();
  let whole = parts[0];
  workgroupBarrier();
  return whole / f32(size.width);
}
fn kernel(group: vec3u, lane: u32) {
  let token = group.x + group.y * 65535u;
  if (token >= size.n) { return; }
  let first = token * size.width;
${body}
}`,
});

const EACH = (body: string) => `
  for (var c = lane; c < size.width; c += 64u) { ${body} }`;
const MEAN = (name: string, term: string) => `
  var part_${name} = 0.0;${EACH(`part_${name} += ${term};`)}
  let ${name} = mean(lane, part_${name});`;

/** y, z and 1/s; mean and variance in two passes. */
const FORWARD = kernel(
  "norm",
  {
    x: "read f32",
    gain: "read f32",
    bias: "read f32",
    y: "read_write f32",
    z: "read_write f32",
    inverse: "read_write f32",
  },
  `
  var offset = 0.0;
  if (size.centred != 0u) {${MEAN("average", "x[first + c]")}
    offset = average;
  }${MEAN("variance", "(x[first + c] - offset) * (x[first + c] - offset)")}
  let deviation = sqrt(variance + bitcast<f32>(size.epsilonBits));
  if (lane == 0u) { inverse[token] = 1.0 / deviation; }${EACH(`
    let value = (x[first + c] - offset) / deviation;
    z[first + c] = value;
    y[first + c] = gain[c] * value + select(0.0, bias[c], size.biased != 0u);`)}`,
);

/** y = J u, or with `transposed` Jᵀ u: the gain comes after, or before. */
const APPLY = kernel(
  "norm's Jacobian",
  { u: "read f32", gain: "read f32", z: "read f32", inverse: "read f32", y: "read_write f32" },
  `
  let back = size.transposed != 0u;
  var offset = 0.0;
  if (size.centred != 0u) {${MEAN("average", "u[first + c] * select(1.0, gain[c], back)")}
    offset = average;
  }${MEAN("along", "z[first + c] * u[first + c] * select(1.0, gain[c], back)")}${EACH(`
    let value = (u[first + c] * select(1.0, gain[c], back) - offset) - z[first + c] * along;
    y[first + c] = value * inverse[token] * select(gain[c], 1.0, back);`)}`,
);

/** With P = u − mean u, Q = gain∘v − its mean, al = mean zP, be = mean zQ: −φ z/(d s) − (be(P − z al) + al(Q − z be))/s². */
const GRADIENT = kernel(
  "norm's second order",
  { u: "read f32", v: "read f32", gain: "read f32", z: "read f32", inverse: "read f32", to: "read_write f32" },
  `
  var offsetU = 0.0;
  var offsetV = 0.0;
  if (size.centred != 0u) {${MEAN("averageU", "u[first + c]")}${MEAN("averageV", "gain[c] * v[first + c]")}
    offsetU = averageU;
    offsetV = averageV;
  }${MEAN("al", "z[first + c] * (u[first + c] - offsetU)")}${MEAN("be", "z[first + c] * (gain[c] * v[first + c] - offsetV)")}${MEAN(
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

  constructor(
    readonly device: WebGpuDevice,
    { kind, gain, bias, epsilon }: ResolvedNorm,
  ) {
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

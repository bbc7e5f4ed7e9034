// Activations on WebGPU: y = f(x) for every number, and products with f′ and f″.
import type { ResolvedActivation } from "../../layers/activation.js";
import type { DeviceLayer, Linearized } from "../deviceLayer.js";
import { ACTIVATIONS } from "./activations.js";
import type { GpuLease, GpuVector, WebGpuDevice } from "./device.js";
import type { Kernel } from "./kernel.js";
import { bitsOf, type View } from "./memory.js";
import { spread } from "./vectors.js";

/** Relative rounding of f′, beside its largest value. */
const ROUNDOFF = 2e-6;

const SIZES = ["length", "a", "b", "c", "e"];

function kernelOf(name: string, kind: ResolvedActivation["kind"], buffers: Kernel["buffers"], body: string): Kernel {
  return {
    name: `${name} ${kind}`,
    buffers,
    sizes: SIZES,
    lanes: 64,
    code: `
${ACTIVATIONS[kind]}
fn kernel(group: vec3u, lane: u32) {
  let at = (group.x + group.y * 65535u) * 64u + lane;
  if (at >= size.length) { return; }
  ${body}
}`,
  };
}

export class WebGpuActivation implements DeviceLayer<GpuVector> {
  readonly dIn = -1;
  readonly dOut = -1;
  readonly #apply: Kernel;
  readonly #slope: Kernel;
  readonly #bend: Kernel;
  readonly #numbers: Record<string, number>;

  constructor(
    readonly device: WebGpuDevice,
    readonly activation: ResolvedActivation,
  ) {
    const { kind, numbers } = activation;
    const ofX = { x: "read f32", y: "read_write f32" };
    this.#apply = kernelOf("activate", kind, ofX, "y[at] = activation(x[at]).x;");
    this.#slope = kernelOf("slope of", kind, ofX, "y[at] = activation(x[at]).y;");
    const ofTangents = { x: "read f32", u: "read f32", v: "read f32", to: "read_write f32" };
    this.#bend = kernelOf("curve of", kind, ofTangents, "to[at] = u[at] * v[at] * activation(x[at]).z;");
    const [a = 0, b = 0, c = 0, e = 0] = numbers;
    this.#numbers = { a: bitsOf(a), b: bitsOf(b), c: bitsOf(c), e: bitsOf(e) };
  }

  async forward(x: GpuVector, lease: GpuLease): Promise<GpuVector> {
    const y = lease.vector(x.shape, "the output");
    this.#run(this.#apply, x, { y: y.view });
    return y;
  }

  async linearize(x: GpuVector, lease: GpuLease): Promise<Linearized<GpuVector>> {
    const output = await this.forward(x, lease);
    const slope = lease.vector(x.shape, "what an activation keeps");
    this.#run(this.#slope, x, { y: slope.view });
    const { device } = this;
    const operator = {
      device,
      inShape: [...x.shape],
      outShape: [...x.shape],
      roundoff: ROUNDOFF,
      jvp: (u: GpuVector, y: GpuVector) => device.multiply(u, slope, y),
      vjp: (y: GpuVector, u: GpuVector) => device.multiply(y, slope, u),
      gradient: (u: GpuVector, v: GpuVector, to: GpuVector) =>
        this.#run(this.#bend, x, { u: u.view, v: v.view, to: to.view }),
    };
    return { operator, output };
  }

  async inDoubles(): Promise<DeviceLayer> {
    return (await this.device.doubles.maker()).activation(this.activation);
  }

  dispose(): void {}

  #run(kernel: Kernel, { view: x }: GpuVector, views: Record<string, View>): void {
    const length = x.size / 4;
    this.device.batch.dispatch(kernel, spread(Math.ceil(length / 64)), { x, ...views }, { length, ...this.#numbers });
  }
}

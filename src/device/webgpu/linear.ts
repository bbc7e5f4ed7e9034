// A linear map on WebGPU: y = x W + b, whose Jacobian is W at every input.
import type { ResolvedLinear } from "../../layers/linear.js";
import type { DeviceLayer, Linearized } from "../deviceLayer.js";
import type { GpuLease, GpuVector, WebGpuDevice } from "./device.js";
import { type Gemm, MULTIPLY, MULTIPLY_TRANSPOSED, multiply } from "./gemm.js";
import type { Region, View } from "./memory.js";

/** Relative rounding of a product of f32 matrices, far above what it is on average. */
const ROUNDOFF = 1e-6;

export class WebGpuLinear implements DeviceLayer<GpuVector> {
  readonly dIn: number;
  readonly dOut: number;
  readonly #region: Region;
  /** [dIn, dOut] */
  readonly #weight: View;
  readonly #bias?: View;

  constructor(
    readonly device: WebGpuDevice,
    { dIn, dOut, weight, bias }: ResolvedLinear,
  ) {
    this.dIn = dIn;
    this.dOut = dOut;
    this.#region = device.gpu.region();
    try {
      this.#weight = this.#region.upload(weight, "the weights");
      this.#bias = bias && this.#region.upload(bias, "the biases");
    } catch (error) {
      this.#region.free();
      throw error;
    }
  }

  async forward(x: GpuVector, lease: GpuLease): Promise<GpuVector> {
    const y = lease.vector([x.shape[0], this.dOut], "the output");
    this.#multiply(MULTIPLY, x, y, this.#bias);
    return y;
  }

  async linearize(x: GpuVector, lease: GpuLease): Promise<Linearized<GpuVector>> {
    const output = await this.forward(x, lease);
    const [n] = x.shape;
    const { device } = this;
    const operator = {
      device,
      inShape: [n, this.dIn],
      outShape: [n, this.dOut],
      roundoff: ROUNDOFF,
      jvp: (u: GpuVector, y: GpuVector) => this.#multiply(MULTIPLY, u, y),
      vjp: (y: GpuVector, u: GpuVector) => this.#multiply(MULTIPLY_TRANSPOSED, y, u),
      gradient: (_u: GpuVector, _v: GpuVector, to: GpuVector) => device.clear(to),
    };
    return { operator, output };
  }

  async inDoubles(): Promise<DeviceLayer> {
    const { dIn, dOut } = this;
    const [weight, bias] = await this.device.gpu.flush([this.#weight, ...(this.#bias ? [this.#bias] : [])]);
    return (await this.device.doubles.maker()).linear({ dIn, dOut, weight, bias });
  }

  dispose(): void {
    this.#region.free();
  }

  #multiply(gemm: Gemm, from: GpuVector, to: GpuVector, bias?: View): void {
    const [rows, depth] = from.shape;
    const sizes = { rows, columns: to.shape[1], depth };
    multiply(this.device.batch, gemm, sizes, { a: from.view, b: this.#weight, c: to.view, bias });
  }
}

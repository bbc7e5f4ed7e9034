// Linear maps, norms and activations on the WebAssembly device.
import type { ResolvedActivation } from "../../layers/activation.js";
import type { ResolvedLinear } from "../../layers/linear.js";
import type { ResolvedNorm } from "../../layers/norm.js";
import type { DeviceLayer, Linearized } from "../deviceLayer.js";
import type { WasmDevice, WasmLease, WasmVector } from "./device.js";
import { borrow } from "./heap.js";
import { ACTIVATION, LINEAR, NORM, stripSize, tileColumns, writeStruct } from "./layout.js";
import { transposedRows } from "./weights.js";

/** Relative rounding error of a sum of so many products, some four times what is likely. */
function roundoffOf(device: WasmDevice, terms: number): number {
  return 4 * Math.sqrt(terms) * (device.dtype === "f32" ? 2 ** -24 : 2 ** -53);
}

export class WasmLinear implements DeviceLayer<WasmVector> {
  readonly dIn: number;
  readonly dOut: number;
  readonly #lease: WasmLease;
  /** The kernels' structure: weights are packed for both directions. */
  readonly #at: number;
  readonly #packed: { weight: number; bias: number };

  constructor(
    readonly device: WasmDevice,
    { dIn, dOut, weight, bias }: ResolvedLinear,
  ) {
    const { heap, kernels } = device;
    const { word } = heap;
    this.dIn = dIn;
    this.dOut = dOut;
    this.#lease = device.lease();
    const { region } = this.#lease;
    const what = "the packed weights";
    try {
      const fields = {
        ...{ dIn, dOut },
        weight: region.reals(stripSize(heap, dOut, dIn), what),
        back: region.reals(stripSize(heap, dIn, dOut), what),
        bias: bias ? region.reals(dOut, what) : 0,
      };
      this.#at = region.bytes(LINEAR.bytes, what);
      this.#packed = fields;
      borrow(heap, (work) => {
        const at = work.reals(weight.length, "the weights");
        heap.reals(at, weight.length).set(weight);
        kernels.packStrips(dOut, dIn, at, word, dOut * word, fields.weight);
        kernels.packStrips(dIn, dOut, at, dOut * word, word, fields.back);
      });
      if (bias) heap.reals(fields.bias, dOut).set(bias);
      writeStruct(heap, this.#at, LINEAR, fields);
    } catch (error) {
      this.#lease.dispose();
      throw error;
    }
  }

  async forward(x: WasmVector, lease: WasmLease): Promise<WasmVector> {
    const output = lease.vector([x.shape[0], this.dOut], "the output");
    this.device.kernels.applyLinear(this.#at, this.#panels(x.shape[0]), x.at, output.at);
    return output;
  }

  async linearize(x: WasmVector, lease: WasmLease): Promise<Linearized<WasmVector>> {
    const { device, dIn, dOut } = this;
    const { kernels } = device;
    const [at, n] = [this.#at, x.shape[0]];
    const panels = this.#panels(n);
    const operator = {
      device,
      inShape: [n, dIn],
      outShape: [n, dOut],
      roundoff: roundoffOf(device, Math.max(dIn, dOut)),
      jvp: (u: WasmVector, y: WasmVector) => kernels.linearJvp(at, panels, u.at, y.at),
      vjp: (y: WasmVector, x: WasmVector) => kernels.linearVjp(at, panels, y.at, x.at),
      gradient: (_u: WasmVector, _v: WasmVector, to: WasmVector) => device.clear(to),
    };
    return { operator, output: await this.forward(x, lease) };
  }

  get inDoubles(): (() => Promise<DeviceLayer>) | undefined {
    const { dIn, dOut } = this;
    const { doubles, heap } = this.device;
    const { weight, bias } = this.#packed;
    return (
      doubles &&
      (async () =>
        (await doubles.maker()).linear({
          ...{ dIn, dOut, weight: transposedRows(heap, weight, dIn, 0, dOut) },
          bias: bias ? heap.reals(bias, dOut).slice() : undefined,
        }))
    );
  }

  dispose(): void {
    this.#lease.dispose();
  }

  #panels(n: number): number {
    return Math.ceil(n / tileColumns(this.device.heap));
  }
}

export class WasmNorm implements DeviceLayer<WasmVector> {
  readonly dIn: number;
  readonly dOut: number;
  readonly #lease: WasmLease;
  readonly #norm: { centred: number; gain: number; bias: number; ":epsilon": number };

  constructor(
    readonly device: WasmDevice,
    { kind, gain, bias, epsilon }: ResolvedNorm,
  ) {
    const { heap } = device;
    this.dIn = gain.length;
    this.dOut = gain.length;
    this.#lease = device.lease();
    const { region } = this.#lease;
    const kept = (values: ArrayLike<number>) => {
      const at = region.reals(values.length, "a norm");
      heap.reals(at, values.length).set(values);
      return at;
    };
    try {
      const centred = kind === "layer" ? 1 : 0;
      this.#norm = { centred, gain: kept(gain), bias: bias ? kept(bias) : 0, ":epsilon": epsilon };
    } catch (error) {
      this.#lease.dispose();
      throw error;
    }
  }

  async forward(x: WasmVector, lease: WasmLease): Promise<WasmVector> {
    const output = lease.vector(x.shape, "the output");
    borrow(this.device.heap, (work) => {
      const at = work.bytes(NORM.bytes, "a norm");
      this.#apply(at, x, output, { z: 0, deviation: 0 });
    });
    return output;
  }

  async linearize(x: WasmVector, lease: WasmLease): Promise<Linearized<WasmVector>> {
    const { device } = this;
    const { kernels } = device;
    const [n, d] = x.shape;
    const at = lease.region.bytes(NORM.bytes, "a norm");
    const output = lease.vector(x.shape, "the output");
    const [z, deviation] = [lease.vector(x.shape, "a norm"), lease.vector([n, 1], "a norm")];
    this.#apply(at, x, output, { z: z.at, deviation: deviation.at });
    const operator = {
      device,
      inShape: [n, d],
      outShape: [n, d],
      roundoff: roundoffOf(device, d),
      jvp: (u: WasmVector, y: WasmVector) => kernels.normJvp(at, u.at, y.at),
      vjp: (y: WasmVector, x: WasmVector) => kernels.normVjp(at, y.at, x.at),
      gradient: (u: WasmVector, v: WasmVector, to: WasmVector) => kernels.normGradient(at, u.at, v.at, to.at),
    };
    return { operator, output };
  }

  get inDoubles(): (() => Promise<DeviceLayer>) | undefined {
    const { doubles, heap } = this.device;
    const { centred, gain, bias, ":epsilon": epsilon } = this.#norm;
    const read = (at: number) => heap.reals(at, this.dIn).slice();
    const kind = centred ? "layer" : "rms";
    return (
      doubles &&
      (async () =>
        (await doubles.maker()).norm({ kind, gain: read(gain), bias: bias ? read(bias) : undefined, epsilon }))
    );
  }

  dispose(): void {
    this.#lease.dispose();
  }

  #apply(at: number, x: WasmVector, y: WasmVector, kept: { z: number; deviation: number }): void {
    const { heap, kernels } = this.device;
    const [n, d] = x.shape;
    writeStruct(heap, at, NORM, { n, d, ...this.#norm, ...kept });
    kernels.applyNorm(at, x.at, y.at);
  }
}

export class WasmActivation implements DeviceLayer<WasmVector> {
  readonly dIn = -1;
  readonly dOut = -1;

  constructor(
    readonly device: WasmDevice,
    readonly activation: ResolvedActivation,
  ) {}

  async forward(x: WasmVector, lease: WasmLease): Promise<WasmVector> {
    const output = lease.vector(x.shape, "the output");
    this.#apply(x, output, { slope: 0, curve: 0 });
    return output;
  }

  async linearize(x: WasmVector, lease: WasmLease): Promise<Linearized<WasmVector>> {
    const { device } = this;
    const output = lease.vector(x.shape, "the output");
    const [slope, curve] = [lease.vector(x.shape, "an activation"), lease.vector(x.shape, "an activation")];
    this.#apply(x, output, { slope: slope.at, curve: curve.at });
    const operator = {
      device,
      inShape: [...x.shape],
      outShape: [...x.shape],
      roundoff: roundoffOf(device, 4),
      jvp: (u: WasmVector, y: WasmVector) => device.multiply(slope, u, y),
      vjp: (y: WasmVector, x: WasmVector) => device.multiply(slope, y, x),
      gradient(u: WasmVector, v: WasmVector, to: WasmVector) {
        device.multiply(curve, u, to);
        device.multiply(to, v, to);
      },
    };
    return { operator, output };
  }

  get inDoubles(): (() => Promise<DeviceLayer>) | undefined {
    const { doubles } = this.device;
    return doubles && (async () => (await doubles.maker()).activation(this.activation));
  }

  dispose(): void {}

  #apply(x: WasmVector, y: WasmVector, kept: { slope: number; curve: number }): void {
    const { heap, kernels } = this.device;
    const [n, d] = x.shape;
    const { index: kind, numbers } = this.activation;
    const [a, b, c, e] = numbers;
    borrow(heap, (work) => {
      const at = work.bytes(ACTIVATION.bytes, "an activation");
      writeStruct(heap, at, ACTIVATION, { kind, n, d, ...kept, ":a": a, ":b": b, ":c": c, ":e": e });
      kernels.activate(at, x.at, y.at);
    });
  }
}

// What a layer is to everything above devices: it takes tokens [n, dIn] to tokens [n, dOut], and has a Jacobian at an
// input. Both hold on to a device only here, so that they are written once for all devices.
import { checkFinite, checkTensor, throwIfDisposed } from "../base/check.js";
import { type Disposable, Held } from "../base/disposable.js";
import { type Tensor, type TensorLike, tensor } from "../base/tensor.js";
import type { Device, Lease, Vector } from "./device.js";
import type { DeviceLayer, Shared } from "./deviceLayer.js";
import { operatorInDoubles } from "./inDoubles.js";
import type { DeviceOperator, LinearOperator, OnDevice } from "./operator.js";

/** A map from tokens [n, dIn] to tokens [n, dOut], held on a device until disposed of. */
export interface Layer extends Disposable {
  /** Features of a token; −1 where any number will do, as for an activation. */
  readonly dIn: number;
  readonly dOut: number;
  /** x [n, dIn] → [n, dOut]. */
  forward(x: TensorLike): Promise<Tensor>;
}

/**
 * The Jacobian of a layer at one input, as an operator R^[n, dIn] → R^[n, dOut]. What can be computed from it are
 * functions: `spectralNorm`, `toDense`, `norm`, `blockNorms`, `upperBound`, `gradient`.
 */
export interface Linearization extends LinearOperator, Disposable {
  /** f(x), [n, dOut]. */
  readonly output: Tensor;
  jvp(u: TensorLike): Promise<Tensor>;
  vjp(v: TensorLike): Promise<Tensor>;
}

/** What has a Jacobian at an input. */
export interface Linearizer {
  /** The Jacobian of the layer at x [n, dIn]; the primal is computed once, here. */
  linearize(x: TensorLike): Promise<Linearization>;
}

/** A layer whose Jacobian can be had at an input: all that a measurement needs. */
export interface LinearizableLayer extends Layer, Linearizer {
  /** The same layer on the vectors of a device, for compositions and for what works there. */
  readonly onDevice?: Shared<DeviceLayer>;
}

/**
 * The layer, linearized so that solvers at several inputs share the products with its weights, where it can be: each
 * step waits until all linearizations that are alive ask for one. So each must be in use, or be disposed of.
 */
export function linearizedTogether({ dIn, onDevice }: LinearizableLayer): Linearizer | undefined {
  const together = onDevice?.value.together?.();
  if (!onDevice || !together) return undefined;
  return { linearize: async (x) => linearizationOf(onDevice, together, checkTensor("x", x, [-1, dIn])) };
}

/** A layer of a runtime, on whatever device. */
export class RuntimeLayer<V extends Vector = Vector> extends Held implements LinearizableLayer {
  readonly dIn: number;
  readonly dOut: number;
  readonly #layer: Shared<DeviceLayer<V>>;
  readonly #what: string;
  #disposed = false;

  /** @param what names it in errors */
  constructor(layer: Shared<DeviceLayer<V>>, what: string) {
    super();
    this.dIn = layer.value.dIn;
    this.dOut = layer.value.dOut;
    this.#layer = layer;
    this.#what = what;
  }

  get onDevice(): Shared<DeviceLayer<V>> {
    throwIfDisposed(this.#what, this.#disposed);
    return this.#layer;
  }

  async forward(x: TensorLike): Promise<Tensor> {
    return this.onInput(x, async (input, lease, layer) => {
      const output = await layer.forward(input, lease);
      return readOutput(layer.device, output);
    });
  }

  async linearize(x: TensorLike): Promise<Linearization> {
    const layer = this.onDevice;
    return linearizationOf(layer, layer.value, checkTensor("x", x, [-1, this.dIn]));
  }

  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#layer.release();
  }

  /** Runs `use` with the input on the device, and keeps the layer until it is done. */
  protected async onInput<T>(
    x: TensorLike,
    use: (input: V, lease: Lease<V>, layer: DeviceLayer<V>) => Promise<T>,
  ): Promise<T> {
    const layer = this.onDevice.hold();
    try {
      const { data, shape } = checkTensor("x", x, [-1, this.dIn]);
      const { device } = layer.value;
      const lease = device.lease();
      try {
        const input = lease.vector(shape, "the input");
        device.write(input, data);
        return await use(input, lease, layer.value);
      } finally {
        lease.dispose();
      }
    } finally {
      layer.release();
    }
  }
}

/** @param layer what makes the operator, on the weights that `owner` holds */
async function linearizationOf<V extends Vector>(
  owner: Shared<DeviceLayer<V>>,
  layer: DeviceLayer<V>,
  { data, shape }: Tensor,
): Promise<Linearization> {
  const { device } = layer;
  const lease = device.lease();
  try {
    owner.hold();
    lease.atEnd(() => owner.release());
    const input = lease.vector(shape, "the input");
    device.write(input, data);
    const { operator, output } = await layer.linearize(input, lease);
    const inDoubles = operatorInDoubles(owner, device, input);
    return new DeviceLinearization(operator, lease, await readOutput(device, output), inDoubles);
  } catch (error) {
    lease.dispose();
    throw error;
  }
}

async function readOutput<V extends Vector>(device: Device<V>, output: V): Promise<Tensor> {
  const data = await device.read(output);
  checkFinite("the layer's output (an overflow: scale x or the weights down)", data, output.shape);
  return tensor(data, [...output.shape]);
}

/** An operator in a lease of its own, as a linearization. */
export class DeviceLinearization<V extends Vector = Vector> extends Held implements Linearization {
  readonly inShape: number[];
  readonly outShape: number[];
  readonly #operator: DeviceOperator<V>;
  readonly #lease: Lease<V>;
  readonly #inDoubles: OnDevice["inDoubles"];
  /** The linearization itself and what works on it; the last to go gives the lease back. */
  #users = 1;
  #disposed = false;

  constructor(
    operator: DeviceOperator<V>,
    lease: Lease<V>,
    readonly output: Tensor,
    inDoubles?: OnDevice["inDoubles"],
  ) {
    super();
    this.#inDoubles = inDoubles;
    this.inShape = [...operator.inShape];
    this.outShape = [...operator.outShape];
    this.#operator = operator;
    this.#lease = lease;
  }

  get onDevice(): OnDevice {
    throwIfDisposed("linearization", this.#disposed);
    return { operator: this.#operator, hold: () => this.#hold(), inDoubles: this.#inDoubles };
  }

  async jvp(u: TensorLike): Promise<Tensor> {
    return this.#apply("u", u, this.inShape, "J u", this.outShape, (from, to) => this.#operator.jvp(from, to));
  }

  async vjp(v: TensorLike): Promise<Tensor> {
    return this.#apply("v", v, this.outShape, "Jᵀ v", this.inShape, (from, to) => this.#operator.vjp(from, to));
  }

  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#free();
  }

  async #apply(
    label: string,
    value: TensorLike,
    from: readonly number[],
    what: string,
    to: readonly number[],
    product: (from: V, to: V) => void | Promise<void>,
  ): Promise<Tensor> {
    throwIfDisposed("linearization", this.#disposed);
    const { data } = checkTensor(label, value, from);
    const { device } = this.#operator;
    this.#users++;
    const lease = device.lease();
    try {
      const source = lease.vector(from, "a tangent");
      const target = lease.vector(to, "a tangent");
      device.write(source, data);
      const pending = product(source, target);
      if (pending) await pending;
      const result = await device.read(target);
      checkFinite(what, result, to);
      return tensor(result, [...to]);
    } finally {
      lease.dispose();
      this.#free();
    }
  }

  #hold(): () => void {
    throwIfDisposed("linearization", this.#disposed);
    this.#users++;
    let held = true;
    return () => {
      if (held) this.#free();
      held = false;
    };
  }

  #free(): void {
    if (--this.#users === 0) this.#lease.dispose();
  }
}

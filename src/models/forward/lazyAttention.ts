// An attention layer whose weights are read at its first use.

import { checkInteger, throwIfDisposed } from "../../base/check.js";
import { Held } from "../../base/disposable.js";
import { DeviceError } from "../../base/errors.js";
import type { Tensor, TensorLike } from "../../base/tensor.js";
import type { Device, Lease } from "../../device/device.js";
import { type DeviceLayer, Shared } from "../../device/deviceLayer.js";
import type { Linearization } from "../../device/linearization.js";
import type { Attention } from "../../measure/createRuntime.js";

/** Positions may depend on the number of tokens: there is one layer for each regime of lengths that was used. */
export class LazyAttention extends Held implements Attention {
  readonly #regime: (tokens: number) => number;
  readonly #make: (tokens: number) => Promise<Attention>;
  readonly #device?: Device;
  readonly #making = new Map<number, Promise<Attention>>();
  readonly #made: Attention[] = [];
  #disposed = false;

  constructor(
    readonly dIn: number,
    readonly dOut: number,
    readonly heads: number,
    regime: (tokens: number) => number,
    make: (tokens: number) => Promise<Attention>,
    device?: Device,
  ) {
    super();
    this.#regime = regime;
    this.#make = make;
    this.#device = device;
  }

  async forward(x: TensorLike): Promise<Tensor> {
    return (await this.#layer(x)).forward(x);
  }

  async linearize(x: TensorLike): Promise<Linearization> {
    return (await this.#layer(x)).linearize(x);
  }

  async probabilities(x: TensorLike): Promise<Tensor> {
    return (await this.#layer(x)).probabilities(x);
  }

  /** The layer on its device, which reads the weights when it is first used there. */
  get onDevice(): Shared<DeviceLayer> | undefined {
    throwIfDisposed("attention layer", this.#disposed);
    return this.#device && new Shared(this.#lazily(this.#device, (layer) => layer));
  }

  head(index: number): Attention {
    throwIfDisposed("attention layer", this.#disposed);
    checkInteger("head", index, 0, this.heads - 1);
    const make = async (tokens: number) => (await this.#ofLength(tokens)).head(index);
    return new LazyAttention(this.dIn, this.dOut, 1, this.#regime, make, this.#device);
  }

  dispose(): void {
    this.#disposed = true;
    for (const layer of this.#made.splice(0)) layer.dispose();
  }

  /** @param standsFor what stands for the layer of each regime: itself, or the same that shares steps */
  #lazily(device: Device, standsFor: (layer: DeviceLayer) => DeviceLayer): DeviceLayer {
    const { dIn, dOut } = this;
    const known = new Map<DeviceLayer, DeviceLayer>();
    const kept = async (tokens: number, lease: Lease) => {
      const held = (await this.#ofLength(tokens)).onDevice?.hold();
      if (!held) throw new DeviceError("this layer is on no device");
      lease.atEnd(() => held.release());
      const layer = known.get(held.value) ?? standsFor(held.value);
      known.set(held.value, layer);
      return layer;
    };
    return {
      device,
      dIn,
      dOut,
      forward: async (x, lease) => (await kept(x.shape[0], lease)).forward(x, lease),
      linearize: async (x, lease) => (await kept(x.shape[0], lease)).linearize(x, lease),
      together: () => this.#lazily(device, (layer) => layer.together?.() ?? layer),
      dispose: () => undefined,
    };
  }

  /** Of the input's number of tokens, as far as it is one: the layer itself tells what is wrong with it. */
  #layer(x: TensorLike): Promise<Attention> {
    const tokens = (x as Tensor | undefined)?.shape?.[0] ?? (x as { dims?: number[] } | undefined)?.dims?.[0];
    return this.#ofLength(typeof tokens === "number" ? tokens : 1);
  }

  async #ofLength(tokens: number): Promise<Attention> {
    throwIfDisposed("attention layer", this.#disposed);
    const regime = this.#regime(tokens);
    const making =
      this.#making.get(regime) ??
      this.#make(tokens).then(
        (made) => {
          if (this.#disposed) made.dispose();
          else this.#made.push(made);
          return made;
        },
        (error) => {
          this.#making.delete(regime);
          throw error;
        },
      );
    this.#making.set(regime, making);
    const layer = await making;
    throwIfDisposed("attention layer", this.#disposed);
    return layer;
  }
}

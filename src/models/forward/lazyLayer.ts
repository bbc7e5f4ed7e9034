// A layer whose weights are read at its first use.

import { throwIfDisposed } from "../../base/check.js";
import { Held } from "../../base/disposable.js";
import { DeviceError } from "../../base/errors.js";
import type { Tensor, TensorLike } from "../../base/tensor.js";
import type { Device, Lease } from "../../device/device.js";
import { type DeviceLayer, Shared } from "../../device/deviceLayer.js";
import type { LinearizableLayer, Linearization } from "../../device/linearization.js";

export interface LazyRule<L extends LinearizableLayer> {
  /** Names it in errors. */
  readonly what: string;
  readonly dIn: number;
  readonly dOut: number;
  /** Numbers of tokens of one regime share a layer; default: all do. */
  regime?(tokens: number): number;
  make(tokens: number): Promise<L>;
  readonly device?: Device;
  /** Whether the layer can share its steps with others of its kind. */
  readonly together?: boolean;
}

/** There is one layer for each regime of lengths that was used. */
export class LazyLayer<L extends LinearizableLayer = LinearizableLayer> extends Held implements LinearizableLayer {
  readonly dIn: number;
  readonly dOut: number;
  readonly #making = new Map<number, Promise<L>>();
  readonly #made: L[] = [];
  #disposed = false;

  constructor(protected readonly rule: LazyRule<L>) {
    super();
    this.dIn = rule.dIn;
    this.dOut = rule.dOut;
  }

  async forward(x: TensorLike): Promise<Tensor> {
    return (await this.layerFor(x)).forward(x);
  }

  async linearize(x: TensorLike): Promise<Linearization> {
    return (await this.layerFor(x)).linearize(x);
  }

  /** The layer on its device, which reads the weights when it is first used there. */
  get onDevice(): Shared<DeviceLayer> | undefined {
    this.throwIfDisposed();
    const { device } = this.rule;
    return device && new Shared(this.#lazily(device, (layer) => layer));
  }

  dispose(): void {
    this.#disposed = true;
    for (const layer of this.#made.splice(0)) layer.dispose();
  }

  protected throwIfDisposed(): void {
    throwIfDisposed(this.rule.what, this.#disposed);
  }

  /** Of the input's number of tokens, as far as it is one: the layer itself tells what is wrong with it. */
  protected layerFor(x: TensorLike): Promise<L> {
    const tokens = (x as Tensor | undefined)?.shape?.[0] ?? (x as { dims?: number[] } | undefined)?.dims?.[0];
    return this.layerOf(typeof tokens === "number" ? tokens : 1);
  }

  protected async layerOf(tokens: number): Promise<L> {
    this.throwIfDisposed();
    const regime = this.rule.regime?.(tokens) ?? 0;
    const making =
      this.#making.get(regime) ??
      this.rule.make(tokens).then(
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
    this.throwIfDisposed();
    return layer;
  }

  /** @param standsFor what stands for the layer of each regime: itself, or the same that shares steps */
  #lazily(device: Device, standsFor: (layer: DeviceLayer) => DeviceLayer): DeviceLayer {
    const { dIn, dOut } = this;
    const known = new Map<DeviceLayer, DeviceLayer>();
    const kept = async (tokens: number, lease: Lease) => {
      const held = (await this.layerOf(tokens)).onDevice?.hold();
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
      together: this.rule.together ? () => this.#lazily(device, (layer) => layer.together?.() ?? layer) : undefined,
      inDoubles: device.dtype === "f32" ? () => this.#inDoubles() : undefined,
      dispose: () => undefined,
    };
  }

  /** The copies in f64 of the layers of all regimes, each made when it is first used. */
  async #inDoubles(): Promise<DeviceLayer> {
    const { dIn, dOut } = this;
    const copies = new Map<L, Promise<DeviceLayer>>();
    const copyOf = (layer: L) => {
      const copy = copies.get(layer) ?? copied(layer);
      copies.set(layer, copy);
      return copy;
    };
    const copyFor = async (tokens: number) => copyOf(await this.layerOf(tokens));
    const { device } = await copyOf(this.#made[0] ?? (await this.layerOf(1)));
    return {
      device,
      dIn,
      dOut,
      forward: async (x, lease) => (await copyFor(x.shape[0])).forward(x, lease),
      linearize: async (x, lease) => (await copyFor(x.shape[0])).linearize(x, lease),
      dispose() {
        for (const copy of copies.values()) {
          copy.then(
            (layer) => layer.dispose(),
            () => undefined,
          );
        }
      },
    };
  }
}

async function copied(layer: LinearizableLayer): Promise<DeviceLayer> {
  const held = layer.onDevice?.hold();
  try {
    if (!held?.value.inDoubles) throw new DeviceError("this layer has no copy in f64");
    return await held.value.inDoubles();
  } finally {
    held?.release();
  }
}

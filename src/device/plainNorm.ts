// A norm without weights, of tokens of any width: for each width that it meets, the device's own norm with a gain of ones.
import type { Device, Lease, Vector } from "./device.js";
import type { DeviceLayer, Linearized } from "./deviceLayer.js";

export class PlainNorm<V extends Vector> implements DeviceLayer<V> {
  readonly dIn = -1;
  readonly dOut = -1;
  readonly #norms = new Map<number, DeviceLayer<V>>();

  /** @param make the norm with a gain of so many ones */
  constructor(
    readonly device: Device<V>,
    readonly make: (width: number) => DeviceLayer<V>,
  ) {}

  forward(x: V, lease: Lease<V>): Promise<V> {
    return this.#of(x).forward(x, lease);
  }

  linearize(x: V, lease: Lease<V>): Promise<Linearized<V>> {
    return this.#of(x).linearize(x, lease);
  }

  dispose(): void {
    for (const norm of this.#norms.values()) norm.dispose();
    this.#norms.clear();
  }

  /** Made once for each width, and kept until the layer is disposed of. */
  #of({ shape: [, width] }: V): DeviceLayer<V> {
    const norm = this.#norms.get(width) ?? this.make(width);
    this.#norms.set(width, norm);
    return norm;
  }
}

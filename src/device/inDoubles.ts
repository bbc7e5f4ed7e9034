// The Jacobian of a layer on an f32 device once more in f64, at the same input.
import type { Device, Vector } from "./device.js";
import type { DeviceLayer, Shared } from "./deviceLayer.js";
import type { OperatorInDoubles } from "./operator.js";

/** Copies of layers, made when they are first asked for and disposed of with the layer. */
const copies = new WeakMap<object, Promise<DeviceLayer>>();

/** How to linearize a copy of the layer at x; none where it has no copy. Layer and x must live until it is done. */
export function operatorInDoubles<V extends Vector>(
  owner: Shared<DeviceLayer<V>>,
  device: Device<V>,
  x: V,
): (() => Promise<OperatorInDoubles>) | undefined {
  if (!owner.value.inDoubles) return undefined;
  return async () => {
    const copy = await copyOf(owner);
    const lease = copy.device.lease();
    try {
      const input = lease.vector(x.shape, "the input in f64");
      copy.device.write(input, await device.read(x));
      const { operator } = await copy.linearize(input, lease);
      return { operator, dispose: () => lease.dispose() };
    } catch (error) {
      lease.dispose();
      throw error;
    }
  };
}

function copyOf<V extends Vector>(owner: Shared<DeviceLayer<V>>): Promise<DeviceLayer> {
  const layer = owner.value;
  let copy = copies.get(layer);
  if (!copy) {
    copy = layer.inDoubles?.() ?? Promise.reject(new TypeError("this layer has no copy in f64"));
    copies.set(layer, copy);
    let wanted = true;
    owner.atEnd(() => {
      wanted = false;
      copies.delete(layer);
    });
    const made = copy;
    made.then(
      (value) => (wanted ? owner.atEnd(() => value.dispose()) : value.dispose()),
      () => copies.delete(layer),
    );
  }
  return copy;
}

// What compositions of layers have in common.
import type { Device, Vector } from "./device.js";
import { type DeviceLayer, Shared } from "./deviceLayer.js";

/** The first width that is not left open, or −1. */
export function widthOf<V extends Vector>(parts: readonly Shared<DeviceLayer<V>>[], side: "dIn" | "dOut"): number {
  return parts.map(({ value }) => value[side]).find((width) => width >= 0) ?? -1;
}

export function release(parts: readonly { release(): void }[]): void {
  for (const part of parts) part.release();
}

/** Runs `next` once a step is done, which most steps are when they return. */
export function afterwards(step: void | Promise<void>, next: () => void): void | Promise<void> {
  return step ? step.then(next) : next();
}

/**
 * How to make the composition share its steps with others: by its one part that can. Of two, one operator might wait at
 * the first for another that waits at the second.
 */
export function sharing<V extends Vector>(
  parts: readonly Shared<DeviceLayer<V>>[],
  compose: (parts: Shared<DeviceLayer<V>>[]) => DeviceLayer<V>,
): (() => DeviceLayer<V>) | undefined {
  if (parts.filter(({ value }) => value.together).length !== 1) return undefined;
  return () => compose(parts.map((part) => (part.value.together ? new Shared(part.value.together()) : part)));
}

/** How to make the composition in f64, of copies of its parts that are its own; none where a part has no copy. */
export function copying<V extends Vector>(
  parts: readonly Shared<DeviceLayer<V>>[],
  compose: (device: Device, parts: Shared<DeviceLayer>[]) => DeviceLayer,
): (() => Promise<DeviceLayer>) | undefined {
  if (!parts.every(({ value }) => value.inDoubles)) return undefined;
  return async () => {
    const copies: Shared<DeviceLayer>[] = [];
    try {
      for (const { value } of parts) if (value.inDoubles) copies.push(new Shared(await value.inDoubles()));
      return compose(copies[0].value.device, copies);
    } catch (error) {
      release(copies);
      throw error;
    }
  };
}

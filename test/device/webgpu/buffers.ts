// A device's buffers under watch.
import type { GPUBufferLike, GPUDeviceLike } from "../../../src/device/webgpu/api.js";

export interface WatchedBuffers {
  /** Every buffer made since the watch began: what it is for, and its bytes. */
  readonly made: { label: string; size: number }[];
  /** Those not destroyed yet. */
  readonly alive: Set<GPUBufferLike>;
  stop(): void;
}

export function watchBuffers(device: GPUDeviceLike): WatchedBuffers {
  const made: WatchedBuffers["made"] = [];
  const alive = new Set<GPUBufferLike>();
  const { createBuffer } = device;
  device.createBuffer = (descriptor) => {
    const buffer = createBuffer.call(device, descriptor);
    const destroy = buffer.destroy.bind(buffer);
    buffer.destroy = () => {
      alive.delete(buffer);
      destroy();
    };
    alive.add(buffer);
    made.push({ label: descriptor.label ?? "", size: descriptor.size });
    return buffer;
  };
  return {
    made,
    alive,
    stop() {
      device.createBuffer = createBuffer;
    },
  };
}

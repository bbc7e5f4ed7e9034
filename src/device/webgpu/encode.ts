// Recorded work as calls of WebGPU: one submit, or one more for every write from the host that must wait for what was
// recorded before it.
import type { GPUComputePassLike, GPUDeviceLike, Opaque } from "./api.js";
import type { Command } from "./batch.js";
import type { Compiled } from "./kernel.js";
import type { View } from "./memory.js";

export interface Encoding {
  readonly device: GPUDeviceLike;
  compiledOf(name: string): Compiled;
  /** Room for the parameters of as many dispatches, and the bind group that reads them at an offset. */
  parametersFor(dispatches: number): { view: View; group: Opaque; stride: number };
}

/** Sends the commands, then copies of views to `staging`, one after the other. */
export function submit(
  { device, compiledOf, parametersFor }: Encoding,
  commands: readonly Command[],
  results: readonly View[],
  staging: View | undefined,
): void {
  const dispatches = commands.filter((command) => "kernel" in command).length;
  const { view, group, stride } = parametersFor(Math.max(1, dispatches));
  const words = new Uint32Array((dispatches * stride) / 4);
  let encoder = device.createCommandEncoder();
  let pass: GPUComputePassLike | undefined;
  let isEmpty = true;
  let dispatched = 0;
  const endPass = () => {
    pass?.end();
    pass = undefined;
  };
  // The parameters of all dispatches come first on the queue, so that each submit finds its own.
  const encoded: (() => void)[] = [];
  const finish = () => {
    endPass();
    if (isEmpty) return;
    const buffer = encoder.finish();
    encoded.push(() => device.queue.submit([buffer]));
    encoder = device.createCommandEncoder();
    isEmpty = true;
  };
  for (const command of commands) {
    if ("write" in command) {
      finish();
      const { buffer, offset } = command.write;
      encoded.push(() => device.queue.writeBuffer(buffer.raw, offset, command.data));
      continue;
    }
    isEmpty = false;
    if ("kernel" in command) {
      const { pipeline, bindings, parameters } = compiledOf(command.kernel.name);
      const [x, y = 1, z = 1] = command.groups;
      words.set(parameters(command.sizes), (dispatched * stride) / 4);
      pass ??= encoder.beginComputePass();
      pass.setPipeline(pipeline);
      pass.setBindGroup(0, bindings(command.views));
      pass.setBindGroup(1, group, [dispatched++ * stride]);
      pass.dispatchWorkgroups(x, y, z);
      continue;
    }
    endPass();
    if ("clear" in command) {
      encoder.clearBuffer(command.clear.buffer.raw, command.clear.offset, command.clear.size);
    } else {
      const [from, to] = command.copy;
      const bytes = Math.min(from.size, to.size);
      encoder.copyBufferToBuffer(from.buffer.raw, from.offset, to.buffer.raw, to.offset, bytes);
    }
  }
  endPass();
  let at = 0;
  for (const { buffer, offset, size } of results) {
    isEmpty = false;
    encoder.copyBufferToBuffer(buffer.raw, offset, staging!.buffer.raw, at, size);
    at += size;
  }
  finish();
  if (dispatches > 0) device.queue.writeBuffer(view.buffer.raw, 0, words);
  for (const send of encoded) send();
}

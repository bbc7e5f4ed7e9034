// Work recorded for the GPU: dispatches, copies and clears, in the order in which they are to run.
import type { GPUCommandEncoderLike, GPUComputePassLike } from "./api.js";
import type { Compiled, Kernel } from "./kernel.js";
import type { View } from "./memory.js";

type Command =
  | { kernel: Compiled; bindings: object; groups: readonly number[] }
  | { copy: [from: View, to: View] }
  | { clear: View };

export class Batch {
  readonly #commands: Command[] = [];
  readonly #parameters: Uint32Array[] = [];

  constructor(
    readonly compiled: ReadonlyMap<string, Compiled>,
    readonly encoder: GPUCommandEncoderLike,
  ) {}

  get dispatches(): number {
    return this.#parameters.length;
  }

  dispatch(
    { name }: Kernel,
    groups: readonly number[],
    views: Readonly<Record<string, View>>,
    sizes: Readonly<Record<string, number>>,
  ): void {
    const kernel = this.compiled.get(name);
    if (!kernel) throw new Error(`kernel "${name}" is not prepared`);
    this.#commands.push({ kernel, bindings: kernel.bindings(views), groups });
    this.#parameters.push(kernel.parameters(sizes));
  }

  /** Copies as many bytes as the smaller of both views holds. */
  copy(from: View, to: View): void {
    this.#commands.push({ copy: [from, to] });
  }

  clear(view: View): void {
    this.#commands.push({ clear: view });
  }

  finish(parameterGroup: object, stride: number): { commands: object; words: Uint32Array } {
    const words = new Uint32Array((Math.max(1, this.dispatches) * stride) / 4);
    let pass: GPUComputePassLike | undefined;
    let dispatched = 0;
    for (const command of this.#commands) {
      if ("kernel" in command) {
        pass ??= this.encoder.beginComputePass();
        const [x, y = 1, z = 1] = command.groups;
        words.set(this.#parameters[dispatched], (dispatched * stride) / 4);
        pass.setPipeline(command.kernel.pipeline);
        pass.setBindGroup(0, command.bindings);
        pass.setBindGroup(1, parameterGroup, [dispatched++ * stride]);
        pass.dispatchWorkgroups(x, y, z);
        continue;
      }
      pass?.end();
      pass = undefined;
      if ("clear" in command) {
        this.encoder.clearBuffer(command.clear.buffer.raw, command.clear.offset, command.clear.size);
      } else {
        const [from, to] = command.copy;
        const bytes = Math.min(from.size, to.size);
        this.encoder.copyBufferToBuffer(from.buffer.raw, from.offset, to.buffer.raw, to.offset, bytes);
      }
    }
    pass?.end();
    return { commands: this.encoder.finish(), words };
  }
}

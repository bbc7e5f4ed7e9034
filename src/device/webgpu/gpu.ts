// One WebGPU device: what runs on it, what it holds, and how it ends.
import { DeviceError, OutOfMemoryError } from "../../base/errors.js";
import { type GPUDeviceLike, MAP_READ, USAGE } from "./api.js";
import { Batch } from "./batch.js";
import { type Compiled, compile, type Kernel, PARAMETER_BYTES, parameterLayout } from "./kernel.js";
import { Memory, Region, type View } from "./memory.js";

/** Bytes of a buffer for results that is kept between calls. */
const SPARE_BYTES = 4096;

export class Gpu {
  readonly memory: Memory;
  readonly #compiled = new Map<string, Compiled>();
  /** Rejections of the calls that wait for results. */
  readonly #waiting = new Set<(error: Error) => void>();
  /** Kept for the next call that reads back little: a solver's step does. */
  #spare?: View;
  #parameters?: { view: View; group: object };
  #ended?: DeviceError;

  constructor(
    readonly device: GPUDeviceLike,
    /** Whether the device is ours to destroy. */
    readonly owned: boolean,
    memoryLimit: number,
  ) {
    this.memory = new Memory(device, memoryLimit);
    void device.lost.then(({ reason, message }) => {
      const why = message || reason || "no reason given";
      this.#end(new DeviceError(`the WebGPU device was lost: ${why}; make a new runtime`));
    });
  }

  /** A region of this device's memory. */
  region(): Region {
    this.throwIfEnded();
    return new Region(this.memory);
  }

  /** Compiles in parallel what is not compiled yet. */
  async prepare(kernels: readonly Kernel[]): Promise<void> {
    this.throwIfEnded();
    const missing = [...new Set(kernels)].filter(({ name }) => !this.#compiled.has(name));
    try {
      const ready = await Promise.all(missing.map((kernel) => compile(this.device, kernel)));
      for (const [index, { name }] of missing.entries()) this.#compiled.set(name, ready[index]);
    } catch (cause) {
      this.throwIfEnded();
      throw new DeviceError(`a WebGPU pipeline could not be made: ${messageOf(cause)}`, { cause });
    }
    this.throwIfEnded();
  }

  /**
   * Records work and submits it at once, then reads the given views back as f32. What is recorded by calls made one
   * after the other runs in that order, whether or not their results were awaited in between. A region that the GPU had
   * no room for is told before what follows from that.
   */
  async run(
    record: (batch: Batch) => void,
    results: readonly View[],
    region?: Region,
  ): Promise<Float32Array<ArrayBuffer>[]> {
    const pending = this.#run(record, results);
    pending.catch(() => undefined);
    await region?.ready();
    return pending;
  }

  #run(record: (batch: Batch) => void, results: readonly View[]): Promise<Float32Array<ArrayBuffer>[]> {
    this.throwIfEnded();
    const { device, memory } = this;
    const bytes = results.reduce((sum, { size }) => sum + size, 0);
    device.pushErrorScope("out-of-memory");
    device.pushErrorScope("validation");
    let staging: View | undefined;
    let errors: Promise<({ readonly message: string } | null)[]>;
    try {
      staging = this.#takeStaging(bytes);
      const batch = new Batch(this.#compiled, device.createCommandEncoder());
      record(batch);
      let at = 0;
      for (const view of results) {
        batch.copy(view, { ...staging, offset: at, size: view.size });
        at += view.size;
      }
      this.#submit(batch);
    } catch (error) {
      if (staging) memory.free(staging);
      throw error;
    } finally {
      errors = Promise.all([device.popErrorScope(), device.popErrorScope()]);
    }
    return this.#collect(staging, results, errors);
  }

  /** Frees every buffer, and destroys the device if it is ours. */
  dispose(): void {
    this.#end(new DeviceError("this runtime was disposed of; make a new one"));
    this.memory.freeAll();
    if (this.owned) this.device.destroy();
  }

  throwIfEnded(): void {
    if (this.#ended) throw this.#ended;
  }

  #end(error: DeviceError): void {
    this.#ended ??= error;
    for (const reject of this.#waiting) reject(this.#ended);
    this.#waiting.clear();
  }

  #takeStaging(bytes: number): View {
    const spare = this.#spare;
    if (!spare || bytes > SPARE_BYTES) {
      return this.memory.allocate(Math.max(bytes, SPARE_BYTES), "results read back", USAGE.mapRead | USAGE.copyTo);
    }
    this.#spare = undefined;
    return spare;
  }

  #submit(batch: Batch): void {
    const { device, memory } = this;
    const stride = Math.max(PARAMETER_BYTES, device.limits.minUniformBufferOffsetAlignment);
    const bytes = Math.max(1, batch.dispatches) * stride;
    if (!this.#parameters || this.#parameters.view.size < bytes) {
      if (this.#parameters) memory.free(this.#parameters.view);
      const view = memory.allocate(2 * bytes, "the parameters of a submit", USAGE.uniform | USAGE.copyTo);
      const resource = { buffer: view.buffer.raw, size: PARAMETER_BYTES };
      const layout = parameterLayout(device);
      this.#parameters = { view, group: device.createBindGroup({ layout, entries: [{ binding: 0, resource }] }) };
    }
    const { view, group } = this.#parameters;
    const { commands, words } = batch.finish(group, stride);
    device.queue.writeBuffer(view.buffer.raw, 0, words);
    device.queue.submit([commands]);
  }

  async #collect(
    staging: View,
    results: readonly View[],
    errors: Promise<({ readonly message: string } | null)[]>,
  ): Promise<Float32Array<ArrayBuffer>[]> {
    const { raw } = staging.buffer;
    errors.catch(() => undefined);
    try {
      await this.#unlessEnded(raw.mapAsync(MAP_READ), errors);
      const [validation, memory] = await this.#unlessEnded(errors, errors);
      if (memory) throw this.#outOfMemory(memory.message);
      if (validation) throw new DeviceError(`WebGPU refused the work: ${validation.message}`);
      let at = 0;
      const mapped = raw.getMappedRange();
      const read = results.map(({ size }) => {
        at += size;
        return new Float32Array(mapped.slice(at - size, at));
      });
      raw.unmap();
      if (!this.#spare && staging.size === SPARE_BYTES) this.#spare = staging;
      return read;
    } finally {
      if (this.#spare !== staging) this.memory.free(staging);
    }
  }

  /** The promise, or the device's end; another failure is told with what the error scopes say of it. */
  async #unlessEnded<T>(promise: Promise<T>, errors: Promise<({ readonly message: string } | null)[]>): Promise<T> {
    let reject: ((error: Error) => void) | undefined;
    const ended = new Promise<never>((_, rejected) => {
      reject = rejected;
      this.#waiting.add(rejected);
    });
    try {
      return await Promise.race([promise, ended]);
    } catch (cause) {
      this.throwIfEnded();
      const [validation, memory] = await errors.catch(() => []);
      if (memory) throw this.#outOfMemory(memory.message);
      // A device that is lost may refuse before it says that it is lost.
      await delay(50);
      this.throwIfEnded();
      throw new DeviceError(`WebGPU could not give results: ${validation?.message ?? messageOf(cause)}`, { cause });
    } finally {
      if (reject) this.#waiting.delete(reject);
    }
  }

  #outOfMemory(message: string): OutOfMemoryError {
    const { used, limit } = this.memory;
    return new OutOfMemoryError("the work of a submit", used, limit, ` (the GPU refuses: ${message})`);
  }
}

function delay(milliseconds: number): Promise<void> {
  const { setTimeout } = globalThis as unknown as { setTimeout(callback: () => void, ms: number): void };
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}

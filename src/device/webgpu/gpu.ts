// One WebGPU device: what runs on it, what it holds, and how it ends.
import { DeviceError, OutOfMemoryError } from "../../base/errors.js";
import { type GPUDeviceLike, MAP_READ, type Opaque, USAGE } from "./api.js";
import { Batch, buffersOf, type Command } from "./batch.js";
import { submit } from "./encode.js";
import { type Compiled, compile, PARAMETER_BYTES, parameterLayout } from "./kernel.js";
import { Memory, Region, type View } from "./memory.js";

/** Bytes of a buffer for results that is kept between calls. */
const SPARE_BYTES = 4096;

type Scopes = Promise<({ readonly message: string } | null)[]>;

export class Gpu {
  readonly memory: Memory;
  /** What is recorded, and not sent yet. */
  readonly batch: Batch;
  readonly #compiled = new Map<string, Compiled>();
  /** Rejections of the calls that wait for results. */
  readonly #waiting = new Set<(error: Error) => void>();
  /** Batches are sent one after the other, in the order in which they were recorded. */
  #sent: Promise<unknown> = Promise.resolve();
  #unsent = 0;
  /** Kept for the next call that reads back little: a solver's step does. */
  #spare?: View;
  #parameters?: { view: View; group: Opaque };
  #ended?: DeviceError;

  constructor(
    readonly device: GPUDeviceLike,
    /** Whether the device is ours to destroy. */
    readonly owned: boolean,
    memoryLimit: number,
  ) {
    this.memory = new Memory(device, memoryLimit);
    this.batch = new Batch(this.memory);
    void device.lost.then(({ reason, message }) => {
      const why = message || reason || "no reason given";
      this.#end(new DeviceError(`the WebGPU device was lost: ${why}; make a new runtime`));
    });
  }

  /** A region of this device's memory. */
  region(): Region {
    this.throwIfEnded();
    return new Region(this.memory, (views) => this.#release(views));
  }

  /**
   * Sends what is recorded, compiling what it needs, then reads the given views back as f32. What is recorded by calls
   * made one after the other runs in that order, whether or not their results were awaited in between.
   * @throws OutOfMemoryError where a result depends on a buffer that the GPU has no room for
   */
  async flush(results: readonly View[] = []): Promise<Float32Array<ArrayBuffer>[]> {
    this.throwIfEnded();
    const { commands, done } = this.batch.take();
    this.#unsent++;
    const sent = this.#sent.then(async () => {
      try {
        return await this.#send(commands, results);
      } finally {
        this.#unsent--;
        for (const view of done) this.memory.free(view);
      }
    });
    this.#sent = sent.catch(() => undefined);
    const { staging, errors } = await sent;
    return this.#collect(staging, results, errors);
  }

  /** Bytes of the buffers for parameters and small results, which are kept for the next call. */
  get kept(): number {
    const views = [this.#parameters?.view, this.#spare];
    return views.reduce((sum, view) => sum + (view ? view.buffer.bytes : 0), 0);
  }

  /** Frees every buffer, and destroys the device if it is ours. */
  dispose(): void {
    this.#end(new DeviceError("this runtime was disposed of; make a new one"));
    this.batch.take();
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

  /** Frees at once what no command waits for; the rest after it, which is then sent. */
  #release(views: readonly View[]): void {
    const needed = this.batch.forget(new Set(views.map(({ buffer }) => buffer)));
    if (this.#ended || (!needed && this.#unsent === 0)) {
      for (const view of views) this.memory.free(view);
      return;
    }
    for (const view of views) this.batch.freeAfterwards(view);
    this.flush().catch(() => undefined);
  }

  /** Submits, and says where the results will be. */
  async #send(commands: readonly Command[], results: readonly View[]): Promise<{ staging?: View; errors: Scopes }> {
    this.throwIfEnded();
    await this.#compile(commands);
    await this.memory.settled;
    this.throwIfEnded();
    const runnable = withoutFailed(commands);
    const failed = results.find(({ buffer }) => buffer.failed)?.buffer.failed;
    const wanted = failed ? [] : results;
    const { device, memory } = this;
    let staging: View | undefined;
    let errors: Scopes;
    device.pushErrorScope("out-of-memory");
    device.pushErrorScope("validation");
    try {
      if (wanted.length > 0) staging = this.#takeStaging(wanted.reduce((sum, { size }) => sum + size, 0));
      submit(
        {
          device,
          compiledOf: (name) => this.#compiled.get(name)!,
          parametersFor: (count) => this.#parametersFor(count),
        },
        runnable,
        wanted,
        staging,
      );
    } catch (error) {
      if (staging) memory.free(staging);
      throw error;
    } finally {
      errors = Promise.all([device.popErrorScope(), device.popErrorScope()]);
      errors.catch(() => undefined);
    }
    // Others' work in the batch was sent all the same.
    if (failed) throw failed;
    return { staging, errors };
  }

  /** Compiles in parallel what is not compiled yet. */
  async #compile(commands: readonly Command[]): Promise<void> {
    const kernels = commands.flatMap((command) => ("kernel" in command ? [command.kernel] : []));
    const missing = new Map(
      kernels.filter(({ name }) => !this.#compiled.has(name)).map((kernel) => [kernel.name, kernel]),
    );
    if (missing.size === 0) return;
    try {
      await Promise.all(
        [...missing].map(async ([name, kernel]) => {
          this.#compiled.set(name, await compile(this.device, kernel));
        }),
      );
    } catch (cause) {
      this.throwIfEnded();
      throw new DeviceError(`a WebGPU pipeline could not be made: ${messageOf(cause)}`, { cause });
    }
  }

  #takeStaging(bytes: number): View {
    const spare = this.#spare;
    if (!spare || bytes > SPARE_BYTES) {
      return this.memory.allocate(Math.max(bytes, SPARE_BYTES), "results read back", USAGE.mapRead | USAGE.copyTo);
    }
    this.#spare = undefined;
    return spare;
  }

  #parametersFor(dispatches: number): { view: View; group: Opaque; stride: number } {
    const { device, memory } = this;
    const stride = Math.max(PARAMETER_BYTES, device.limits.minUniformBufferOffsetAlignment);
    const bytes = dispatches * stride;
    if (!this.#parameters || this.#parameters.view.size < bytes) {
      if (this.#parameters) memory.free(this.#parameters.view);
      const view = memory.allocate(2 * bytes, "the parameters of a submit", USAGE.uniform | USAGE.copyTo);
      const resource = { buffer: view.buffer.raw, size: PARAMETER_BYTES };
      const layout = parameterLayout(device);
      this.#parameters = { view, group: device.createBindGroup({ layout, entries: [{ binding: 0, resource }] }) };
    }
    return { ...this.#parameters, stride };
  }

  async #collect(
    staging: View | undefined,
    results: readonly View[],
    errors: Scopes,
  ): Promise<Float32Array<ArrayBuffer>[]> {
    try {
      const raw = staging?.buffer.raw;
      if (raw) await this.#unlessEnded(raw.mapAsync(MAP_READ), errors);
      const [validation, memory] = await this.#unlessEnded(errors, errors);
      if (memory) throw this.#outOfMemory(memory.message);
      if (validation) throw new DeviceError(`WebGPU refused the work: ${validation.message}`);
      if (!raw) return [];
      let at = 0;
      const mapped = raw.getMappedRange();
      const read = results.map(({ size }) => {
        at += size;
        return new Float32Array(mapped.slice(at - size, at));
      });
      raw.unmap();
      if (!this.#spare && staging?.size === SPARE_BYTES) this.#spare = staging;
      return read;
    } finally {
      if (staging && this.#spare !== staging) this.memory.free(staging);
    }
  }

  /** The promise, or the device's end; another failure is told with what the error scopes say of it. */
  async #unlessEnded<T>(promise: Promise<T>, errors: Scopes): Promise<T> {
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

/** The commands that have all they need; what the others were to write is marked, for whoever reads it. */
function withoutFailed(commands: readonly Command[]): Command[] {
  return commands.filter((command) => {
    const { all, written } = buffersOf(command);
    const failed = all.find((buffer) => buffer.failed)?.failed;
    if (failed) for (const buffer of written) buffer.failed ??= failed;
    return !failed;
  });
}

function delay(milliseconds: number): Promise<void> {
  const { setTimeout } = globalThis as unknown as { setTimeout(callback: () => void, ms: number): void };
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}

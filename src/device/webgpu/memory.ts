// Buffers on the GPU, counted, and freed in groups.
import { OutOfMemoryError } from "../../base/errors.js";
import type { RealArray } from "../../base/tensor.js";
import { type GPUBufferLike, type GPUDeviceLike, USAGE } from "./api.js";

/** A range of a buffer, as kernels and copies see it. */
export interface View {
  readonly buffer: Buffer;
  /** Bytes. */
  readonly offset: number;
  readonly size: number;
}

export interface Buffer {
  readonly raw: GPUBufferLike;
  readonly id: number;
  /** Run when the buffer is freed, by what was made over it. */
  readonly onFree: Set<() => void>;
}

let ids = 0;

export class Memory {
  readonly #alive = new Set<Buffer>();
  readonly #sizes = new Map<Buffer, number>();
  #used = 0;

  constructor(
    readonly device: GPUDeviceLike,
    /** Bytes that may be held in all. */
    readonly limit: number,
  ) {}

  /** Bytes held. */
  get used(): number {
    return this.#used;
  }

  /** Buffers held. */
  get count(): number {
    return this.#alive.size;
  }

  /** A buffer of zeros; `what` names it should it not be there. Failures of the device itself come by error scope. */
  allocate(bytes: number, what: string, usage = USAGE.storage | USAGE.copyFrom | USAGE.copyTo): View {
    const size = Math.max(16, Math.ceil(bytes / 16) * 16);
    const { maxBufferSize, maxStorageBufferBindingSize } = this.device.limits;
    if (this.#used + size > this.limit) throw new OutOfMemoryError(what, this.#used + size, this.limit);
    const most = usage & USAGE.storage ? Math.min(maxBufferSize, maxStorageBufferBindingSize) : maxBufferSize;
    if (size > most) throw new OutOfMemoryError(what, size, most, " for one buffer of this GPU");
    const raw = this.device.createBuffer({ label: what, size, usage });
    const buffer = { raw, id: ids++, onFree: new Set<() => void>() };
    this.#alive.add(buffer);
    this.#sizes.set(buffer, size);
    this.#used += size;
    return { buffer, offset: 0, size: bytes };
  }

  free({ buffer }: View): void {
    if (!this.#alive.delete(buffer)) return;
    this.#used -= this.#sizes.get(buffer)!;
    this.#sizes.delete(buffer);
    for (const forget of buffer.onFree) forget();
    buffer.raw.destroy();
  }

  freeAll(): void {
    for (const buffer of [...this.#alive]) this.free({ buffer, offset: 0, size: 0 });
  }
}

/** Buffers that live and die together. */
export class Region {
  #views: View[] = [];
  #pending: Promise<void>[] = [];

  constructor(readonly memory: Memory) {}

  /** Room for `count` numbers of 4 bytes, zero at first. */
  words(count: number, what: string): View {
    const { device } = this.memory;
    device.pushErrorScope("out-of-memory");
    let view: View;
    try {
      view = this.memory.allocate(count * 4, what);
    } finally {
      const popped = device.popErrorScope();
      const refused = popped.then((error) => {
        if (!error) return;
        const needed = this.memory.used;
        throw new OutOfMemoryError(what, needed, this.memory.limit, ` (the GPU refuses: ${error.message})`);
      });
      // Whoever waits for `ready` sees the failure; nobody else should.
      refused.catch(() => undefined);
      this.#pending.push(refused);
    }
    this.#views.push(view);
    return view;
  }

  /** The numbers, rounded to f32, in a buffer of their own. */
  upload(data: RealArray | Uint32Array, what: string): View {
    const view = this.words(data.length, what);
    write(this.memory.device, view, data);
    return view;
  }

  /** Once the GPU has granted every buffer; OutOfMemoryError where it did not. */
  async ready(): Promise<void> {
    await Promise.all(this.#pending);
    this.#pending = [];
  }

  /** Frees one buffer before the others. */
  release(view: View): void {
    this.#views = this.#views.filter((other) => other !== view);
    this.memory.free(view);
  }

  free(): void {
    for (const view of this.#views) this.memory.free(view);
    this.#views = [];
  }
}

/** Copies the numbers to the start of a view, rounding doubles to f32. */
export function write(device: GPUDeviceLike, view: View, data: RealArray | Uint32Array): void {
  const words = data instanceof Float64Array ? Float32Array.from(data) : data;
  device.queue.writeBuffer(view.buffer.raw, view.offset, words);
}

/** `count` numbers of a view, from number `first` on. */
export function range(view: View, first: number, count: number): View {
  return { buffer: view.buffer, offset: view.offset + 4 * first, size: 4 * count };
}

/** A copy in f32: the caller may change its own before it is used. */
export function rounded({ data }: { readonly data: RealArray }): Float32Array {
  return Float32Array.from(data);
}

/** The bits of a number as f32: parameters of kernels are words. */
export function bitsOf(value: number): number {
  return new Uint32Array(Float32Array.of(value).buffer)[0];
}

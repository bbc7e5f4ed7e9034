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
  readonly bytes: number;
  /** Run when the buffer is freed, by what was made over it. */
  readonly onFree: Set<() => void>;
  /** Why its numbers are not to be had: the GPU had no room for it, or for what they were to be made of. */
  failed?: Error;
}

let ids = 0;

export class Memory {
  readonly #alive = new Set<Buffer>();
  #used = 0;
  #pending: Promise<void>[] = [];

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

  /**
   * A buffer of zeros; `what` names it should it not be there. Where the GPU itself has no room for it, `failed` says so
   * by the time that `settled` is done.
   */
  allocate(bytes: number, what: string, usage = USAGE.storage | USAGE.copyFrom | USAGE.copyTo): View {
    const size = Math.max(16, Math.ceil(bytes / 16) * 16);
    const { maxBufferSize, maxStorageBufferBindingSize } = this.device.limits;
    if (this.#used + size > this.limit) throw new OutOfMemoryError(what, this.#used + size, this.limit);
    const most = usage & USAGE.storage ? Math.min(maxBufferSize, maxStorageBufferBindingSize) : maxBufferSize;
    if (size > most) throw new OutOfMemoryError(what, size, most, " for one buffer of this GPU");
    this.device.pushErrorScope("out-of-memory");
    let refused: Promise<{ readonly message: string } | null>;
    let raw: GPUBufferLike;
    try {
      raw = this.device.createBuffer({ label: what, size, usage });
    } finally {
      refused = this.device.popErrorScope();
      refused.catch(() => undefined);
    }
    const buffer: Buffer = { raw, id: ids++, bytes: size, onFree: new Set<() => void>() };
    const settled = refused.then(
      (error) => {
        if (!error) return;
        buffer.failed = new OutOfMemoryError(what, this.#used, this.limit, ` (the GPU refuses: ${error.message})`);
      },
      () => undefined,
    );
    this.#pending.push(settled);
    this.#alive.add(buffer);
    this.#used += size;
    return { buffer, offset: 0, size: bytes };
  }

  /** Once the GPU has granted or refused every buffer asked for so far; undefined where it has already. */
  get settled(): Promise<unknown> | undefined {
    if (this.#pending.length === 0) return undefined;
    const pending = this.#pending;
    this.#pending = [];
    return Promise.all(pending);
  }

  free({ buffer }: View): void {
    if (!this.#alive.delete(buffer)) return;
    this.#used -= buffer.bytes;
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

  constructor(
    readonly memory: Memory,
    /** Frees buffers, once what was recorded on them has run. */
    readonly release: (views: readonly View[]) => void,
  ) {}

  /** Room for `count` numbers of 4 bytes, zero at first. */
  words(count: number, what: string): View {
    const view = this.memory.allocate(count * 4, what);
    this.#views.push(view);
    return view;
  }

  /** The numbers, rounded to f32, in a buffer of their own. */
  upload(data: RealArray | Uint32Array, what: string): View {
    const view = this.words(data.length, what);
    write(this.memory.device, view, data);
    return view;
  }

  /** Frees some buffers before the others. */
  drop(views: readonly View[]): void {
    this.#views = this.#views.filter((view) => !views.includes(view));
    this.release(views);
  }

  free(): void {
    const views = this.#views;
    this.#views = [];
    if (views.length > 0) this.release(views);
  }
}

/** Copies the numbers to the start of a view, rounding doubles to f32. */
export function write(device: GPUDeviceLike, view: View, data: RealArray | Uint32Array): void {
  const words = data instanceof Float64Array ? new Float32Array(data) : data;
  device.queue.writeBuffer(view.buffer.raw, view.offset, words);
}

/** `count` numbers of a view, from number `first` on. */
export function range(view: View, first: number, count: number): View {
  return { buffer: view.buffer, offset: view.offset + 4 * first, size: 4 * count };
}

/** The bits of a number as f32: parameters of kernels are words. */
export function bitsOf(value: number): number {
  return new Uint32Array(Float32Array.of(value).buffer)[0];
}

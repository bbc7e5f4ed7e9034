// A first-fit allocator over the kernels' memory: blocks of 64-byte multiples, neighbours joined when freed.
import { DeviceError, OutOfMemoryError } from "../../base/errors.js";
import type { RealArray } from "../../base/tensor.js";
import { webAssembly } from "./compile.js";
import type { WasmMemory } from "./webassembly.js";

const ALIGNMENT = 64;
const PAGE = 65536;
/** One page short of 4 GiB, so that the end of a block never wraps to 0. */
const MOST_PAGES = 65535;
/** The module's static data, if any, lies below this. */
const BASE = 4096;

interface Span {
  at: number;
  size: number;
}

export class Heap {
  readonly memory: WasmMemory;
  readonly word: 4 | 8;
  /** Rows of the kernels' register tiles, known once they are there. */
  tileRows = 0;
  /** Bytes that are held elsewhere under the same limit. */
  beside: () => number = () => 0;
  #free: Span[] = [];
  #sizes = new Map<number, number>();
  #end = BASE;
  #used = 0;
  #closed = false;
  #words = new Uint32Array(0);
  #doubles = new Float64Array(0);

  constructor(
    dtype: "f32" | "f64",
    readonly limit: number,
    /** Bytes of attention probabilities that one linearization may keep. */
    readonly scoreBudget: number,
    /** Whether other threads may work in the memory. */
    readonly shared = false,
  ) {
    this.word = dtype === "f32" ? 4 : 8;
    this.memory = new (webAssembly().Memory)({ initial: 1, maximum: MOST_PAGES, shared });
  }

  get used(): number {
    return this.#used;
  }

  /** Bytes at an address that is a multiple of 64; `what` names them should they not be there. */
  allocate(bytes: number, what: string): number {
    if (this.#closed) throw new DeviceError("this runtime was disposed of; make a new one");
    const size = Math.max(ALIGNMENT, Math.ceil(bytes / ALIGNMENT) * ALIGNMENT);
    const most = Math.min(this.limit - this.beside(), MOST_PAGES * PAGE);
    if (this.#used + size > most) throw new OutOfMemoryError(what, this.#used + size, most);
    const found = this.#free.findIndex((span) => span.size >= size);
    let at = this.#end;
    if (found >= 0) {
      const span = this.#free[found];
      at = span.at;
      span.at += size;
      span.size -= size;
      if (span.size === 0) this.#free.splice(found, 1);
    } else {
      const last = this.#free.at(-1);
      if (last && last.at + last.size === this.#end) at = last.at;
      this.#grow(at + size, what);
      if (at !== this.#end) this.#free.pop();
      this.#end = at + size;
    }
    this.#sizes.set(at, size);
    this.#used += size;
    return at;
  }

  free(at: number): void {
    const size = this.#sizes.get(at);
    if (size === undefined) return;
    this.#sizes.delete(at);
    this.#used -= size;
    let index = this.#free.findIndex((span) => span.at > at);
    if (index < 0) index = this.#free.length;
    const before = this.#free[index - 1];
    const after = this.#free[index];
    const joinsBefore = before !== undefined && before.at + before.size === at;
    const joinsAfter = after !== undefined && at + size === after.at;
    if (joinsBefore && joinsAfter) {
      before.size += size + after.size;
      this.#free.splice(index, 1);
    } else if (joinsBefore) before.size += size;
    else if (joinsAfter) {
      after.at = at;
      after.size += size;
    } else this.#free.splice(index, 0, { at, size });
  }

  /** Frees everything at once, and for good. */
  close(): void {
    this.#closed = true;
    this.#free = [];
    this.#sizes.clear();
    this.#used = 0;
  }

  /** A fresh view of `count` numbers; growth of the memory makes older views useless. */
  reals(at: number, count: number): RealArray {
    return this.word === 4
      ? new Float32Array(this.memory.buffer, at, count)
      : new Float64Array(this.memory.buffer, at, count);
  }

  /** The memory as words, for a few of them; made anew only when the memory has grown. */
  get words(): Uint32Array {
    if (this.#words.buffer !== this.memory.buffer) this.#words = new Uint32Array(this.memory.buffer);
    return this.#words;
  }

  /** The same as doubles. */
  get doubles(): Float64Array {
    if (this.#doubles.buffer !== this.memory.buffer) this.#doubles = new Float64Array(this.memory.buffer);
    return this.#doubles;
  }

  #grow(end: number, what: string): void {
    const missing = Math.ceil(end / PAGE) - this.memory.buffer.byteLength / PAGE;
    if (missing <= 0) return;
    const most = Math.min(this.limit, MOST_PAGES * PAGE);
    if (end > MOST_PAGES * PAGE) throw new OutOfMemoryError(what, end, most, " (and the memory is fragmented)");
    try {
      this.memory.grow(missing);
    } catch {
      throw new OutOfMemoryError(what, end, this.memory.buffer.byteLength, " (the runtime refuses to grow its memory)");
    }
  }
}

/** Blocks that live and die together. */
export class Region {
  #blocks: number[] = [];

  constructor(readonly heap: Heap) {}

  bytes(count: number, what: string): number {
    const at = this.heap.allocate(count, what);
    this.#blocks.push(at);
    return at;
  }

  reals(count: number, what: string): number {
    return this.bytes(count * this.heap.word, what);
  }

  /** Takes over another region's blocks. */
  adopt(other: Region): void {
    this.#blocks.push(...other.#blocks);
    other.#blocks = [];
  }

  free(): void {
    for (const at of this.#blocks) this.heap.free(at);
    this.#blocks = [];
  }
}

/** Runs `use` with a region that is freed afterwards, whatever happens. */
export function borrow<T>(heap: Heap, use: (region: Region) => T): T {
  const region = new Region(heap);
  try {
    return use(region);
  } finally {
    region.free();
  }
}

// Basis vectors on the GPU, several to a buffer, allocated as they come.
import { sizeOf } from "../../base/tensor.js";
import type { Basis, Vector } from "../device.js";
import type { Batch } from "./batch.js";
import { type Region, range, type View } from "./memory.js";
import { MOST_COEFFICIENTS } from "./vectors.js";

/** Words that a vector's start must be a multiple of to be bound: 256 bytes. */
const ALIGNMENT = 64;
/** Bytes of one buffer, unless a single vector has more. */
const BLOCK_BYTES = 2 ** 26;

/** A vector on the GPU. */
export interface GpuVector extends Vector {
  readonly view: View;
}

/** What a basis asks of its device. */
interface Copier {
  copyViews(from: View, to: View): void;
}

/** Some vectors of a basis, side by side in one buffer. */
export interface Block {
  readonly view: View;
  /** Number of its first vector in the basis, and of those to use. */
  readonly first: number;
  readonly count: number;
  /** Words from one vector to the next. */
  readonly stride: number;
}

export class GpuBasis implements Basis<GpuVector> {
  readonly #device: Copier;
  readonly #region: Region;
  readonly #most: number;
  readonly #what: string;
  readonly #length: number;
  readonly #stride: number;
  readonly #perBlock: number;
  #blocks: View[] = [];
  #vectors: GpuVector[] = [];
  #coefficients?: View;
  #partials?: View;
  #spare?: View;

  constructor(
    device: Copier,
    region: Region,
    readonly shape: readonly number[],
    most: number,
    what: string,
  ) {
    this.#device = device;
    this.#region = region;
    this.#most = most;
    this.#what = what;
    this.#length = sizeOf(shape);
    this.#stride = Math.ceil(this.#length / ALIGNMENT) * ALIGNMENT;
    const fitting = Math.floor(BLOCK_BYTES / (4 * this.#stride));
    this.#perBlock = Math.max(1, Math.min(fitting, most, MOST_COEFFICIENTS, 16));
  }

  get size(): number {
    return this.#vectors.length;
  }

  at(k: number): GpuVector {
    if (k === this.#vectors.length) {
      const block = Math.floor(k / this.#perBlock);
      if (block === this.#blocks.length) {
        this.#blocks.push(this.#region.words(this.#perBlock * this.#stride, this.#what));
      }
      const view = range(this.#blocks[block], (k % this.#perBlock) * this.#stride, this.#length);
      this.#vectors.push({ shape: this.shape, view });
    }
    return this.#vectors[k];
  }

  /** By copies, so that the vectors of a block stay in order. */
  swap(i: number, k: number): void {
    if (i === k) return;
    const [a, b] = [this.#vectors[i].view, this.#vectors[k].view];
    const spare = this.spare();
    this.#device.copyViews(a, spare);
    this.#device.copyViews(b, a);
    this.#device.copyViews(spare, b);
  }

  clear(): void {
    if (this.#blocks.length > 0) this.#region.drop(this.#blocks);
    this.#blocks = [];
    this.#vectors = [];
  }

  /** The first `count` vectors. */
  blocks(count: number): Block[] {
    return this.#blocks
      .map((view, index) => {
        const first = index * this.#perBlock;
        return { view, first, count: Math.min(this.#perBlock, count - first), stride: this.#stride };
      })
      .filter((block) => block.count > 0);
  }

  /** Room for the dot products with all vectors, and for as many segments of each. */
  products(segments: number): { coefficients: View; partials: View } {
    this.#coefficients ??= this.#region.words(this.#most, this.#what);
    this.#partials ??= this.#region.words(this.#most * segments, this.#what);
    return { coefficients: this.#coefficients, partials: this.#partials };
  }

  /** Coefficients of the first vectors, on the GPU. */
  weigh(batch: Batch, given: Float64Array): View {
    this.#coefficients ??= this.#region.words(this.#most, this.#what);
    batch.write(this.#coefficients, new Float32Array(given));
    return this.#coefficients;
  }

  /** Room for one vector. */
  spare(): View {
    this.#spare ??= this.#region.words(this.#length, this.#what);
    return this.#spare;
  }
}

// Basis vectors on the GPU, several to a buffer, allocated as they come.
import { type Region, range, type View } from "./memory.js";
import { type Block, MOST_COEFFICIENTS } from "./vectors.js";

/** Words that a vector's start must be a multiple of to be bound: 256 bytes. */
const ALIGNMENT = 64;
/** Bytes of one buffer, unless a single vector has more. */
const BLOCK_BYTES = 2 ** 26;

export class Basis {
  readonly #region: Region;
  readonly #length: number;
  readonly #stride: number;
  readonly #perBlock: number;
  #blocks: View[] = [];

  constructor(region: Region, length: number, most: number) {
    this.#region = region;
    this.#length = length;
    this.#stride = Math.ceil(length / ALIGNMENT) * ALIGNMENT;
    const fitting = Math.floor(BLOCK_BYTES / (4 * this.#stride));
    this.#perBlock = Math.max(1, Math.min(fitting, most, MOST_COEFFICIENTS, 16));
  }

  /** Vector k, zero at first; makes room for it. */
  vector(k: number): View {
    const block = Math.floor(k / this.#perBlock);
    while (this.#blocks.length <= block) {
      this.#blocks.push(this.#region.words(this.#perBlock * this.#stride, "the Krylov basis"));
    }
    return range(this.#blocks[block], (k % this.#perBlock) * this.#stride, this.#length);
  }

  /** Gives all vectors up. */
  free(): void {
    for (const block of this.#blocks) this.#region.release(block);
    this.#blocks = [];
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
}

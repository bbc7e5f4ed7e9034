// Weights of eight bits with the scales that stand beside them: one for a tensor, for each row, or for each block.
import { ModelError } from "../../base/errors.js";
import { type Tensor, tensor } from "../../base/tensor.js";
import type { StoredWeights } from "../forward/weights.js";
import { isEightBitFloat } from "./dtype.js";
import { excerptOfShape } from "./excerpt.js";

/** DeepSeek's (which multiplies, whatever its name), and that of compressed-tensors, FBGEMM and others. */
const suffixes = ["_scale_inv", "_scale"];

/** Rows and columns of a block where quantization_config doesn't say. */
const usualBlock = [128, 128] as const;

export class ScaledWeights implements StoredWeights {
  readonly #inner: StoredWeights;
  readonly #block: readonly [number, number];

  constructor(inner: StoredWeights, block: readonly [number, number] = usualBlock) {
    this.#inner = inner;
    this.#block = block;
  }

  has(name: string): boolean {
    return this.#inner.has(name);
  }

  names(): Iterable<string> {
    return this.#inner.names();
  }

  dtype(name: string): string | undefined {
    return this.#inner.dtype(name);
  }

  shape(name: string): readonly number[] | undefined {
    return this.#inner.shape(name);
  }

  require(name: string, shape: readonly number[]): void {
    this.#inner.require(name, shape);
    const scale = this.#scaleOf(name);
    if (!scale) return;
    const stored = this.#inner.shape(scale)!;
    this.#inner.require(scale, stored);
    const [rows, columns = 1] = shape;
    const blocks = [Math.ceil(rows / this.#block[0]), Math.ceil(columns / this.#block[1])];
    const extents = stored.join(", ");
    if (!["", "1", "1, 1", `${rows}`, `${rows}, 1`, blocks.join(", ")].includes(extents)) {
      throw new ModelError(
        `tensor "${scale}": expected one scale, one a row, or one a block of ${this.#block.join(" × ")} ` +
          `(quantization_config.weight_block_size) of [${shape.join(", ")}], got ${excerptOfShape(stored)}`,
      );
    }
  }

  async tensor(name: string): Promise<Tensor> {
    const { data, shape } = await this.#inner.tensor(name);
    const factor = await this.#factors(name);
    if (!factor) return tensor(data, shape);
    const columns = shape.length > 1 ? data.length / shape[0] : 1;
    const scaled = Float64Array.from(data, (x, at) => x * factor(Math.floor(at / columns), at % columns));
    return tensor(scaled, shape);
  }

  async rows(name: string, ids: readonly number[]): Promise<Tensor> {
    const { data, shape } = await this.#inner.rows(name, ids);
    const factor = await this.#factors(name);
    if (!factor) return tensor(data, shape);
    const columns = shape[1];
    const scaled = Float64Array.from(data, (x, at) => x * factor(ids[Math.floor(at / columns)], at % columns));
    return tensor(scaled, shape);
  }

  /** The scale of an element. */
  async #factors(name: string): Promise<((row: number, column: number) => number) | undefined> {
    const scale = this.#scaleOf(name);
    if (!scale) return undefined;
    const { data, shape } = await this.#inner.tensor(scale);
    if (data.length === 1) return () => data[0];
    if (data.length === this.#inner.shape(name)![0] && (shape.length < 2 || shape[1] === 1)) return (row) => data[row];
    const [height, width] = this.#block;
    return (row, column) => data[Math.floor(row / height) * shape[1] + Math.floor(column / width)];
  }

  #scaleOf(name: string): string | undefined {
    if (!isEightBitFloat(this.#inner.dtype(name) ?? "")) return undefined;
    return suffixes.map((suffix) => name + suffix).find((scale) => this.#inner.has(scale));
  }
}

// The tensors of a GGUF file under Hugging Face's names, dequantised when they are read.
import { firstNonFinite } from "../../base/check.js";
import { ModelError } from "../../base/errors.js";
import { type Tensor, tensor } from "../../base/tensor.js";
import { excerptOfShape } from "../checkpoint/excerpt.js";
import { type FileSource, locate } from "../files/source.js";
import type { StoredWeights } from "../forward/weights.js";
import { dequantise, formats } from "./dequantise.js";
import type { GgufEntry, GgufHeader } from "./header.js";

/** How the file names and orders what Hugging Face has. */
export interface GgufNaming {
  /** The file's name of a tensor; undefined where it has none. */
  nameOf(name: string): string | undefined;
  /** Heads of a map whose rows are permuted for pairs side by side (llama.cpp's Llama), by Hugging Face's name. */
  permuted(name: string): number | undefined;
}

export class GgufWeights implements StoredWeights {
  constructor(
    readonly source: FileSource,
    readonly file: string,
    readonly header: GgufHeader,
    readonly naming: GgufNaming,
  ) {}

  has(name: string): boolean {
    return this.#find(name) !== undefined;
  }

  names(): Iterable<string> {
    return this.header.entries.keys();
  }

  dtype(name: string): string | undefined {
    const entry = this.#find(name);
    return entry && (formats.get(entry.type)?.name ?? `type ${entry.type}`);
  }

  shape(name: string): readonly number[] | undefined {
    return this.#find(name)?.shape;
  }

  require(name: string, shape: readonly number[]): void {
    const entry = this.#entry(name);
    if (!formats.has(entry.type)) {
      const known = [...formats.values()].map((format) => format.name).join(", ");
      throw this.#fail(name, `stored as ggml type ${entry.type}; this reader takes ${known}`);
    }
    if (entry.shape.length !== shape.length || entry.shape.some((extent, axis) => extent !== shape[axis])) {
      throw this.#fail(
        name,
        `expected shape [${shape.join(", ")}] by the file's metadata, got ${excerptOfShape(entry.shape)}`,
      );
    }
    const { elements } = formats.get(entry.type)!;
    if (shape[shape.length - 1] % elements !== 0) {
      throw this.#fail(name, `rows of ${shape[shape.length - 1]} elements, no multiple of ${elements}; it is damaged`);
    }
  }

  async tensor(name: string): Promise<Tensor> {
    const entry = this.#entry(name);
    const data = await this.#numbers(name, entry, entry.begin, entry.end, 0);
    const heads = this.naming.permuted(name);
    return tensor(heads === undefined ? data : unpermuted(data, entry.shape, heads), [...entry.shape]);
  }

  async rows(name: string, ids: readonly number[]): Promise<Tensor> {
    const entry = this.#entry(name);
    const [rows, width] = entry.shape;
    const bytes = (entry.end - entry.begin) / rows;
    const data = new Float32Array(ids.length * width);
    const reading = ids.map((id) => {
      const begin = entry.begin + id * bytes;
      return this.#numbers(name, entry, begin, begin + bytes, id * width);
    });
    for (const [at, row] of (await Promise.all(reading)).entries()) data.set(row, at * width);
    return tensor(data, [ids.length, width]);
  }

  async #numbers(name: string, { type, shape }: GgufEntry, begin: number, end: number, offset: number) {
    const data = dequantise(formats.get(type)!, await this.source.read(this.file, begin, end));
    const bad = firstNonFinite(data, shape, offset);
    if (bad) throw this.#fail(name, `expected finite numbers, got ${bad.value} at [${bad.index.join(", ")}]`);
    return data;
  }

  #find(name: string): GgufEntry | undefined {
    const own = this.naming.nameOf(name);
    return own === undefined ? undefined : this.header.entries.get(own);
  }

  #entry(name: string): GgufEntry {
    const entry = this.#find(name);
    if (!entry) throw this.#fail(name, `missing; the file holds ${this.header.entries.size} others`);
    return entry;
  }

  #fail(name: string, problem: string): ModelError {
    const own = this.naming.nameOf(name) ?? name;
    return new ModelError(`${locate(this.source, this.file)}: tensor "${own}": ${problem}`, this.file);
  }
}

/** Of each head, rows 2i and 2i + 1 are rows i and i + half of Hugging Face's. */
function unpermuted(data: Float32Array, shape: readonly number[], heads: number): Float32Array {
  const width = data.length / shape[0];
  const size = shape[0] / heads;
  const turned = new Float32Array(data.length);
  for (let row = 0; row < shape[0]; row++) {
    const inHead = row % size;
    const from = row - inHead + (inHead < size / 2 ? 2 * inHead : 2 * (inHead - size / 2) + 1);
    turned.set(data.subarray(from * width, (from + 1) * width), row * width);
  }
  return turned;
}

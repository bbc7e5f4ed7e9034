// WebAssembly as a device: vectors are panels of tokens in the kernels' memory, a command is a call that is done when it
// returns. Under threads the team shares those that are worth it (threads.ts); the bits are those of one thread.
import { Held } from "../../base/disposable.js";
import type { RealArray } from "../../base/tensor.js";
import type { Basis, Device, Lease, Scalars, Vector } from "../device.js";
import type { Doubles } from "./doubles.js";
import { borrow, type Heap, Region } from "./heap.js";
import type { Kernels } from "./kernels.js";
import { BASIS, panelSize, readPanels, writePanels, writeStruct } from "./layout.js";

/** [n, d] in panels, unused lanes zero. */
export interface WasmVector extends Vector {
  readonly at: number;
  /** Numbers in panels. */
  readonly count: number;
}

interface WasmScalars extends Scalars {
  readonly at: number;
}

/** Numbers that the kernels handle at a time (assembly/vectors.ts). */
const CHUNK = 2048;

export class WasmDevice implements Device<WasmVector> {
  readonly name = "wasm";
  readonly dtype: "f32" | "f64";

  constructor(
    readonly kernels: Kernels,
    readonly heap: Heap,
    /** Of f32. */
    readonly doubles?: Doubles,
  ) {
    this.dtype = heap.word === 4 ? "f32" : "f64";
  }

  bytesOf([n, d]: readonly number[]): number {
    return panelSize(this.heap, n, d) * this.heap.word;
  }

  lease(): WasmLease {
    return new WasmLease(this);
  }

  write({ at, shape }: WasmVector, data: ArrayLike<number>, factor?: number): void {
    writePanels(this.heap, at, data, shape[0], shape[1], factor);
  }

  async read({ at, shape }: WasmVector): Promise<RealArray> {
    return readPanels(this.heap, at, shape[0], shape[1]);
  }

  async results(scalars: Scalars): Promise<Float64Array> {
    const first = (scalars as WasmScalars).at / 8;
    return this.heap.doubles.slice(first, first + scalars.count);
  }

  clear({ at, count }: WasmVector): void {
    this.kernels.clear(count, at);
  }

  copy(from: WasmVector, to: WasmVector): void {
    this.kernels.copy(from.count, from.at, to.at);
  }

  add(factor: number, from: WasmVector, to: WasmVector): void {
    this.kernels.add(to.count, factor, from.at, to.at);
  }

  multiply(a: WasmVector, b: WasmVector, to: WasmVector): void {
    this.kernels.multiplyElements(to.count, a.at, b.at, to.at);
  }

  orthonormalize(
    basis: Basis<WasmVector>,
    count: number,
    along: number | undefined,
    w: WasmVector,
    scalars: Scalars,
    slot: number,
  ): void {
    const known = along === undefined ? 0 : scalarAt(scalars, along);
    this.kernels.orthonormalizeAgainst((basis as WasmBasis).struct, count, known, w.at, scalarAt(scalars, slot));
  }

  normalize(w: WasmVector, scalars: Scalars, slot: number): void {
    this.kernels.normalizeInto(w.count, w.at, scalarAt(scalars, slot));
  }

  distance(x: WasmVector, factor: number, y: WasmVector, scalars: Scalars, slot: number): void {
    this.kernels.distanceInto(x.count, x.at, scalarAt(scalars, factor), y.at, scalarAt(scalars, slot));
  }

  combine(basis: Basis<WasmVector>, coefficients: Float64Array, to: WasmVector): void {
    const { struct } = (basis as WasmBasis).weigh(coefficients);
    this.kernels.combineBasis(struct, coefficients.length, to.at);
  }

  reflect(basis: Basis<WasmVector>, g: Float64Array): void {
    borrow(this.heap, (work) => {
      const chunk = work.reals(CHUNK, "a restart of the Krylov basis");
      const { struct } = (basis as WasmBasis).weigh(g);
      this.kernels.reflectBasis(struct, g.length, chunk);
    });
  }
}

function scalarAt(scalars: Scalars, slot: number): number {
  return (scalars as WasmScalars).at + 8 * slot;
}

export class WasmLease extends Held implements Lease<WasmVector> {
  /** Blocks for what is neither a vector nor a number. */
  readonly region: Region;
  #bases?: WasmBasis[];
  #ends?: (() => void)[];

  constructor(readonly device: WasmDevice) {
    super();
    this.region = new Region(device.heap);
  }

  vector(shape: readonly number[], what: string): WasmVector {
    const { heap, kernels } = this.device;
    const count = panelSize(heap, shape[0], shape[1]);
    const at = this.region.reals(count, what);
    kernels.clear(count, at);
    return { shape, at, count };
  }

  basis(shape: readonly number[], most: number, what: string): WasmBasis {
    const basis = new WasmBasis(this.region, shape, most, what);
    this.#bases ??= [];
    this.#bases.push(basis);
    return basis;
  }

  scalars(count: number, what: string): WasmScalars {
    const at = this.region.bytes(8 * count, what);
    this.device.heap.doubles.fill(0, at / 8, at / 8 + count);
    return { count, at };
  }

  atEnd(end: () => void): void {
    this.#ends ??= [];
    this.#ends.push(end);
  }

  dispose(): void {
    const [bases, ends] = [this.#bases, this.#ends];
    this.#bases = undefined;
    this.#ends = undefined;
    if (bases) for (const basis of bases) basis.clear();
    this.region.free();
    if (ends) for (const end of ends) end();
  }
}

class WasmBasis implements Basis<WasmVector> {
  /** The kernels' structure. */
  readonly struct: number;
  readonly #heap: Heap;
  /** Of the vectors, which may be given up before the table. */
  readonly #region: Region;
  readonly #count: number;
  readonly #table: number;
  readonly #coefficients: number;
  readonly #vectors: WasmVector[] = [];

  constructor(
    region: Region,
    readonly shape: readonly number[],
    most: number,
    readonly what: string,
  ) {
    const { heap } = region;
    this.#heap = heap;
    this.#region = new Region(heap);
    this.#count = panelSize(heap, shape[0], shape[1]);
    this.struct = region.bytes(BASIS.bytes, what);
    this.#table = region.bytes(4 * most, what);
    this.#coefficients = region.bytes(8 * most, what);
    const [size, vectors, coefficients] = [this.#count, this.#table, this.#coefficients];
    writeStruct(heap, this.struct, BASIS, { size, vectors, coefficients });
  }

  get size(): number {
    return this.#vectors.length;
  }

  at(k: number): WasmVector {
    if (k === this.#vectors.length) {
      const at = this.#region.reals(this.#count, this.what);
      this.#vectors.push({ shape: this.shape, at, count: this.#count });
      this.#enter(k);
    }
    return this.#vectors[k];
  }

  swap(i: number, k: number): void {
    const vectors = this.#vectors;
    [vectors[i], vectors[k]] = [vectors[k], vectors[i]];
    this.#enter(i);
    this.#enter(k);
  }

  clear(): void {
    this.#region.free();
    this.#vectors.length = 0;
  }

  /** Hands coefficients of the first vectors to the kernels. */
  weigh(coefficients: Float64Array): this {
    this.#heap.doubles.set(coefficients, this.#coefficients / 8);
    return this;
  }

  #enter(k: number): void {
    this.#heap.words[this.#table / 4 + k] = this.#vectors[k].at;
  }
}

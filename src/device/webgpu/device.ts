// WebGPU as a device: vectors are ranges of buffers, row-major, and commands are recorded; reading something sends them
// in one submit.
import { Held } from "../../base/disposable.js";
import { sizeOf } from "../../base/tensor.js";
import type { Basis, Device, Lease, Scalars } from "../device.js";

import type { Doubles } from "../wasm/doubles.js";
import { GpuBasis, type GpuVector } from "./basis.js";

import type { Batch } from "./batch.js";
import type { Gpu } from "./gpu.js";
import { bitsOf, type Region, range, type View } from "./memory.js";
import {
  ADD,
  ADD_MULTIPLES,
  COPY,
  chunksOf,
  DIFFERENCE,
  DIVIDE_BY_LARGEST,
  DOTS,
  FOLD,
  LARGEST,
  MOST_SEGMENTS,
  MULTIPLY_BY,
  MULTIPLY_ELEMENTS,
  NORMALIZE,
  SCALE_ROOT,
  SQUARES,
  SUBTRACT_OUTER,
  segmentsOf,
} from "./vectors.js";

export type { GpuVector } from "./basis.js";

interface GpuScalars extends Scalars {
  /** Pairs (a, b) of a·√b. */
  readonly view: View;
  /** Of the segments of two vectors' norms. */
  readonly partials: View;
}

/** A remainder below this share of the vector it was taken from is rounding, not a direction. */
const NEGLIGIBLE = 1e-6;

export class WebGpuDevice implements Device<GpuVector> {
  readonly name = "webgpu";
  readonly dtype = "f32";

  constructor(
    readonly gpu: Gpu,
    /** Where layers have their copies in f64: on the CPU. */
    readonly doubles: Doubles,
  ) {}

  get batch(): Batch {
    return this.gpu.batch;
  }

  bytesOf(shape: readonly number[]): number {
    return 4 * sizeOf(shape);
  }

  lease(): GpuLease {
    return new GpuLease(this);
  }

  write({ view, shape }: GpuVector, data: ArrayLike<number>, factor = 1): void {
    const words = new Float32Array(sizeOf(shape));
    for (let i = 0; i < words.length; i++) words[i] = factor * data[i];
    this.batch.write(view, words);
  }

  async read({ view }: GpuVector): Promise<Float32Array> {
    const [data] = await this.gpu.flush([view]);
    return data;
  }

  async results(scalars: Scalars): Promise<Float64Array> {
    const [pairs] = await this.gpu.flush([(scalars as GpuScalars).view]);
    const values = new Float64Array(scalars.count);
    for (let i = 0; i < values.length; i++) values[i] = pairs[2 * i] * Math.sqrt(pairs[2 * i + 1]);
    return values;
  }

  clear({ view }: GpuVector): void {
    this.batch.clear(view);
  }

  copy(from: GpuVector, to: GpuVector): void {
    this.copyViews(from.view, to.view);
  }

  add(factor: number, { view: x }: GpuVector, { view: to }: GpuVector): void {
    const length = to.size / 4;
    this.batch.dispatch(ADD, chunksOf(length), { x, to }, { length, factorBits: bitsOf(factor) });
  }

  multiply({ view: a }: GpuVector, { view: b }: GpuVector, { view: to }: GpuVector): void {
    const length = to.size / 4;
    const other = sameView(a, to) ? b : sameView(b, to) ? a : undefined;
    if (other) this.batch.dispatch(MULTIPLY_BY, chunksOf(length), { a: other, to }, { length });
    else this.batch.dispatch(MULTIPLY_ELEMENTS, chunksOf(length), { a, b, to }, { length });
  }

  orthonormalize(
    basis: Basis<GpuVector>,
    count: number,
    _along: number | undefined,
    { view: w }: GpuVector,
    scalars: Scalars,
    slot: number,
  ): void {
    const own = basis as GpuBasis;
    const length = w.size / 4;
    const segments = segmentsOf(length);
    this.#normalize(w, scalars, slot, count > 0 ? NEGLIGIBLE : 0, () => {
      // Two block products, w −= V Vᵀ w, twice.
      for (let pass = 0; count > 0 && pass < 2; pass++) {
        const { coefficients, partials } = own.products(segments);
        for (const { view, first, count: some, stride } of own.blocks(count)) {
          const sizes = { length, segments, stride, first };
          this.batch.dispatch(DOTS, [segments, some], { basis: view, w, partials }, sizes);
        }
        this.batch.dispatch(FOLD, [count], { partials, coefficients }, { segments });
        this.#addMultiples(own, count, coefficients, w, true);
      }
    });
  }

  normalize({ view }: GpuVector, scalars: Scalars, slot: number): void {
    this.#normalize(view, scalars, slot, 0, () => undefined);
  }

  distance({ view: x }: GpuVector, factor: number, { view: y }: GpuVector, scalars: Scalars, slot: number): void {
    const { view, partials } = scalars as GpuScalars;
    const length = x.size / 4;
    const segments = segmentsOf(length);
    this.batch.dispatch(DIFFERENCE, [segments], { x, y, scalars: view, partials }, { length, segments, factor });
    this.batch.dispatch(SCALE_ROOT, [1], { partials, scalars: view }, { segments, factor, slot });
  }

  combine(basis: Basis<GpuVector>, coefficients: Float64Array, { view: to }: GpuVector): void {
    const own = basis as GpuBasis;
    const given = own.weigh(this.batch, coefficients);
    this.batch.clear(to);
    this.#addMultiples(own, coefficients.length, given, to, false);
  }

  reflect(basis: Basis<GpuVector>, g: Float64Array): void {
    const own = basis as GpuBasis;
    const sum = own.spare();
    const given = own.weigh(this.batch, g);
    this.batch.clear(sum);
    this.#addMultiples(own, g.length, given, sum, false);
    const length = sum.size / 4;
    const [x, y = 1] = chunksOf(length);
    for (const { view, first, count, stride } of own.blocks(g.length)) {
      const views = { x: sum, coefficients: given, basis: view };
      this.batch.dispatch(SUBTRACT_OUTER, [x, y, count], views, { length, stride, first });
    }
  }

  copyViews(from: View, to: View): void {
    if (from.buffer !== to.buffer) this.batch.copy(from, to);
    else if (from.offset !== to.offset) {
      const length = Math.min(from.size, to.size) / 4;
      this.batch.dispatch(COPY, chunksOf(length), { x: from, to }, { length });
    }
  }

  /** Makes w a unit vector after `between` has taken parts of it away, or zero if that left at most `floor` of it. */
  #normalize(w: View, scalars: Scalars, slot: number, floor: number, between: () => void): void {
    const { view, partials } = scalars as GpuScalars;
    const length = w.size / 4;
    const segments = segmentsOf(length);
    const sizes = { length, segments, slot };
    this.batch.dispatch(LARGEST, [segments], { w, partials }, { ...sizes, first: 0 });
    this.batch.dispatch(DIVIDE_BY_LARGEST, chunksOf(length), { partials, w, scalars: view }, sizes);
    this.batch.dispatch(SQUARES, [segments], { w, partials }, { ...sizes, first: 0 });
    between();
    this.batch.dispatch(SQUARES, [segments], { w, partials }, { ...sizes, first: segments });
    const floorBits = bitsOf(floor ** 2);
    this.batch.dispatch(NORMALIZE, chunksOf(length), { partials, w, scalars: view }, { ...sizes, floorBits });
  }

  #addMultiples(basis: GpuBasis, count: number, coefficients: View, w: View, subtract: boolean): void {
    const length = w.size / 4;
    for (const { view, first, count: some, stride } of basis.blocks(count)) {
      const sizes = { length, stride, first, count: some, subtract: subtract ? 1 : 0 };
      // No more of the block than is read where w follows it in the same buffer.
      const read = view.buffer === w.buffer ? range(view, 0, some * stride) : view;
      this.batch.dispatch(ADD_MULTIPLES, chunksOf(length), { basis: read, coefficients, w }, sizes);
    }
  }
}

export class GpuLease extends Held implements Lease<GpuVector> {
  /** Buffers for what is neither a vector nor a scalar. */
  readonly region: Region;
  readonly #ends: (() => void)[] = [];

  constructor(readonly device: WebGpuDevice) {
    super();
    this.region = device.gpu.region();
  }

  vector(shape: readonly number[], what: string): GpuVector {
    return { shape, view: this.region.words(sizeOf(shape), what) };
  }

  basis(shape: readonly number[], most: number, what: string): GpuBasis {
    return new GpuBasis(this.device, this.region, shape, most, what);
  }

  scalars(count: number, what: string): GpuScalars {
    const view = this.region.words(2 * count, what);
    return { count, view, partials: this.region.words(2 * MOST_SEGMENTS, what) };
  }

  atEnd(end: () => void): void {
    this.#ends.push(end);
  }

  dispose(): void {
    this.region.free();
    for (const end of this.#ends.splice(0)) end();
  }
}

function sameView(a: View, b: View): boolean {
  return a.buffer === b.buffer && a.offset === b.offset;
}

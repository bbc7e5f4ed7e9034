// The solvers' step body on the WebAssembly device: one call into the kernels a step, vectors never copied out.
import { checkFinite } from "../../base/check.js";
import { type Tensor, tensor } from "../../base/tensor.js";
import type { KrylovOptions, KrylovSpace } from "../../spectral/krylov.js";
import { borrow, Region } from "./heap.js";
import type { Kernels } from "./kernels.js";
import { KRYLOV, panelSize, readField, readPanels, tileColumns, writePanels, writeStruct } from "./layout.js";
import type { Lockstep } from "./lockstep.js";

/** Numbers that the kernels handle at a time (assembly/vectors.ts). */
const CHUNK = 2048;

export class WasmKrylovSpace implements KrylovSpace {
  readonly domainSize: number;
  readonly rangeSize: number;
  readonly vectorBytes: { readonly domain: number; readonly range: number };
  readonly dtype: "f32" | "f64";
  readonly #kernels: Kernels;
  readonly #region: Region;
  /** The vectors of the range, which may be given up before the others. */
  readonly #rangeRegion: Region;
  readonly #primal: number;
  readonly #transposed: boolean;
  readonly #domain: number[];
  readonly #range: number[];
  readonly #at: number;
  readonly #coefficients: number;
  readonly #release: () => void;
  readonly #lockstep?: Lockstep;
  /** Addresses of the vectors, and of the tables that the kernels read them from. */
  readonly #vs: number[] = [];
  readonly #us: number[] = [];
  readonly #vTable: number;
  readonly #uTable: number;
  #disposed = false;

  constructor(
    kernels: Kernels,
    region: Region,
    primal: number,
    shapes: { readonly inShape: number[]; readonly outShape: number[] },
    options: KrylovOptions,
    readonly roundoff: number,
    release: () => void,
    lockstep?: Lockstep,
  ) {
    const { heap } = region;
    this.#kernels = kernels;
    this.#region = region;
    this.#rangeRegion = new Region(heap);
    this.#primal = primal;
    this.#transposed = options.transposed;
    this.#release = release;
    this.#lockstep = lockstep;
    this.#domain = options.transposed ? shapes.outShape : shapes.inShape;
    this.#range = options.transposed ? shapes.inShape : shapes.outShape;
    this.domainSize = this.#domain[0] * this.#domain[1];
    this.rangeSize = this.#range[0] * this.#range[1];
    this.vectorBytes = {
      domain: this.#sizeOf(this.#domain) * heap.word,
      range: this.#sizeOf(this.#range) * heap.word,
    };
    this.dtype = heap.word === 4 ? "f32" : "f64";
    this.#at = region.bytes(KRYLOV.bytes, "a Krylov space");
    this.#vTable = region.bytes((options.maxSteps + 1) * 4, "a Krylov space");
    this.#uTable = region.bytes((options.maxSteps + 1) * 4, "a Krylov space");
    this.#coefficients = region.bytes((options.maxSteps + 1) * 8, "a Krylov space");
  }

  async begin(start: Float64Array): Promise<void> {
    const { heap } = this.#region;
    let squares = 0;
    for (const value of start) squares += value * value;
    this.#ensure(0, 1);
    writePanels(heap, this.#vs[0], start, this.#domain[0], this.#domain[1], 1 / Math.sqrt(squares));
    this.#kernels.normalize(this.#sizeOf(this.#domain), this.#vs[0], 0);
    writeStruct(heap, this.#at, KRYLOV, {
      primal: this.#primal,
      transposed: this.#transposed ? 1 : 0,
      domain: this.#sizeOf(this.#domain),
      range: this.#sizeOf(this.#range),
      vs: this.#vTable,
      us: this.#uTable,
      coefficients: this.#coefficients,
    });
  }

  async bidiagonalize(k: number): Promise<{ alpha: number; beta: number }> {
    this.#ensure(k + 1, k + 2);
    if (this.#lockstep) await this.#lockstep.step(this.#at, k, this.#transposed, this.#panels());
    else this.#kernels.bidiagonalize(this.#at, k);
    return { alpha: this.#read(":alpha"), beta: this.#read(":beta") };
  }

  async tridiagonalize(k: number): Promise<{ alpha: number; beta: number }> {
    if (this.#us.length > 1) this.#giveUpRange();
    this.#ensure(1, k + 2);
    this.#kernels.tridiagonalize(this.#at, k);
    return { alpha: this.#read(":alpha"), beta: this.#read(":beta") };
  }

  async restart(reflections: readonly Float64Array[], size: number, kept: number): Promise<void> {
    const { heap } = this.#region;
    borrow(heap, (work) => {
      const chunk = work.reals(CHUNK, "a restart of the Krylov basis");
      for (const g of reflections) {
        this.#writeCoefficients(g);
        this.#kernels.reflect(this.#sizeOf(this.#domain), this.#vTable, g.length, this.#coefficients, chunk);
      }
    });
    [this.#vs[kept], this.#vs[size]] = [this.#vs[size], this.#vs[kept]];
    this.#writeTable(this.#vTable, this.#vs);
  }

  async iterate(): Promise<{ sigma: number; residual: number }> {
    if (this.#vs.length > 1) {
      this.#vs.reverse();
      this.#writeTable(this.#vTable, this.#vs);
    }
    this.#ensure(1, 2);
    this.#kernels.powerStep(this.#at);
    return { sigma: this.#read(":alpha"), residual: this.#read(":beta") };
  }

  async ritzPair(q: Float64Array): Promise<{ domain: Tensor; range: Tensor; stretch: number }> {
    const { heap } = this.#region;
    const [from, to] = [this.#sizeOf(this.#domain), this.#sizeOf(this.#range)];
    this.#giveUpRange();
    return borrow(heap, (work) => {
      const x = work.reals(from, "a vector");
      const y = work.reals(to, "a vector");
      this.#writeCoefficients(q);
      this.#kernels.combine(from, this.#vTable, q.length, this.#coefficients, x);
      if (this.#transposed) this.#kernels.vjp(this.#primal, x, y);
      else this.#kernels.jvp(this.#primal, x, y);
      const length = Math.sqrt(this.#kernels.dot(from, x, x));
      const stretch = this.#kernels.normalize(to, y, 0) / length;
      return { domain: this.#readOut(x, this.#domain), range: this.#readOut(y, this.#range), stretch };
    });
  }

  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#region.free();
    this.#rangeRegion.free();
    this.#release();
  }

  #sizeOf(shape: number[]): number {
    return panelSize(this.#region.heap, shape[0], shape[1]);
  }

  #panels(): number {
    return Math.ceil(this.#domain[0] / tileColumns(this.#region.heap));
  }

  #read(field: ":alpha" | ":beta"): number {
    return readField(this.#region.heap, this.#at, KRYLOV, field);
  }

  /** Makes room for so many vectors of the range and of the domain. */
  #ensure(us: number, vs: number): void {
    const what = "the Krylov basis";
    while (this.#us.length < us) {
      this.#us.push(this.#rangeRegion.reals(this.#sizeOf(this.#range), what));
      this.#writeTable(this.#uTable, this.#us);
    }
    while (this.#vs.length < vs) {
      this.#vs.push(this.#region.reals(this.#sizeOf(this.#domain), what));
      this.#writeTable(this.#vTable, this.#vs);
    }
  }

  #giveUpRange(): void {
    this.#rangeRegion.free();
    this.#us.length = 0;
  }

  #writeTable(at: number, vectors: number[]): void {
    new Uint32Array(this.#region.heap.memory.buffer, at, vectors.length).set(vectors);
  }

  #writeCoefficients(coefficients: Float64Array): void {
    const { heap } = this.#region;
    new Float64Array(heap.memory.buffer, this.#coefficients, coefficients.length).set(coefficients);
  }

  #readOut(at: number, shape: number[]): Tensor {
    const data = readPanels(this.#region.heap, at, shape[0], shape[1]);
    checkFinite("a singular vector", data, shape);
    return tensor(data, [...shape]);
  }
}

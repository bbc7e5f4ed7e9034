// The host device: vectors of doubles in plain JavaScript, for operators that a user brings.
import { checkTensor, wrongKind } from "../base/check.js";
import { Held } from "../base/disposable.js";
import { sizeOf, type Tensor, tensor } from "../base/tensor.js";
import { addScaled, dot, norm } from "../linalg/vector.js";
import type { Basis, Device, Lease, Scalars, Vector } from "./device.js";
import type { DeviceOperator, LinearOperator } from "./operator.js";

export interface HostVector extends Vector {
  readonly data: Float64Array;
}

/** Relative size below which the two sides of the adjoint identity agree, in single precision even. */
const adjointTolerance = 1e-3;

/** What is left of a vector after projection is rounding below this, times its length before and √(size·count). */
const orthogonalityFloor = 2 ** -50;

class HostScalars implements Scalars {
  readonly values: Float64Array;

  constructor(readonly count: number) {
    this.values = new Float64Array(count);
  }
}

class HostBasis implements Basis<HostVector> {
  vectors: HostVector[] = [];

  constructor(readonly shape: readonly number[]) {}

  get size(): number {
    return this.vectors.length;
  }

  at(k: number): HostVector {
    if (k === this.vectors.length) this.vectors.push(vectorOf(this.shape));
    return this.vectors[k];
  }

  swap(i: number, k: number): void {
    [this.vectors[i], this.vectors[k]] = [this.vectors[k], this.vectors[i]];
  }

  clear(): void {
    this.vectors = [];
  }
}

/** What it hands out is the garbage collector's to free. */
class HostLease extends Held implements Lease<HostVector> {
  readonly #ends: (() => void)[] = [];

  vector(shape: readonly number[]): HostVector {
    return vectorOf(shape);
  }

  basis(shape: readonly number[]): Basis<HostVector> {
    return new HostBasis(shape);
  }

  scalars(count: number): Scalars {
    return new HostScalars(count);
  }

  atEnd(end: () => void): void {
    this.#ends.push(end);
  }

  dispose(): void {
    for (const end of this.#ends.splice(0)) end();
  }
}

export const hostDevice: Device<HostVector> = {
  name: "host",
  dtype: "f64",
  bytesOf: (shape) => 8 * sizeOf(shape),
  lease: () => new HostLease(),
  write(to, data, factor = 1) {
    for (let i = 0; i < to.data.length; i++) to.data[i] = factor * data[i];
  },
  read: async ({ data }) => data.slice(),
  results: async (scalars) => valuesOf(scalars).slice(),
  copy(from, to) {
    to.data.set(from.data);
  },
  clear(to) {
    to.data.fill(0);
  },
  add(factor, from, to) {
    addScaled(to.data, factor, from.data);
  },
  multiply(a, b, to) {
    for (let i = 0; i < to.data.length; i++) to.data[i] = a.data[i] * b.data[i];
  },
  orthonormalize(basis, count, _along, w, scalars, slot) {
    const vectors = dataOf(basis, count);
    const before = norm(w.data);
    // Classical Gram–Schmidt, twice: h = Vᵀw, then w ← w − V h.
    for (let pass = 0; pass < 2; pass++) {
      const projections = vectors.map((vector) => dot(vector, w.data));
      for (const [i, vector] of vectors.entries()) addScaled(w.data, -projections[i], vector);
    }
    normalize(w, before * orthogonalityFloor * Math.sqrt(w.data.length * count), scalars, slot);
  },
  normalize(w, scalars, slot) {
    normalize(w, 0, scalars, slot);
  },
  distance(x, factor, y, scalars, slot) {
    const values = valuesOf(scalars);
    const difference = x.data.slice();
    addScaled(difference, -values[factor], y.data);
    values[slot] = norm(difference);
  },
  combine(basis, coefficients, to) {
    to.data.fill(0);
    for (const [i, vector] of dataOf(basis, coefficients.length).entries()) addScaled(to.data, coefficients[i], vector);
  },
  reflect(basis, g) {
    const vectors = dataOf(basis, g.length);
    const sum = new Float64Array(sizeOf(basis.shape));
    for (const [i, vector] of vectors.entries()) addScaled(sum, g[i], vector);
    for (const [i, vector] of vectors.entries()) addScaled(vector, -g[i], sum);
  },
};

/**
 * A user's operator on the host device. It is handed copies of vectors, its answers are checked and copied, and every
 * pair of products, one with J and one with Jᵀ, is tested for ⟨J v, u⟩ = ⟨v, Jᵀ u⟩: that costs two dot products, and
 * nothing that follows means anything without it. Its arithmetic is taken to be accurate to √size·2⁻⁴⁸.
 */
export class HostOperator implements DeviceOperator<HostVector> {
  readonly device = hostDevice;
  readonly inShape: number[];
  readonly outShape: number[];
  readonly roundoff: number;
  readonly #op: LinearOperator;
  #forward?: Application;
  #backward?: Application;
  /** Of the products that were compared. */
  #largest = 0;

  constructor(op: LinearOperator) {
    this.#op = op;
    this.inShape = op.inShape;
    this.outShape = op.outShape;
    this.roundoff = 2 ** -48 * Math.sqrt(Math.max(sizeOf(op.inShape), sizeOf(op.outShape)));
  }

  async jvp(u: HostVector, y: HostVector): Promise<void> {
    this.#forward = await applied("op.jvp", (x) => this.#op.jvp(x), u, y);
    this.#checkAdjoint();
  }

  async vjp(y: HostVector, x: HostVector): Promise<void> {
    this.#backward = await applied("op.vjp", (v) => this.#op.vjp(v), y, x);
    this.#checkAdjoint();
  }

  #checkAdjoint(): void {
    const [forward, backward] = [this.#forward, this.#backward];
    if (!forward || !backward) return;
    this.#forward = undefined;
    this.#backward = undefined;
    const [one, other] = [dot(forward.to, backward.from), dot(forward.from, backward.to)];
    // Relative to the largest seen: a late step may be small all over, and its rounding is not.
    this.#largest = Math.max(
      this.#largest,
      norm(forward.to) * norm(backward.from),
      norm(forward.from) * norm(backward.to),
    );
    if (Math.abs(one - other) <= adjointTolerance * this.#largest) return;
    throw new RangeError(
      `"op.vjp": expected the adjoint of op.jvp, got ⟨J v, u⟩ = ${one} but ⟨v, Jᵀ u⟩ = ${other} for the ` +
        "vectors of one step; check that vjp(v) is the gradient of ⟨v, jvp(u)⟩ in u",
    );
  }
}

interface Application {
  from: Float64Array;
  to: Float64Array;
}

/** The action on a copy of x, so that the operator may keep or overwrite what it is handed; its answer is copied too. */
async function applied(
  label: string,
  run: (x: Tensor) => Promise<Tensor>,
  from: HostVector,
  to: HostVector,
): Promise<Application> {
  const x = from.data.slice();
  const { data } = checkTensor(label, await run(tensor(from.data.slice(), [...from.shape])), to.shape);
  if (!(data instanceof Float64Array)) throw wrongKind(`${label}.data`, "a Float64Array", data);
  to.data.set(data);
  return { from: x, to: data.slice() };
}

function normalize(w: HostVector, floor: number, scalars: Scalars, slot: number): void {
  const length = norm(w.data);
  const kept = !(length <= floor) && length !== 0;
  for (let i = 0; i < w.data.length; i++) w.data[i] = kept ? w.data[i] / length : 0;
  valuesOf(scalars)[slot] = kept ? length : 0;
}

function vectorOf(shape: readonly number[]): HostVector {
  return { shape, data: new Float64Array(sizeOf(shape)) };
}

function valuesOf(scalars: Scalars): Float64Array {
  return (scalars as HostScalars).values;
}

function dataOf(basis: Basis<HostVector>, count: number): Float64Array[] {
  return (basis as HostBasis).vectors.slice(0, count).map(({ data }) => data);
}

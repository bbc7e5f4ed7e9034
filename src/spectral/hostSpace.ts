// The solvers' step body in plain TypeScript, for operators that a user brings.
import { checkTensor, wrongKind } from "../base/check.js";
import { sizeOf, type Tensor, tensor } from "../base/tensor.js";
import type { LinearOperator } from "../device/operator.js";
import { addScaled, divided, dot, norm } from "../linalg/vector.js";
import type { KrylovSpace } from "./krylov.js";

/** One of the two actions of an operator, checked at every call. */
interface Action {
  label: string;
  run(x: Tensor): Promise<Tensor>;
  from: readonly number[];
  to: readonly number[];
}

/** A new vector orthogonal to the others, zero where nothing but rounding is left of it. */
interface Orthonormalized {
  vector: Float64Array;
  length: number;
}

/** Relative size below which the two sides of the adjoint identity agree, in single precision even. */
const adjointTolerance = 1e-3;

/** What is left of a vector after projection is rounding below this, times its length before and √size. */
const orthogonalityFloor = 2 ** -50;

export class HostKrylovSpace implements KrylovSpace {
  readonly dtype = "f64";
  readonly domainSize: number;
  readonly rangeSize: number;
  readonly vectorBytes: { readonly domain: number; readonly range: number };
  readonly roundoff: number;
  readonly #forward: Action;
  readonly #adjoint: Action;
  #domain: Float64Array[] = [];
  #range: Float64Array[] = [];
  /** Where the next power iteration starts. */
  #largest = 0;
  #next?: Float64Array;

  /** A = J, or Jᵀ when transposed. The operator's arithmetic is taken to be accurate to √size·2⁻⁴⁸. */
  constructor(op: LinearOperator, transposed: boolean) {
    const jvp: Action = { label: "op.jvp", run: (u) => op.jvp(u), from: op.inShape, to: op.outShape };
    const vjp: Action = { label: "op.vjp", run: (v) => op.vjp(v), from: op.outShape, to: op.inShape };
    this.#forward = transposed ? vjp : jvp;
    this.#adjoint = transposed ? jvp : vjp;
    this.domainSize = sizeOf(this.#forward.from);
    this.rangeSize = sizeOf(this.#forward.to);
    this.vectorBytes = { domain: 8 * this.domainSize, range: 8 * this.rangeSize };
    this.roundoff = 2 ** -48 * Math.sqrt(Math.max(this.domainSize, this.rangeSize));
  }

  async begin(start: Float64Array): Promise<void> {
    this.#domain = [divided(start, norm(start))];
    this.#range = [];
    this.#next = undefined;
  }

  async bidiagonalize(k: number): Promise<{ alpha: number; beta: number }> {
    const image = await apply(this.#forward, this.#domain[k]);
    const u = orthonormalize(image, this.#range.slice(0, k));
    this.#range[k] = u.vector;
    return this.#advance(k, u);
  }

  async tridiagonalize(k: number): Promise<{ alpha: number; beta: number }> {
    this.#range = [];
    return this.#advance(k, orthonormalize(await apply(this.#forward, this.#domain[k]), []));
  }

  async restart(reflections: readonly Float64Array[], size: number, kept: number): Promise<void> {
    const basis = this.#domain.slice(0, size);
    for (const g of reflections) {
      const sum = combination(g, basis, this.domainSize);
      basis.forEach((vector, i) => {
        addScaled(vector, -g[i], sum);
      });
    }
    this.#domain = [...basis.slice(0, kept), this.#domain[size]];
  }

  async iterate(): Promise<{ sigma: number; residual: number }> {
    const v = this.#next ?? this.#domain[0];
    const u = orthonormalize(await apply(this.#forward, v), []);
    this.#domain = [v];
    this.#range = [u.vector];
    if (u.length === 0) return { sigma: 0, residual: 0 };
    const preimage = await apply(this.#adjoint, u.vector);
    this.#checkAdjoint(u.length, dot(v, preimage), norm(preimage));
    this.#next = divided(preimage, norm(preimage));
    addScaled(preimage, -u.length, v);
    return { sigma: u.length, residual: norm(preimage) };
  }

  async ritzPair(q: Float64Array): Promise<{ domain: Tensor; range: Tensor; stretch: number }> {
    const x = combination(q, this.#domain, this.domainSize);
    const image = await apply(this.#forward, x);
    const length = norm(image);
    return {
      domain: tensor(x, [...this.#forward.from]),
      range: tensor(length === 0 ? image : divided(image, length), [...this.#forward.to]),
      stretch: length / norm(x),
    };
  }

  dispose(): void {
    this.#domain = [];
    this.#range = [];
    this.#next = undefined;
  }

  /** From u, A v_k less its projection on what is known, to v_{k+1}. */
  async #advance(k: number, u: Orthonormalized): Promise<{ alpha: number; beta: number }> {
    if (u.length === 0) return { alpha: 0, beta: 0 };
    const preimage = await apply(this.#adjoint, u.vector);
    this.#checkAdjoint(u.length, dot(this.#domain[k], preimage), norm(preimage));
    const v = orthonormalize(preimage, this.#domain.slice(0, k + 1));
    this.#domain[k + 1] = v.vector;
    return { alpha: u.length, beta: v.length };
  }

  /** ⟨A v, u⟩ = ⟨v, Aᵀu⟩ costs one dot product, and nothing that follows means anything without it. */
  #checkAdjoint(forward: number, backward: number, size: number): void {
    // Relative to the largest seen: a late step may be small all over, and its rounding is not.
    this.#largest = Math.max(this.#largest, Math.abs(forward), size);
    if (Math.abs(forward - backward) <= adjointTolerance * this.#largest) return;
    throw new RangeError(
      `"op.vjp": expected the adjoint of op.jvp, got ⟨J v, u⟩ = ${forward} but ⟨v, Jᵀ u⟩ = ${backward} for the ` +
        "vectors of one step; check that vjp(v) is the gradient of ⟨v, jvp(u)⟩ in u",
    );
  }
}

/** The action on a copy of x, so that the operator may keep or overwrite what it is handed; its answer is copied too. */
async function apply({ label, run, from, to }: Action, x: Float64Array): Promise<Float64Array> {
  const result = await run(tensor(x.slice(), [...from]));
  const { data } = checkTensor(label, result, to);
  if (!(data instanceof Float64Array)) throw wrongKind(`${label}.data`, "a Float64Array", data);
  return data.slice();
}

/** Classical Gram–Schmidt, twice: h = Vᵀw, then w ← w − V h. */
function orthonormalize(w: Float64Array, basis: readonly Float64Array[]): Orthonormalized {
  const before = norm(w);
  for (let pass = 0; pass < 2; pass++) {
    const projections = basis.map((vector) => dot(vector, w));
    basis.forEach((vector, i) => {
      addScaled(w, -projections[i], vector);
    });
  }
  const length = norm(w);
  if (length <= before * orthogonalityFloor * Math.sqrt(w.length * basis.length)) {
    return { vector: new Float64Array(w.length), length: 0 };
  }
  return { vector: divided(w, length), length };
}

function combination(coefficients: Float64Array, vectors: readonly Float64Array[], size: number): Float64Array {
  const sum = new Float64Array(size);
  coefficients.forEach((coefficient, i) => {
    addScaled(sum, coefficient, vectors[i]);
  });
  return sum;
}

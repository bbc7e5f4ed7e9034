// The largest eigenvalue of Wᵀ E W from above, for one W and many symmetric E: the smallest μ with E ⪯ μK, K being close to
// (W Wᵀ)⁻¹ and computed once. Each E costs a Cholesky factorization of μK − E at its own width, and no product with W.
import { leadingPair } from "./tridiagonal.js";
import { addScaled, divided, dot } from "./vector.js";
import { part, turned, type Workspace } from "./workspace.js";

/** Columns that a factorization takes at a time. */
const BLOCK = 16;
/** Added to W Wᵀ, relative to ‖W‖²: what W does not see must be seen a little, to be inverted. */
const SHIFT = 1e-5;
/** Relative, of the estimate that a factorization is to confirm. */
const SLACK = 2e-3;
/** Of Lanczos, for an estimate. */
const MOST_STEPS = 25;

export class Pencil {
  readonly size: number;
  readonly #space: Workspace;
  /** W Wᵀ + shift, and K, close to its inverse; none where W is the identity. */
  readonly #maps?: { readonly gram: number; readonly inverse: number };
  /** WᵀKW ⪯ `spread`, and K⁻¹ ⪯ `reach`. */
  readonly #spread: number;
  readonly #reach: number;
  readonly #work: number;

  /** @param map W [size, columns] row-major, and ‖W‖² from above; left out: the identity */
  constructor(space: Workspace, size: number, map?: { data: Float64Array; columns: number; squared: number }) {
    this.#space = space;
    this.size = size;
    this.#work = space.take(size * size, "a factorization");
    this.#spread = 1;
    this.#reach = 1;
    if (!map || map.squared === 0) {
      // Of W = 0 any K will do: nothing is seen.
      this.#spread = map ? 0 : 1;
      return;
    }
    const { data, columns, squared } = map;
    const shift = SHIFT * squared;
    const weights = space.take(size * columns, "the output map");
    const gram = space.take(size * size, "a Gram matrix");
    const inverse = space.take(size * size, "an inverse");
    const image = space.take(size * Math.max(size, columns), "the output map");
    const product = space.take(columns * columns, "a Gram matrix");
    space.view(weights, size * columns).set(data);
    const w = part(weights, columns);
    space.multiply(size, size, columns, w, turned(w), part(gram, size), false);
    const g = space.view(gram, size * size);
    for (let c = 0; c < size; c++) g[c * (size + 1)] += shift;
    const factor = space.view(this.#work, size * size);
    for (let at = 0; at < g.length; at++) factor[at] = -g[at];
    if (!factorNegative(space, this.#work, size)) {
      // What overflows or underflows on the way bounds nothing.
      this.#spread = Number.POSITIVE_INFINITY;
      return;
    }
    invertLower(space, this.#work, image, size);
    const lower = part(image, size);
    space.multiply(size, size, size, turned(lower), lower, part(inverse, size), false);
    this.#maps = { gram, inverse };
    this.#reach = squared * (1 + 2 * SHIFT);
    // WᵀKW is I up to the shift and rounding: μI − WᵀKW is factorized for a μ just above 1.
    space.multiply(size, columns, size, part(inverse, size), w, part(image, columns), false);
    space.multiply(columns, columns, size, turned(w), part(image, columns), part(product, columns), false);
    const scratch = space.take(columns * columns, "a factorization");
    const k = space.view(inverse, size * size);
    let entries = 0;
    for (let at = 0; at < k.length; at++) entries += k[at] ** 2;
    const rounding = 4 * (size + columns) * Number.EPSILON * columns * squared * Math.sqrt(entries);
    this.#spread = Number.POSITIVE_INFINITY;
    for (let mu = 1 + SHIFT; mu < 1e3; mu = 1 + 4 * (mu - 1)) {
      const rest = space.view(scratch, columns * columns);
      rest.set(space.view(product, columns * columns));
      let trace = 0;
      for (let c = 0; c < columns; c++) {
        rest[c * (columns + 1)] += rounding - mu;
        trace -= rest[c * (columns + 1)];
      }
      if (!factorNegative(space, scratch, columns)) continue;
      this.#spread = mu + (columns + 2) * Number.EPSILON * trace;
      break;
    }
  }

  /** Multiply-adds of one eigenvalue. */
  static work(size: number): number {
    return size ** 3 / 6 + 40 * size ** 2;
  }

  /**
   * At least λ_max(Wᵀ(E + allowance)W), above it by some thousandths, and a start for the next matrix like it.
   * @param at E [size, size], of which the lower triangle is read
   */
  largestAbove(at: number, allowance: number, start: Float64Array): { value: number; vector: Float64Array } {
    if (this.#spread === 0) return { value: 0, vector: start };
    if (this.#spread === Number.POSITIVE_INFINITY) return { value: this.#spread, vector: start };
    const { size } = this;
    const { value: estimate, vector } = this.#estimate(at, start);
    const view = this.#space.view(at, size * size);
    let largest = 0;
    for (let r = 0; r < size; r++) largest = Math.max(largest, view[r * (size + 1)]);
    if (!(largest < Number.MAX_VALUE)) return { value: Number.POSITIVE_INFINITY, vector: start };
    const least = (largest * this.#reach + allowance * this.#reach) * 1e-14;
    let slack = Math.max(SLACK * estimate, least);
    for (let tries = 0; tries < 200; tries++, slack *= 3) {
      const mu = estimate + slack;
      const trace = this.#writeDifference(at, mu, allowance);
      if (!factorNegative(this.#space, this.#work, size)) continue;
      const rounding = (size + 2) * Number.EPSILON * trace;
      return { value: this.#spread * (mu + 1.01 * rounding * this.#reach), vector };
    }
    return { value: Number.POSITIVE_INFINITY, vector };
  }

  /** Writes E + allowance − μK; returns the trace of its negative. */
  #writeDifference(at: number, mu: number, allowance: number): number {
    const { size } = this;
    const e = this.#space.view(at, size * size);
    const to = this.#space.view(this.#work, size * size);
    const k = this.#maps && this.#space.view(this.#maps.inverse, size * size);
    let trace = 0;
    for (let r = 0; r < size; r++) {
      for (let c = 0, p = r * size; c <= r; c++, p++) to[p] = k ? e[p] - mu * k[p] : e[p];
      to[r * (size + 1)] += allowance - (k ? 0 : mu);
      trace -= to[r * (size + 1)];
    }
    return trace;
  }

  /**
   * The largest μ of E y = μ K y from below, by Lanczos steps in the inner product ⟨y, Kz⟩ until it changes by less than
   * a part of what may be added. Beside each y stands z = Ky, so that products with E and with K⁻¹ are all it takes.
   */
  #estimate(at: number, start: Float64Array): { value: number; vector: Float64Array } {
    const { size } = this;
    const e = this.#space.view(at, size * size);
    const gram = this.#maps && this.#space.view(this.#maps.gram, size * size);
    const through = (z: Float64Array) => (gram ? times(gram, z, size) : z.slice());
    const first = through(start);
    const begin = Math.sqrt(Math.max(0, dot(first, start)));
    if (!(begin > 0)) return { value: 0, vector: start };
    const ys = [divided(first, begin)];
    const zs = [divided(start, begin)];
    const diagonal: number[] = [];
    const offDiagonal: number[] = [];
    let value = 0;
    let before = 0;
    let vector = zs[0];
    for (let step = 0; step < Math.min(size, MOST_STEPS); step++) {
      const z = symmetricTimes(e, ys[step], size);
      diagonal.push(dot(ys[step], z));
      const leading = leadingPair(diagonal, offDiagonal);
      value = Math.max(0, leading.value);
      vector = new Float64Array(size);
      for (const [r, coefficient] of leading.vector.entries()) addScaled(vector, coefficient, zs[r]);
      if (step > 1 && value - before <= (SLACK / 4) * value) break;
      before = value;
      for (let pass = 0; pass < 2; pass++) for (const [r, y] of ys.entries()) addScaled(z, -dot(y, z), zs[r]);
      const y = through(z);
      const length = Math.sqrt(Math.max(0, dot(y, z)));
      if (!(length > 1e-12 * value)) break;
      offDiagonal.push(length);
      ys.push(divided(y, length));
      zs.push(divided(z, length));
    }
    return { value, vector };
  }
}

/**
 * L with −A = L Lᵀ in place of the lower triangle of a symmetric A that is negative definite; false where it is not, to
 * rounding. Each entry is a sum of products and a division or a root: Higham's bound of the backward error holds.
 */
function factorNegative(space: Workspace, at: number, size: number): boolean {
  for (let k = 0; k < size; k += BLOCK) {
    const width = Math.min(BLOCK, size - k);
    if (k > 0) {
      const rows = part(at, size, k, 0);
      space.multiply(size - k, width, k, rows, turned(rows), part(at, size, k, k), true);
    }
    const a = space.view(at, size * size);
    for (let j = k; j < k + width; j++) {
      let pivot = -a[j * size + j];
      for (let c = k; c < j; c++) pivot -= a[j * size + c] ** 2;
      if (!(pivot > 0)) return false;
      const root = Math.sqrt(pivot);
      a[j * size + j] = root;
      for (let i = j + 1; i < size; i++) {
        let sum = -a[i * size + j];
        for (let c = k, p = i * size + k, q = j * size + k; c < j; c++) sum -= a[p++] * a[q++];
        a[i * size + j] = sum / root;
      }
    }
  }
  return true;
}

/** to ← L⁻¹, lower triangular, zeros above. */
function invertLower(space: Workspace, from: number, to: number, size: number): void {
  const l = space.view(from, size * size);
  const x = space.view(to, size * size).fill(0);
  for (let r = 0; r < size; r++) {
    const row = x.subarray(r * size, r * size + r + 1);
    for (let c = 0; c < r; c++) {
      const factor = l[r * size + c];
      if (factor === 0) continue;
      for (let p = 0, at = c * size; p <= c; p++) row[p] -= factor * x[at++];
    }
    row[r] = 1;
    const pivot = l[r * size + r];
    for (let p = 0; p <= r; p++) row[p] /= pivot;
  }
}

function times(a: Float64Array, x: Float64Array, size: number): Float64Array {
  const y = new Float64Array(size);
  for (let r = 0, at = 0; r < size; r++) {
    let sum = 0;
    for (let c = 0; c < size; c++) sum += a[at++] * x[c];
    y[r] = sum;
  }
  return y;
}

/** By the lower triangle alone. */
function symmetricTimes(a: Float64Array, x: Float64Array, size: number): Float64Array {
  const y = new Float64Array(size);
  for (let r = 0; r < size; r++) {
    let sum = 0;
    const factor = x[r];
    let at = r * size;
    for (let c = 0; c < r; c++, at++) {
      sum += a[at] * x[c];
      y[c] += a[at] * factor;
    }
    y[r] += sum + a[at] * factor;
  }
  return y;
}

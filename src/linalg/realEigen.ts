// Real eigenvalues and eigenvectors of small nonsymmetric matrices: QR iteration on the Hessenberg form with Francis's
// implicit double shifts (Golub and Van Loan, Matrix Computations, 7.5), then inverse iteration.

import { hessenbergForm } from "./householder.js";
import { apply, type Matrix } from "./matrix.js";
import { divided, norm } from "./vector.js";

/** The eigenvalues of a square matrix that are real, in no particular order; those of complex pairs are left out. */
export function realEigenvalues(matrix: Matrix): number[] {
  return eigenvalues(matrix)
    .filter(({ imaginary }) => imaginary === 0)
    .map(({ real }) => real);
}

export interface Complex {
  readonly real: number;
  readonly imaginary: number;
}

/** All eigenvalues of a square matrix, in no particular order. */
export function eigenvalues(matrix: Matrix): Complex[] {
  const size = matrix.columns;
  const { data: h } = hessenbergForm(matrix);
  const at = (i: number, j: number) => h[i * size + j];
  const scale = norm(h);
  const found: Complex[] = [];
  let last = size - 1;
  for (let round = 0; last >= 0; round++) {
    let first = last;
    while (first > 0 && !negligible(at(first, first - 1), at(first, first), at(first - 1, first - 1), scale)) first--;
    if (first === last) {
      found.push({ real: at(last, last), imaginary: 0 });
      last -= 1;
      round = 0;
    } else if (first === last - 1) {
      found.push(...roots(at(first, first), at(first, last), at(last, first), at(last, last)));
      last -= 2;
      round = 0;
    } else if (round > 100) {
      throw new Error(`the QR iteration for the eigenvalues of a ${size}×${size} matrix did not converge`);
    } else {
      francisStep(h, size, first, last, round > 0 && round % 10 === 0);
    }
  }
  return found;
}

function negligible(entry: number, below: number, above: number, scale: number): boolean {
  return Math.abs(entry) <= Number.EPSILON * (Math.abs(below) + Math.abs(above) || scale);
}

/** The eigenvalues of [[a, b], [c, d]], without cancellation where they are real. */
function roots(a: number, b: number, c: number, d: number): Complex[] {
  const real = realRoots(a, b, c, d);
  if (real.length > 0) return real.map((root) => ({ real: root, imaginary: 0 }));
  const half = (a - d) / 2;
  const imaginary = Math.sqrt(Math.max(0, -(half * half + b * c)));
  return [imaginary, -imaginary].map((part) => ({ real: (a + d) / 2, imaginary: part }));
}

/** The eigenvalues of [[a, b], [c, d]] if they are real, without cancellation. */
function realRoots(a: number, b: number, c: number, d: number): number[] {
  const half = (a - d) / 2;
  const discriminant = half * half + b * c;
  if (discriminant < 0) return [];
  const reach = half < 0 ? half - Math.sqrt(discriminant) : half + Math.sqrt(discriminant);
  return [d + reach, reach === 0 ? d : d - (b * c) / reach];
}

/** One double-shift sweep of the block of rows and columns first…last; an exceptional shift breaks a cycle. */
function francisStep(h: Float64Array, size: number, first: number, last: number, exceptional: boolean): void {
  const at = (i: number, j: number) => h[i * size + j];
  const jump = exceptional ? Math.abs(at(last, last - 1)) + Math.abs(at(last - 1, last - 2)) : 0;
  const sum = exceptional ? 1.5 * jump : at(last - 1, last - 1) + at(last, last);
  const det = exceptional
    ? jump * jump
    : at(last - 1, last - 1) * at(last, last) - at(last - 1, last) * at(last, last - 1);
  let x = at(first, first) ** 2 + at(first, first + 1) * at(first + 1, first) - sum * at(first, first) + det;
  let y = at(first + 1, first) * (at(first, first) + at(first + 1, first + 1) - sum);
  let z = at(first + 2, first + 1) * at(first + 1, first);
  for (let k = first; k < last; k++) {
    const rows = k + 2 <= last ? 3 : 2;
    const v = rows === 3 ? [x, y, z] : [x, y];
    const length = norm(v);
    if (length > 0) {
      for (let i = 0; i < rows; i++) v[i] /= length;
      v[0] += v[0] < 0 ? -1 : 1;
      reflect(h, size, v, k, Math.max(first, k - 1), last, first, Math.min(k + 3, last));
    }
    x = at(k + 1, k);
    y = k + 2 <= last ? at(k + 2, k) : 0;
    z = k + 3 <= last ? at(k + 3, k) : 0;
  }
  for (let i = first + 2; i <= last; i++) h.fill(0, i * size + first, i * size + i - 1);
}

/** Similarity by I − v·vᵀ/|v₀| on the rows and columns k, k + 1, … of the active block. */
function reflect(
  h: Float64Array,
  size: number,
  v: readonly number[],
  k: number,
  fromColumn: number,
  toColumn: number,
  fromRow: number,
  toRow: number,
): void {
  const beta = 1 / Math.abs(v[0]);
  for (let j = fromColumn; j <= toColumn; j++) {
    let sum = 0;
    for (let i = 0; i < v.length; i++) sum += v[i] * h[(k + i) * size + j];
    for (let i = 0; i < v.length; i++) h[(k + i) * size + j] -= beta * sum * v[i];
  }
  for (let i = fromRow; i <= toRow; i++) {
    let sum = 0;
    for (let j = 0; j < v.length; j++) sum += v[j] * h[i * size + k + j];
    for (let j = 0; j < v.length; j++) h[i * size + k + j] -= beta * sum * v[j];
  }
}

/** A unit vector u with matrix·u ≈ eigenvalue·u, by inverse iteration, and the norm of what is left. */
export function eigenvector(matrix: Matrix, eigenvalue: number): { vector: Float64Array; residual: number } {
  const size = matrix.columns;
  const solve = shiftedSolver(matrix, eigenvalue);
  // A start without symmetry, so that no eigenvector of a structured matrix is orthogonal to it.
  let vector: Float64Array = Float64Array.from({ length: size }, (_, i) => 1 + Math.sin(i + 1) / 2);
  for (let round = 0; round < 4; round++) {
    const next = solve(divided(vector, norm(vector)));
    vector = divided(next, norm(next));
  }
  const left = apply(matrix, vector).map((entry, i) => entry - eigenvalue * vector[i]);
  return { vector, residual: norm(left) };
}

/** Solves (matrix − shift·I)·x = b by elimination with partial pivoting; a vanishing pivot becomes a tiny one. */
function shiftedSolver(matrix: Matrix, shift: number): (b: Float64Array) => Float64Array {
  const size = matrix.columns;
  const lu = matrix.data.slice();
  for (let i = 0; i < size; i++) lu[i * size + i] -= shift;
  const tiny = Number.EPSILON * (norm(matrix.data) || 1);
  const swaps: number[] = [];
  for (let k = 0; k < size; k++) {
    let pivot = k;
    for (let i = k + 1; i < size; i++) if (Math.abs(lu[i * size + k]) > Math.abs(lu[pivot * size + k])) pivot = i;
    swaps.push(pivot);
    for (let j = 0; pivot !== k && j < size; j++) {
      [lu[k * size + j], lu[pivot * size + j]] = [lu[pivot * size + j], lu[k * size + j]];
    }
    if (Math.abs(lu[k * size + k]) < tiny) lu[k * size + k] = tiny;
    for (let i = k + 1; i < size; i++) {
      const factor = lu[i * size + k] / lu[k * size + k];
      lu[i * size + k] = factor;
      for (let j = k + 1; j < size; j++) lu[i * size + j] -= factor * lu[k * size + j];
    }
  }
  return (b) => {
    const x = b.slice();
    swaps.forEach((pivot, k) => {
      [x[k], x[pivot]] = [x[pivot], x[k]];
    });
    for (let k = 0; k < size; k++) {
      for (let i = k + 1; i < size; i++) x[i] -= lu[i * size + k] * x[k];
    }
    for (let k = size - 1; k >= 0; k--) {
      for (let j = k + 1; j < size; j++) x[k] -= lu[k * size + j] * x[j];
      x[k] /= lu[k * size + k];
    }
    return x;
  };
}

// Householder's orthogonal reductions: to triangular form, to bidiagonal form (Golub and Kahan 1965) and to Hessenberg
// form. Only the reduced matrix is kept; the reflections are not needed here.

import { type Matrix, rowOf, transposed, zeroMatrix } from "./matrix.js";
import { norm } from "./vector.js";

/** R of matrix = Q·R, min(rows, columns) × columns. */
export function triangularFactor(matrix: Matrix): Matrix {
  if (matrix.rows <= matrix.columns) return matrix;
  const work = copy(matrix);
  for (let k = 0; k < work.columns; k++) reflectRows(work, k, k);
  const size = work.columns;
  return { rows: size, columns: size, data: work.data.slice(0, size * size) };
}

/** The diagonal and superdiagonal of the upper bidiagonal matrix of the same singular values. */
export function bidiagonalForm(matrix: Matrix): { alphas: Float64Array; betas: Float64Array } {
  const work = matrix.rows < matrix.columns ? transposed(matrix) : copy(matrix);
  const { columns } = work;
  const alphas = new Float64Array(columns);
  const betas = new Float64Array(Math.max(0, columns - 1));
  for (let k = 0; k < columns; k++) {
    reflectRows(work, k, k);
    alphas[k] = work.data[k * columns + k];
    if (k + 1 === columns) break;
    reflectColumns(work, k, k + 1);
    betas[k] = work.data[k * columns + k + 1];
  }
  return { alphas, betas };
}

/** The matrix H = Qᵀ·matrix·Q that is zero below its subdiagonal. */
export function hessenbergForm(matrix: Matrix): Matrix {
  const work = copy(matrix);
  for (let k = 0; k + 2 < work.columns; k++) {
    const reflection = reflectRows(work, k, k + 1);
    if (reflection) reflectFromRight(work, reflection, k + 1, 0);
  }
  return work;
}

/** I − beta·v·vᵀ. */
interface Reflection {
  v: Float64Array;
  beta: number;
}

/** Makes column k zero below row `from` by a reflection of the rows from there on, which columns before k don't feel. */
function reflectRows(work: Matrix, k: number, from: number): Reflection | undefined {
  const { rows, columns, data } = work;
  const v = new Float64Array(rows - from);
  for (let i = from; i < rows; i++) v[i - from] = data[i * columns + k];
  const reflection = reflectionOf(v);
  if (!reflection) return undefined;
  const { beta } = reflection;
  const sums = new Float64Array(columns - k);
  for (let i = from; i < rows; i++) {
    const row = rowOf(work, i).subarray(k);
    for (let j = 0; j < sums.length; j++) sums[j] += v[i - from] * row[j];
  }
  for (let i = from; i < rows; i++) {
    const row = rowOf(work, i).subarray(k);
    const factor = beta * v[i - from];
    for (let j = 0; j < sums.length; j++) row[j] -= factor * sums[j];
    if (i > from) row[0] = 0;
  }
  return reflection;
}

/** Makes row k zero right of column `from` by a reflection of the columns from there on. */
function reflectColumns(work: Matrix, k: number, from: number): void {
  const row = rowOf(work, k);
  const reflection = reflectionOf(row.slice(from));
  if (!reflection) return;
  reflectFromRight(work, reflection, from, k);
  row.fill(0, from + 1);
}

function reflectFromRight(work: Matrix, { v, beta }: Reflection, from: number, firstRow: number): void {
  for (let i = firstRow; i < work.rows; i++) {
    const row = rowOf(work, i).subarray(from);
    let sum = 0;
    for (let j = 0; j < v.length; j++) sum += row[j] * v[j];
    for (let j = 0; j < v.length; j++) row[j] -= beta * sum * v[j];
  }
}

/** The reflection that takes x to a multiple of the first unit vector; overwrites x. Undefined if there is nothing to do. */
function reflectionOf(x: Float64Array): Reflection | undefined {
  const length = norm(x);
  if (length === 0 || x.length === 1) return undefined;
  for (let i = 0; i < x.length; i++) x[i] /= length;
  x[0] += x[0] < 0 ? -1 : 1;
  return { v: x, beta: 1 / Math.abs(x[0]) };
}

function copy({ rows, columns, data }: Matrix): Matrix {
  const matrix = zeroMatrix(rows, columns);
  matrix.data.set(data);
  return matrix;
}

// Small dense matrices of doubles on the host, row-major.
import { checkTensor } from "../base/check.js";
import type { RealArray } from "../base/tensor.js";
import { dot } from "./vector.js";

export interface Matrix {
  readonly rows: number;
  readonly columns: number;
  readonly data: Float64Array;
}

/** Checks a tensor of two axes, its extents as expected where they are not negative, and copies it. */
export function checkMatrix(label: string, value: unknown, expected: readonly [number, number] = [-1, -1]): Matrix {
  const { data, shape } = checkTensor(label, value, expected);
  return { rows: shape[0], columns: shape[1], data: Float64Array.from(data) };
}

/** Columns from ≤ c < to of a row-major matrix of `width` columns. */
export function columnsOf(data: RealArray, width: number, from: number, to: number): Matrix {
  const rows = data.length / width;
  const slice = zeroMatrix(rows, to - from);
  for (let i = 0; i < rows; i++) slice.data.set(data.subarray(i * width + from, i * width + to), i * (to - from));
  return slice;
}

/** Rows from ≤ r < to. */
export function rowsOf(data: RealArray, width: number, from: number, to: number): Matrix {
  return { rows: to - from, columns: width, data: Float64Array.from(data.subarray(from * width, to * width)) };
}

export function zeroMatrix(rows: number, columns: number): Matrix {
  return { rows, columns, data: new Float64Array(rows * columns) };
}

export function identity(size: number): Matrix {
  const matrix = zeroMatrix(size, size);
  for (let i = 0; i < size; i++) matrix.data[i * size + i] = 1;
  return matrix;
}

export function transposed({ rows, columns, data }: Matrix): Matrix {
  const turned = zeroMatrix(columns, rows);
  for (let i = 0; i < rows; i++) for (let j = 0; j < columns; j++) turned.data[j * rows + i] = data[i * columns + j];
  return turned;
}

/** left · right. */
export function product(left: Matrix, right: Matrix): Matrix {
  const result = zeroMatrix(left.rows, right.columns);
  for (let i = 0; i < left.rows; i++) {
    const row = rowOf(result, i);
    for (let k = 0; k < left.columns; k++) {
      const factor = left.data[i * left.columns + k];
      const other = rowOf(right, k);
      for (let j = 0; j < row.length; j++) row[j] += factor * other[j];
    }
  }
  return result;
}

/** left · rightᵀ. */
export function productTransposed(left: Matrix, right: Matrix): Matrix {
  return product(left, transposed(right));
}

/** matrix · x. */
export function apply(matrix: Matrix, x: ArrayLike<number>): Float64Array {
  const image = new Float64Array(matrix.rows);
  for (let i = 0; i < matrix.rows; i++) image[i] = dot(rowOf(matrix, i), x);
  return image;
}

/** matrixᵀ · x. */
export function applyTransposed(matrix: Matrix, x: ArrayLike<number>): Float64Array {
  const image = new Float64Array(matrix.columns);
  for (let i = 0; i < matrix.rows; i++) {
    const row = rowOf(matrix, i);
    for (let j = 0; j < image.length; j++) image[j] += x[i] * row[j];
  }
  return image;
}

export function scaledMatrix({ rows, columns, data }: Matrix, factor: number): Matrix {
  return { rows, columns, data: data.map((entry) => factor * entry) };
}

/** Row i, not copied. */
export function rowOf({ columns, data }: Matrix, i: number): Float64Array {
  return data.subarray(i * columns, (i + 1) * columns);
}

/** max over rows of Σ |entry|. */
export function rowSumNorm(matrix: Matrix): number {
  let largest = 0;
  for (let i = 0; i < matrix.rows; i++) {
    largest = Math.max(
      largest,
      rowOf(matrix, i).reduce((sum, entry) => sum + Math.abs(entry), 0),
    );
  }
  return largest;
}

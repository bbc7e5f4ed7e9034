// Matrices for the tests of the theorems.

import { Random } from "../../src/base/random.js";
import { type Tensor, type TensorLike, tensor } from "../../src/base/tensor.js";
import type { Matrix } from "../../src/linalg/matrix.js";

export function matrixFrom(rows: readonly (readonly number[])[]): Matrix {
  return { rows: rows.length, columns: rows[0].length, data: Float64Array.from(rows.flat()) };
}

export function tensorFrom(rows: readonly (readonly number[])[]): Tensor {
  return tensor(Float64Array.from(rows.flat()), [rows.length, rows[0].length]);
}

export function matrixOf(value: TensorLike): Matrix {
  const [rows, columns] = "shape" in value ? value.shape : value.dims;
  return { rows, columns, data: Float64Array.from(value.data) };
}

export function gaussianMatrix(rows: number, columns: number, seed: number, std = 1): Matrix {
  return { rows, columns, data: new Random([seed, rows, columns]).fillGaussian(new Float64Array(rows * columns), std) };
}

export function asTensor({ rows, columns, data }: Matrix): Tensor {
  return tensor(data, [rows, columns]);
}

export function diagonalTensor(size: number, value: number): Tensor {
  const data = new Float64Array(size * size);
  for (let i = 0; i < size; i++) data[i * size + i] = value;
  return tensor(data, [size, size]);
}

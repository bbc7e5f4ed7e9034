// Matrices as rows of numbers, for references in plain loops.
import { type Tensor, type TensorLike, tensor } from "../../src/base/tensor.js";

/** Rows of numbers. */
export type Matrix = number[][];

export function rows(x: TensorLike): Matrix {
  const [n, d] = "shape" in x ? x.shape : x.dims;
  return Array.from({ length: n }, (_, i) => Array.from(x.data.subarray(i * d, (i + 1) * d)));
}

export function flat(x: Matrix): Tensor {
  return tensor(Float64Array.from(x.flat()), [x.length, x[0].length]);
}

export function tensorOf(x: TensorLike): Tensor {
  return tensor(x.data, [...("shape" in x ? x.shape : x.dims)]);
}

export function zeros(n: number, d: number): Matrix {
  return Array.from({ length: n }, () => new Array<number>(d).fill(0));
}

export function unit(size: number, at: number): number[] {
  return Array.from({ length: size }, (_, i) => (i === at ? 1 : 0));
}

export function inner(a: number[], b: number[]): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
}

export function minus(a: number[], b: number[]): number[] {
  return a.map((entry, i) => entry - b[i]);
}

export function distance2(a: number[], b: number[]): number {
  const difference = minus(a, b);
  return inner(difference, difference);
}

export function transpose(a: Matrix): Matrix {
  return a[0].map((_, c) => a.map((row) => row[c]));
}

export function times(a: Matrix, b: Matrix): Matrix {
  return a.map((row) => {
    const product = new Array<number>(b[0].length).fill(0);
    row.forEach((entry, l) => {
      for (let c = 0; c < product.length; c++) product[c] += entry * b[l][c];
    });
    return product;
  });
}

export function accumulate(sum: Matrix, term: Matrix): void {
  term.forEach((row, i) => {
    row.forEach((entry, c) => {
      sum[i][c] += entry;
    });
  });
}

/** Head h's columns of all heads'. */
export function slice(all: Matrix, h: number, heads: number): Matrix {
  const width = all[0].length / heads;
  return all.map((row) => row.slice(h * width, (h + 1) * width));
}

/** Adds a head's columns to all heads'. */
export function place(all: Matrix, part: Matrix, h: number): void {
  part.forEach((row, i) => {
    row.forEach((entry, c) => {
      all[i][h * row.length + c] += entry;
    });
  });
}

export function hadamard(a: Matrix, b: Matrix | undefined): Matrix {
  return b ? a.map((row, i) => row.map((entry, c) => entry * b[i][c])) : a;
}

export function sigmoid(x: number): number {
  return 1 / (1 + Math.exp(-x));
}

// Rearrangements of weight matrices.
import { type RealArray, type Tensor, tensor } from "../../base/tensor.js";

const tile = 32;

/** [rows, columns] → [columns, rows]. */
export function transpose({ data, shape: [rows, columns] }: Tensor): Tensor {
  const turned = like(data, data.length);
  for (let top = 0; top < rows; top += tile) {
    const bottom = Math.min(top + tile, rows);
    for (let left = 0; left < columns; left += tile) {
      const right = Math.min(left + tile, columns);
      for (let i = top; i < bottom; i++) {
        for (let j = left; j < right; j++) turned[j * rows + i] = data[i * columns + j];
      }
    }
  }
  return tensor(turned, [columns, rows]);
}

/** The columns [from, to) of a matrix [rows, columns], or the entries of a vector. */
export function columns({ data, shape }: Tensor, from: number, to: number): Tensor {
  const stride = shape[shape.length - 1];
  const rows = data.length / stride;
  const part = like(data, rows * (to - from));
  for (let i = 0; i < rows; i++) part.set(data.subarray(i * stride + from, i * stride + to), i * (to - from));
  return tensor(part, [...shape.slice(0, -1), to - from]);
}

function like(data: RealArray, length: number): RealArray {
  return data instanceof Float32Array ? new Float32Array(length) : new Float64Array(length);
}

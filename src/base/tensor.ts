// A tensor is plain data: a typed array and its shape, row-major.

/** Numbers of a tensor, in the precision of the runtime that they come from. */
export type RealArray = Float32Array | Float64Array;

/** Row-major data with its shape. Results are new tensors that the caller owns. */
export interface Tensor {
  data: RealArray;
  shape: number[];
}

/** What is accepted wherever a tensor is taken: `dims` is the spelling of transformers.js and onnxruntime. */
export type TensorLike = Tensor | { readonly data: RealArray; readonly dims: readonly number[] };

/**
 * A tensor over `data` (not copied).
 * @example
 * tensor(new Float32Array([1, 2, 3, 4]), [2, 2]).shape.length; // 2
 */
export function tensor(data: RealArray, shape: number[]): Tensor {
  return { data, shape };
}

/** The number of elements of a shape; 1 for a scalar. */
export function sizeOf(shape: readonly number[]): number {
  let size = 1;
  for (const extent of shape) size *= extent;
  return size;
}

/** A typed array of real numbers as one of this realm, over the same memory: an iframe's or a vm context's is another class. */
export function asReals(value: unknown): RealArray | undefined {
  if (value instanceof Float32Array || value instanceof Float64Array) return value;
  if (!ArrayBuffer.isView(value)) return undefined;
  const name = Object.prototype.toString.call(value);
  const { buffer, byteOffset, byteLength } = value;
  if (name === "[object Float32Array]") return new Float32Array(buffer, byteOffset, byteLength / 4);
  if (name === "[object Float64Array]") return new Float64Array(buffer, byteOffset, byteLength / 8);
  return undefined;
}

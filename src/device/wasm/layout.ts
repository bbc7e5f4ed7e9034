// How the kernels lay things out in memory: tiles, panels of tokens, and their structures (assembly/attention).
import type { RealArray } from "../../base/tensor.js";
import type { Heap } from "./heap.js";

export * from "./kernels/abi.js";

/** Bytes of a row of a panel. */
export const ROW = 32;

/** Rows of a register tile, and of a strip: each binary has those that engines keep in registers. */
export function tileRows(heap: Heap): number {
  return heap.tileRows;
}

/** Numbers of a matrix [rows, k] in strips. */
export function stripSize(heap: Heap, rows: number, k: number): number {
  return Math.ceil(rows / heap.tileRows) * heap.tileRows * k;
}

/** Columns of a register tile, and tokens of a panel. */
export function tileColumns(heap: Heap): number {
  return ROW / heap.word;
}

/** Numbers of an [n, d] matrix in panels. */
export function panelSize(heap: Heap, n: number, d: number): number {
  const columns = tileColumns(heap);
  return Math.ceil(n / columns) * columns * d;
}

/** Writes row-major [n, d] in panels; the last panel's unused lanes become zero. */
export function writePanels(heap: Heap, at: number, data: ArrayLike<number>, n: number, d: number, factor = 1): void {
  const columns = tileColumns(heap);
  const view = heap.reals(at, panelSize(heap, n, d));
  if (n % columns !== 0) view.fill(0, Math.floor(n / columns) * columns * d);
  for (let i = 0; i < n; i++) {
    let to = Math.floor(i / columns) * columns * d + (i % columns);
    for (let c = 0, from = i * d; c < d; c++, from++, to += columns) view[to] = data[from] * factor;
  }
}

/** Reads an [n, d] matrix in panels as row-major. */
export function readPanels(heap: Heap, at: number, n: number, d: number): RealArray {
  const columns = tileColumns(heap);
  const view = heap.reals(at, panelSize(heap, n, d));
  const data = heap.word === 4 ? new Float32Array(n * d) : new Float64Array(n * d);
  for (let i = 0; i < n; i++) {
    let from = Math.floor(i / columns) * columns * d + (i % columns);
    for (let c = 0, to = i * d; c < d; c++, to++, from += columns) data[to] = view[from];
  }
  return data;
}

/** Where the fields of a structure of the kernels lie; the name of an f64 has a leading colon, others are of 4 bytes. */
interface Structure {
  readonly bytes: number;
  readonly fields: Readonly<Record<string, number>>;
}

type Words<S extends Structure> = Exclude<keyof S["fields"] & string, `:${string}`>;
type Doubles<S extends Structure> = keyof S["fields"] & `:${string}`;

/** Writes every field, an f64 that is not given as 0; another missing or misspelt one does not compile. */
export function writeStruct<S extends Structure>(
  heap: Heap,
  at: number,
  { fields }: S,
  values: { [K in Words<S>]: number } & { [K in Doubles<S>]?: number },
): void {
  const view = new DataView(heap.memory.buffer, at);
  for (const field in fields) {
    const value = (values as Record<string, number>)[field];
    if (field.startsWith(":")) view.setFloat64(fields[field], value ?? 0, true);
    else view.setUint32(fields[field], value, true);
  }
}

/** Copies a structure, with other values for some of its fields of 4 bytes. */
export function copyStruct<S extends Structure>(
  heap: Heap,
  from: number,
  to: number,
  { bytes, fields }: S,
  changes: { readonly [K in Words<S>]?: number },
): void {
  new Uint8Array(heap.memory.buffer).copyWithin(to, from, from + bytes);
  const view = new DataView(heap.memory.buffer, to);
  for (const [field, value] of Object.entries(changes)) view.setUint32(fields[field], value as number, true);
}

/** Reads an f64 field. */
export function readField<S extends Structure>(heap: Heap, at: number, { fields }: S, field: Doubles<S>): number {
  return new DataView(heap.memory.buffer, at).getFloat64(fields[field], true);
}

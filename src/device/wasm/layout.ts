// How the kernels lay things out in memory: tiles, panels of tokens, and their structures (assembly/attention).
import type { RealArray } from "../../base/tensor.js";
import type { Heap } from "./heap.js";

/** Rows of a register tile. */
export const MR = 6;
/** Bytes of a row of a panel. */
export const ROW = 32;

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

type Fields = readonly string[];

/** Fields of 4 bytes, in the order of the classes of the same names; an f64 is marked by a leading colon. */
export const LAYER = [
  ...["dIn", "dOut", "heads", "kvHeads", "dHead", "dValue", "channels"],
  ...["project", "bias", "projectBack", "output", "outputBias", "outputBack", "kind", ":scale"],
] as const;
export const PRIMAL = [
  ...[
    "layer",
    "shared",
    "n",
    "panels",
    "strips",
    "groups",
    "groupPanels",
    "tiles",
    "lo",
    "hi",
    "allowed",
    "pairs",
    "cos",
    "sin",
    "seen",
  ],
  ...["groupFirst", "groupEnd", "groupOffset", "headBytes", "streamed", "probabilities", "x", "qkv"],
  ...["mean", "centred", "offsets", "moves", "attends", "o"],
  ...["keyStrips", "valueStrips", "held", "keyChannels", "valueChannels", "queryRows"],
  ...["dqkv", "dO", "dValueChannels", "queryPanels", "scores"],
  ...["gradientRows", "gradientKeys", "gradientValues", ":maxScore", ":maxRowScore", ":sharpness"],
] as const;
export const BLOCK_ROW = [
  ...["heads", "keys", "strips", "panels", "maps", "weights", "left", "right", "extra", "diagonal"],
  ...["outSums", "inSums", ":squares"],
] as const;
export const GRADIENT = [
  ...["primal", "channels", "keyTangents", "valueTangents", "queryTangents", "outer", "inner"],
] as const;
export const KRYLOV = [
  "primal",
  "transposed",
  "domain",
  "range",
  "vs",
  "us",
  "coefficients",
  ":alpha",
  ":beta",
] as const;

export const LOCKSTEP = ["spaces", "steps", "count", "panels", "from", "to", "channels", "outputs"] as const;

export const LINEAR = ["dIn", "dOut", "weight", "back", "bias"] as const;
export const NORM = ["n", "d", "centred", "gain", "bias", "z", "deviation", ":epsilon"] as const;
export const ACTIVATION = ["kind", "n", "d", "slope", "curve", ":a", ":b", ":c", ":e"] as const;

const known = new Map<Fields, { size: number; of: Map<string, number> }>();

function offsets(fields: Fields): { size: number; of: Map<string, number> } {
  const found = known.get(fields);
  if (found) return found;
  const of = new Map<string, number>();
  let size = 0;
  for (const field of fields) {
    const width = field.startsWith(":") ? 8 : 4;
    size = Math.ceil(size / width) * width;
    of.set(field, size);
    size += width;
  }
  const layout = { size: Math.ceil(size / 8) * 8, of };
  known.set(fields, layout);
  return layout;
}

export function structSize(fields: Fields): number {
  return offsets(fields).size;
}

/** Writes every field, an f64 that is not given as 0; another missing or misspelt one does not compile. */
export function writeStruct<F extends Fields>(
  heap: Heap,
  at: number,
  fields: F,
  values: { [K in Exclude<F[number], `:${string}`>]: number } & { [K in F[number] & `:${string}`]?: number },
): void {
  const view = new DataView(heap.memory.buffer, at);
  for (const [field, offset] of offsets(fields).of) {
    if (field.startsWith(":")) view.setFloat64(offset, (values as Record<string, number>)[field] ?? 0, true);
    else view.setUint32(offset, (values as Record<string, number>)[field], true);
  }
}

/** Copies a structure, with other values for some of its fields of 4 bytes. */
export function copyStruct<F extends Fields>(
  heap: Heap,
  from: number,
  to: number,
  fields: F,
  changes: { readonly [K in Exclude<F[number], `:${string}`>]?: number },
): void {
  const { size, of } = offsets(fields);
  new Uint8Array(heap.memory.buffer).copyWithin(to, from, from + size);
  const view = new DataView(heap.memory.buffer, to);
  for (const [field, value] of Object.entries(changes)) view.setUint32(of.get(field) as number, value as number, true);
}

/** Reads an f64 field. */
export function readField<F extends Fields>(
  heap: Heap,
  at: number,
  fields: F,
  field: F[number] & `:${string}`,
): number {
  return new DataView(heap.memory.buffer, at).getFloat64(offsets(fields).of.get(field) as number, true);
}

// A layer's weights in memory: packed once, in both directions, and read back head by head.

import type { ResolvedSpec } from "../../layers/attention/spec.js";
import type { ResolvedLinear } from "../../layers/linear.js";
import { borrow, type Heap, type Region } from "./heap.js";
import type { Kernels } from "./kernels.js";
import { LAYER, readField, stripSize, tileRows, writeStruct } from "./layout.js";

/** What is kept of a spec once its weights are packed: the user's arrays are not held on to. */
export type LayerSizes = Omit<ResolvedSpec, "query" | "key" | "value" | "output" | "scale">;

/** Addresses of the kernels' structure and of the weights in it. */
export interface PackedLayer {
  readonly at: number;
  readonly project: number;
  readonly projectBack: number;
  readonly bias: number;
  /** 0 without an output map. */
  readonly output: number;
  readonly outputBack: number;
}

/** Packs the weights in both directions; the scale goes into the query's, but for l2. */
export function packLayer(kernels: Kernels, region: Region, spec: ResolvedSpec): PackedLayer {
  const { dIn, dOut, heads, kvHeads, dHead, dValue, scale } = spec;
  const { heap } = region;
  const { word } = heap;
  const l2 = spec.kind === "l2";
  const channels = heads * dHead + kvHeads * (dHead + dValue);
  const parts: [ResolvedLinear, number][] = [
    [spec.query, l2 ? 1 : scale],
    [spec.key, 1],
    [spec.value, 1],
  ];
  const strips = (rows: number, k: number) => region.reals(stripSize(heap, rows, k), "the packed weights");
  const layer = region.bytes(LAYER.bytes, "a layer");
  const project = strips(channels, dIn);
  const projectBack = strips(dIn, channels);
  const bias = region.reals(channels, "the biases");
  borrow(heap, (work) => {
    const stacked = work.reals(dIn * channels, "the stacked weights");
    const view = heap.reals(stacked, dIn * channels);
    const biases = heap.reals(bias, channels).fill(0);
    let first = 0;
    for (const [part, factor] of parts) {
      for (let e = 0; e < dIn; e++) {
        for (let c = 0, from = e * part.dOut, to = e * channels + first; c < part.dOut; c++) {
          view[to++] = part.weight[from++] * factor;
        }
      }
      if (part.bias) for (let c = 0; c < part.dOut; c++) biases[first + c] = part.bias[c] * factor;
      first += part.dOut;
    }
    kernels.packStrips(channels, dIn, stacked, word, channels * word, project);
    kernels.packStrips(dIn, channels, stacked, channels * word, word, projectBack);
  });
  let output = 0;
  let outputBack = 0;
  let outputBias = 0;
  if (spec.output) {
    const { weight, bias: b } = spec.output;
    const width = heads * dValue;
    output = strips(dOut, width);
    outputBack = strips(width, dOut);
    borrow(heap, (work) => {
      const at = work.reals(weight.length, "the output weights");
      heap.reals(at, weight.length).set(weight);
      kernels.packStrips(dOut, width, at, word, dOut * word, output);
      kernels.packStrips(width, dOut, at, dOut * word, word, outputBack);
    });
    if (b) {
      outputBias = region.reals(dOut, "the biases");
      heap.reals(outputBias, dOut).set(b);
    }
  }
  const sizes = { dIn, dOut, heads, kvHeads, dHead, dValue, channels };
  const maps = { project, bias, projectBack, output, outputBias, outputBack };
  writeStruct(heap, layer, LAYER, { ...sizes, ...maps, kind: l2 ? 1 : 0, ":scale": l2 ? scale : 1 });
  return { at: layer, project, projectBack, bias, output, outputBack };
}

/** The whole spec from the packed weights: the scale is what is not in the query's already. */
export function unpackLayer(heap: Heap, layer: PackedLayer, sizes: LayerSizes): ResolvedSpec {
  const { dIn, dOut, heads, kvHeads, dHead, dValue } = sizes;
  const biases = heap.reals(layer.bias, heads * dHead + kvHeads * (dHead + dValue));
  const map = (first: number, columns: number): ResolvedLinear => ({
    dIn,
    dOut: columns,
    weight: transposedRows(heap, layer.project, dIn, first, columns),
    bias: biases.slice(first, first + columns),
  });
  const width = heads * dValue;
  return {
    ...sizes,
    scale: readField(heap, layer.at, LAYER, ":scale"),
    query: map(0, heads * dHead),
    key: map(heads * dHead, kvHeads * dHead),
    value: map((heads + kvHeads) * dHead, kvHeads * dValue),
    output: layer.output ? { dIn: width, dOut, weight: transposedRows(heap, layer.output, width, 0, dOut) } : undefined,
  };
}

/** The spec of one head alone, from the packed weights: the scale is what is not in the query's already. */
export function headSpec(heap: Heap, layer: PackedLayer, sizes: LayerSizes, head: number): ResolvedSpec {
  const { dIn, dOut, heads, kvHeads, dHead, dValue } = sizes;
  const group = Math.floor((head * kvHeads) / heads);
  const biases = heap.reals(layer.bias, heads * dHead + kvHeads * (dHead + dValue));
  const map = (first: number, columns: number): ResolvedLinear => ({
    dIn,
    dOut: columns,
    weight: transposedRows(heap, layer.project, dIn, first, columns),
    bias: biases.slice(first, first + columns),
  });
  const width = heads * dValue;
  const rows = transposedRows(heap, layer.output, width, 0, layer.output ? dOut : 0);
  const output = { dIn: dValue, dOut, weight: rows.subarray(head * dValue * dOut, (head + 1) * dValue * dOut) };
  return {
    ...sizes,
    heads: 1,
    kvHeads: 1,
    dOut: layer.output ? dOut : dValue,
    scale: readField(heap, layer.at, LAYER, ":scale"),
    query: map(head * dHead, dHead),
    key: map((heads + group) * dHead, dHead),
    value: map((heads + kvHeads) * dHead + group * dValue, dValue),
    output: layer.output ? output : undefined,
  };
}

/** Rows [first, first + count) of strips of k steps, transposed: row-major [k, count]. */
function transposedRows(heap: Heap, strips: number, k: number, first: number, count: number) {
  const data = heap.word === 4 ? new Float32Array(k * count) : new Float64Array(k * count);
  if (count === 0) return data;
  const height = tileRows(heap);
  const view = heap.reals(strips, stripSize(heap, first + count, k));
  for (let r = 0; r < count; r++) {
    const row = first + r;
    let from = Math.floor(row / height) * height * k + (row % height);
    for (let e = 0, to = r; e < k; e++, to += count, from += height) data[to] = view[from];
  }
  return data;
}

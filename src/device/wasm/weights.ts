// A layer's weights in memory: packed once, in both directions, and read back head by head.

import { biasOfHead } from "../../layers/attention/bias.js";
import { normOfHead, type ResolvedScoreNorm } from "../../layers/attention/scoreNorm.js";
import type { ResolvedSpec } from "../../layers/attention/spec.js";
import type { ResolvedLinear } from "../../layers/linear.js";
import { borrow, type Heap, type Region } from "./heap.js";
import type { Kernels } from "./kernels.js";
import { LAYER, readField, SCORE_NORM, stripSize, tileRows, writeStruct } from "./layout.js";

/** What is kept of a spec once its weights are packed: the user's arrays of weights are not held on to. */
export interface LayerSizes extends Omit<ResolvedSpec, "query" | "key" | "value" | "output" | "scale" | "gate"> {
  /** heads·dValue, or 0 without an output gate. */
  readonly gateWidth: number;
}

export function withoutWeights({ query, key, value, output, scale, gate, ...sizes }: ResolvedSpec): LayerSizes {
  return { ...sizes, gateWidth: gate ? gate.dOut : 0 };
}

/** Columns of the projections together: queries, keys, values, and an output gate. */
export function channelsOf({
  heads,
  kvHeads,
  dHead,
  dValue,
  gateWidth,
}: Pick<LayerSizes, "heads" | "kvHeads" | "dHead" | "dValue" | "gateWidth">): number {
  return heads * dHead + kvHeads * (dHead + dValue) + gateWidth;
}

/** Addresses of the kernels' structure and of the weights in it. */
export interface PackedLayer {
  readonly at: number;
  /** A structure of the same weights without norms, cap and sinks, where attention to one token is the identity. */
  readonly plain: number;
  /** Whether products with the value and output maps, which are not zero, may underflow. */
  readonly mayUnderflow: boolean;
  readonly project: number;
  readonly projectBack: number;
  readonly bias: number;
  /** 0 without an output map. */
  readonly output: number;
  readonly outputBack: number;
  /** 0 without one. */
  readonly outputBias: number;
}

/** Packs the weights in both directions, as they are: a copy of the layer in f64 has the same. */
export function packLayer(kernels: Kernels, region: Region, spec: ResolvedSpec): PackedLayer {
  const { dIn, dOut, heads, kvHeads, dHead, dValue, scale } = spec;
  const { heap } = region;
  const { word } = heap;
  const l2 = spec.kind === "l2";
  const gateWidth = spec.gate ? heads * dValue : 0;
  const channels = channelsOf({ heads, kvHeads, dHead, dValue, gateWidth });
  const parts = [spec.query, spec.key, spec.value, ...(spec.gate ? [spec.gate] : [])];
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
    for (const part of parts) {
      for (let e = 0; e < dIn; e++) {
        for (let c = 0, from = e * part.dOut, to = e * channels + first; c < part.dOut; c++) {
          view[to++] = part.weight[from++];
        }
      }
      if (part.bias) for (let c = 0; c < part.dOut; c++) biases[first + c] = part.bias[c];
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
  const modifiers = {
    sinks: spec.sinks ? realsOf(region, spec.sinks, "the sinks") : 0,
    queryNorm: spec.queryNorm ? packNorm(region, spec.queryNorm, 0) : 0,
    keyNorm: spec.keyNorm ? packNorm(region, spec.keyNorm, heads * dHead) : 0,
    ":cap": spec.softcap ?? 0,
  };
  const fields = { dIn, dOut, heads, kvHeads, dHead, dValue, channels, gateWidth, kind: l2 ? 1 : 0, ":scale": scale };
  const maps = { project, bias, projectBack, output, outputBias, outputBack };
  writeStruct(heap, layer, LAYER, { ...fields, ...maps, ...modifiers });
  const plain = region.bytes(LAYER.bytes, "a layer");
  writeStruct(heap, plain, LAYER, { ...fields, ...maps, sinks: 0, queryNorm: 0, keyNorm: 0 });
  const mayUnderflow = underflows(spec, word);
  return { at: layer, plain, mayUnderflow, project, projectBack, bias, output, outputBack, outputBias };
}

/** Entries of the product of the value and output maps, and what rounding leaves of them, against the least normal number. */
function underflows({ value, output }: ResolvedSpec, word: number): boolean {
  const largest = ({ weight }: ResolvedLinear) => {
    let most = 0;
    for (const entry of weight) most = Math.max(most, Math.abs(entry));
    return most;
  };
  const size = largest(value) * (output ? largest(output) : 1);
  const both = largest(value) > 0 && (!output || largest(output) > 0);
  return both && size < (word === 4 ? 2 ** -102 : 2 ** -969);
}

function packNorm(region: Region, norm: ResolvedScoreNorm, first: number): number {
  const { kind, epsilon, span, gain, bias, afterRope } = norm;
  const what = "the norms of queries and keys";
  const at = region.bytes(SCORE_NORM.bytes, what);
  writeStruct(region.heap, at, SCORE_NORM, {
    first,
    count: gain.length,
    span,
    centred: kind === "layer" ? 1 : 0,
    after: afterRope ? 1 : 0,
    gain: realsOf(region, gain, what),
    bias: bias ? realsOf(region, bias, what) : 0,
    ":epsilon": epsilon,
  });
  return at;
}

function realsOf(region: Region, data: Float64Array, what: string): number {
  const at = region.reals(data.length, what);
  region.heap.reals(at, data.length).set(data);
  return at;
}

/** The whole spec from the packed weights. */
export function unpackLayer(heap: Heap, layer: PackedLayer, sizes: LayerSizes): ResolvedSpec {
  const { dOut, heads, kvHeads, dHead, dValue, gateWidth } = sizes;
  const map = columnsOf(heap, layer, sizes);
  const width = heads * dValue;
  return {
    ...withoutWidth(sizes),
    scale: readField(heap, layer.at, LAYER, ":scale"),
    query: map(0, heads * dHead),
    key: map(heads * dHead, kvHeads * dHead),
    value: map((heads + kvHeads) * dHead, kvHeads * dValue),
    output: layer.output
      ? {
          ...{ dIn: width, dOut, weight: transposedRows(heap, layer.output, width, 0, dOut) },
          bias: layer.outputBias ? heap.reals(layer.outputBias, dOut).slice() : undefined,
        }
      : undefined,
    gate: gateWidth > 0 ? map(channelsOf(sizes) - gateWidth, gateWidth) : undefined,
  };
}

/** The layer that adds what one head adds: that head alone, or, where a norm ties it to the others, all of them muted. */
export function headSpec(heap: Heap, layer: PackedLayer, sizes: LayerSizes, head: number): ResolvedSpec {
  const { dIn, dOut, heads, kvHeads, dHead, dValue, gateWidth } = sizes;
  const width = heads * dValue;
  const own = { dIn: dValue, dOut: layer.output ? dOut : dValue };
  const rows = transposedRows(heap, layer.output, width, 0, layer.output ? dOut : 0);
  if ([sizes.queryNorm, sizes.keyNorm].some((norm) => norm && norm.span > dHead)) {
    const weight = new Float64Array(width * own.dOut);
    if (layer.output) weight.set(rows.subarray(head * dValue * dOut, (head + 1) * dValue * dOut), head * dValue * dOut);
    else for (let c = 0; c < dValue; c++) weight[(head * dValue + c) * dValue + c] = 1;
    return { ...unpackLayer(heap, layer, sizes), dOut: own.dOut, output: { dIn: width, dOut: own.dOut, weight } };
  }
  const group = Math.floor((head * kvHeads) / heads);
  const map = columnsOf(heap, layer, sizes);
  const output = { ...own, weight: rows.subarray(head * dValue * dOut, (head + 1) * dValue * dOut) };
  return {
    ...withoutWidth(sizes),
    heads: 1,
    kvHeads: 1,
    dIn,
    dOut: own.dOut,
    scale: readField(heap, layer.at, LAYER, ":scale"),
    query: map(head * dHead, dHead),
    key: map((heads + group) * dHead, dHead),
    value: map((heads + kvHeads) * dHead + group * dValue, dValue),
    output: layer.output ? output : undefined,
    queryNorm: sizes.queryNorm && normOfHead(sizes.queryNorm, head, dHead),
    keyNorm: sizes.keyNorm && normOfHead(sizes.keyNorm, group, dHead),
    bias: sizes.bias && biasOfHead(sizes.bias, head),
    sinks: sizes.sinks?.slice(head, head + 1),
    gate: gateWidth > 0 ? map(channelsOf(sizes) - gateWidth + head * dValue, dValue) : undefined,
  };
}

function withoutWidth({ gateWidth, ...sizes }: LayerSizes): Omit<LayerSizes, "gateWidth"> {
  return sizes;
}

/** Reads columns [first, first + columns) of the stacked projections back, with their biases. */
function columnsOf(heap: Heap, layer: PackedLayer, sizes: LayerSizes) {
  const { dIn } = sizes;
  const biases = heap.reals(layer.bias, channelsOf(sizes));
  return (first: number, columns: number): ResolvedLinear => ({
    dIn,
    dOut: columns,
    weight: transposedRows(heap, layer.project, dIn, first, columns),
    bias: biases.slice(first, first + columns),
  });
}

/** Rows [first, first + count) of strips of k steps, transposed: row-major [k, count]. */
export function transposedRows(heap: Heap, strips: number, k: number, first: number, count: number) {
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

// A layer's weights on the GPU: a row a channel, so that a head's are one range.

import { biasOfHead } from "../../layers/attention/bias.js";
import { normOfHead } from "../../layers/attention/scoreNorm.js";
import type { ResolvedSpec } from "../../layers/attention/spec.js";
import type { ResolvedLinear } from "../../layers/linear.js";
import type { Batch } from "./batch.js";
import type { Gpu } from "./gpu.js";
import { type Region, range, type View } from "./memory.js";

/** What is kept of a spec once its weights are on the GPU: the user's arrays are not held on to. */
export interface LayerSizes extends Omit<ResolvedSpec, "query" | "key" | "value" | "output" | "scale" | "gate"> {
  /** heads·dValue, or 0 without an output gate. */
  readonly gateWidth: number;
}

export interface LayerWeights {
  readonly scale: number;
  /** Of queries, keys, values and an output gate, [channels, dIn]. */
  readonly project: View;
  /** [channels] */
  readonly bias: View;
  /** [heads·dValue, dOut] */
  readonly output?: View;
  /** [dOut] */
  readonly outputBias?: View;
}

/** heads·dHead of queries, kvHeads·dHead of keys, kvHeads·dValue of values, and what a gate has. */
export function channelsOf({
  heads,
  kvHeads,
  dHead,
  dValue,
  gateWidth = 0,
}: Pick<ResolvedSpec, "heads" | "kvHeads" | "dHead" | "dValue"> & { gateWidth?: number }): number {
  return heads * dHead + kvHeads * (dHead + dValue) + gateWidth;
}

export function uploadWeights(region: Region, spec: ResolvedSpec): LayerWeights {
  const { dIn, query, key, value, gate, output } = spec;
  const channels = channelsOf(withoutWeights(spec));
  const weights = new Float32Array(channels * dIn);
  const biases = new Float32Array(channels);
  let first = 0;
  for (const part of [query, key, value, ...(gate ? [gate] : [])]) {
    for (let c = 0; c < part.dOut; c++) {
      for (let e = 0, to = (first + c) * dIn; e < dIn; e++) weights[to++] = part.weight[e * part.dOut + c];
      if (part.bias) biases[first + c] = part.bias[c];
    }
    first += part.dOut;
  }
  return {
    scale: spec.scale,
    project: region.upload(weights, "the weights"),
    bias: region.upload(biases, "the biases"),
    output: output && region.upload(output.weight, "the output weights"),
    outputBias: output?.bias && region.upload(output.bias, "the biases"),
  };
}

/** The weights as they are on the GPU, with the mask and the rotations of `sizes`; without the output map's bias. */
export async function downloadWeights(gpu: Gpu, layer: LayerWeights, sizes: LayerSizes): Promise<ResolvedSpec> {
  const { dIn, dOut, heads, kvHeads, dHead, dValue } = sizes;
  const outward = [layer.output, layer.outputBias].filter((view) => view !== undefined);
  const [project, bias, output, outputBias] = await gpu.flush([layer.project, layer.bias, ...outward]);
  const map = (first: number, columns: number): ResolvedLinear => {
    const weight = new Float32Array(dIn * columns);
    for (let c = 0; c < columns; c++) {
      for (let e = 0; e < dIn; e++) weight[e * columns + c] = project[(first + c) * dIn + e];
    }
    return { dIn, dOut: columns, weight, bias: bias.slice(first, first + columns) };
  };
  const { gateWidth, ...rest } = sizes;
  return {
    ...rest,
    scale: layer.scale,
    query: map(0, heads * dHead),
    key: map(heads * dHead, kvHeads * dHead),
    value: map((heads + kvHeads) * dHead, kvHeads * dValue),
    // Nothing of attention's Jacobian depends on its bias, and all that stands behind it in a block does.
    output: output && { dIn: heads * dValue, dOut, weight: output, bias: outputBias },
    gate: gateWidth > 0 ? map(channelsOf(sizes) - gateWidth, gateWidth) : undefined,
  };
}

export function withoutWeights({ query, key, value, output, scale, gate, ...sizes }: ResolvedSpec): LayerSizes {
  return { ...sizes, gateWidth: gate ? gate.dOut : 0 };
}

/**
 * The layer that adds what one head adds, without the output map's bias, its weights as copies that are recorded: that
 * head alone, or, where a norm ties it to the others, all of them muted.
 */
export function headOf(
  batch: Batch,
  layer: LayerWeights,
  sizes: LayerSizes,
  head: number,
): { sizes: LayerSizes; weights: (region: Region) => LayerWeights } {
  const { dHead, dValue, heads, kvHeads } = sizes;
  if ([sizes.queryNorm, sizes.keyNorm].some((norm) => norm && norm.span > dHead)) {
    const dOut = layer.output ? sizes.dOut : dValue;
    return { sizes: { ...sizes, dOut }, weights: (region) => mutedWeights(batch, region, layer, sizes, head) };
  }
  const group = Math.floor((head * kvHeads) / heads);
  const own: LayerSizes = {
    ...sizes,
    heads: 1,
    kvHeads: 1,
    dOut: layer.output ? sizes.dOut : dValue,
    queryNorm: sizes.queryNorm && normOfHead(sizes.queryNorm, head, dHead),
    keyNorm: sizes.keyNorm && normOfHead(sizes.keyNorm, group, dHead),
    bias: sizes.bias && biasOfHead(sizes.bias, head),
    sinks: sizes.sinks?.slice(head, head + 1),
    gateWidth: sizes.gateWidth > 0 ? dValue : 0,
  };
  return { sizes: own, weights: (region) => headWeights(batch, region, layer, sizes, head) };
}

/** All weights, with an output map that leaves all other heads out. */
function mutedWeights(
  batch: Batch,
  region: Region,
  { scale, project, bias, output }: LayerWeights,
  { heads, dValue, dOut }: LayerSizes,
  head: number,
): LayerWeights {
  const copied = (view: View) => {
    const to = region.words(view.size / 4, "a head's weights");
    batch.copy(view, to);
    return to;
  };
  const columns = output ? dOut : dValue;
  const rows = region.words(heads * dValue * columns, "a head's output weights");
  const own = range(rows, head * dValue * columns, dValue * columns);
  if (output) batch.copy(range(output, head * dValue * dOut, dValue * dOut), own);
  else {
    const identity = new Float32Array(dValue * dValue);
    for (let c = 0; c < dValue; c++) identity[c * dValue + c] = 1;
    batch.write(own, identity);
  }
  return { scale, project: copied(project), bias: copied(bias), output: rows };
}

function headWeights(batch: Batch, region: Region, layer: LayerWeights, sizes: LayerSizes, head: number): LayerWeights {
  const { dIn, dOut, heads, kvHeads, dHead, dValue } = sizes;
  const group = Math.floor((head * kvHeads) / heads);
  const { gateWidth } = sizes;
  const channels = 2 * dHead + dValue + (gateWidth > 0 ? dValue : 0);
  const project = region.words(channels * dIn, "a head's weights");
  const bias = region.words(channels, "a head's biases");
  const output = layer.output && region.words(dValue * dOut, "a head's output weights");
  const parts = [
    { from: head * dHead, to: 0, count: dHead },
    { from: (heads + group) * dHead, to: dHead, count: dHead },
    { from: (heads + kvHeads) * dHead + group * dValue, to: 2 * dHead, count: dValue },
    ...(gateWidth > 0
      ? [{ from: channelsOf(sizes) - gateWidth + head * dValue, to: 2 * dHead + dValue, count: dValue }]
      : []),
  ];
  for (const { from, to, count } of parts) {
    batch.copy(range(layer.project, from * dIn, count * dIn), range(project, to * dIn, count * dIn));
    batch.copy(range(layer.bias, from, count), range(bias, to, count));
  }
  if (layer.output && output) batch.copy(range(layer.output, head * dValue * dOut, dValue * dOut), output);
  return { scale: layer.scale, project, bias, output };
}

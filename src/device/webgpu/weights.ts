// A layer's weights on the GPU: a row a channel, so that a head's are one range.

import type { ResolvedSpec } from "../../layers/attention/spec.js";
import type { ResolvedLinear } from "../../layers/linear.js";
import type { Batch } from "./batch.js";
import type { Gpu } from "./gpu.js";
import { type Region, range, type View } from "./memory.js";

/** What is kept of a spec once its weights are on the GPU: the user's arrays are not held on to. */
export type LayerSizes = Omit<ResolvedSpec, "query" | "key" | "value" | "output" | "scale">;

export interface LayerWeights {
  readonly scale: number;
  /** Of queries, keys and values, [channels, dIn]. */
  readonly project: View;
  /** [channels] */
  readonly bias: View;
  /** [heads·dValue, dOut] */
  readonly output?: View;
  /** [dOut] */
  readonly outputBias?: View;
}

/** heads·dHead of queries, kvHeads·dHead of keys and kvHeads·dValue of values. */
export function channelsOf({ heads, kvHeads, dHead, dValue }: LayerSizes): number {
  return heads * dHead + kvHeads * (dHead + dValue);
}

export function uploadWeights(region: Region, spec: ResolvedSpec): LayerWeights {
  const { dIn, query, key, value, output } = spec;
  const channels = channelsOf(spec);
  const weights = new Float32Array(channels * dIn);
  const biases = new Float32Array(channels);
  let first = 0;
  for (const part of [query, key, value]) {
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
  const views = [layer.project, layer.bias, ...(layer.output ? [layer.output] : [])];
  const [project, bias, output] = await gpu.flush(views);
  const map = (first: number, columns: number): ResolvedLinear => {
    const weight = new Float32Array(dIn * columns);
    for (let c = 0; c < columns; c++) {
      for (let e = 0; e < dIn; e++) weight[e * columns + c] = project[(first + c) * dIn + e];
    }
    return { dIn, dOut: columns, weight, bias: bias.slice(first, first + columns) };
  };
  return {
    ...sizes,
    scale: layer.scale,
    query: map(0, heads * dHead),
    key: map(heads * dHead, kvHeads * dHead),
    value: map((heads + kvHeads) * dHead, kvHeads * dValue),
    output: output && { dIn: heads * dValue, dOut, weight: output },
  };
}

export function withoutWeights({ query, key, value, output, scale, ...sizes }: ResolvedSpec): LayerSizes {
  return sizes;
}

/** The sizes of one head as a layer, without the output map's bias. */
export function headSizes(sizes: LayerSizes, hasOutput: boolean): LayerSizes {
  return { ...sizes, heads: 1, kvHeads: 1, dOut: hasOutput ? sizes.dOut : sizes.dValue };
}

/** One head's weights, as copies that are recorded. */
export function headWeights(
  batch: Batch,
  region: Region,
  layer: LayerWeights,
  sizes: LayerSizes,
  head: number,
): LayerWeights {
  const { dIn, dOut, heads, kvHeads, dHead, dValue } = sizes;
  const group = Math.floor((head * kvHeads) / heads);
  const channels = 2 * dHead + dValue;
  const project = region.words(channels * dIn, "a head's weights");
  const bias = region.words(channels, "a head's biases");
  const output = layer.output && region.words(dValue * dOut, "a head's output weights");
  const parts = [
    { from: head * dHead, to: 0, count: dHead },
    { from: (heads + group) * dHead, to: dHead, count: dHead },
    { from: (heads + kvHeads) * dHead + group * dValue, to: 2 * dHead, count: dValue },
  ];
  for (const { from, to, count } of parts) {
    batch.copy(range(layer.project, from * dIn, count * dIn), range(project, to * dIn, count * dIn));
    batch.copy(range(layer.bias, from, count), range(bias, to, count));
  }
  if (layer.output && output) batch.copy(range(layer.output, head * dValue * dOut, dValue * dOut), output);
  return { scale: layer.scale, project, bias, output };
}

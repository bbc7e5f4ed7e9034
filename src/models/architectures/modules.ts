// PyTorch's modules under their names. Made, each announces its tensors, so that what is missing or misshapen is named
// before any work; called, it reads them.

import { type RealArray, type Tensor, tensor } from "../../base/tensor.js";
import type { Linear } from "../../layers/linear.js";
import type { NormSpec } from "../../layers/norm.js";
import type { WeightSource } from "../forward/weights.js";
import type { Read } from "./architecture.js";

/** Some outputs of a linear map. */
export interface Rows {
  /** Their numbers, in the order in which they are wanted. */
  readonly rows: Int32Array;
  /** A factor on each. */
  readonly factors?: Float64Array;
}

export interface LinearRule {
  readonly name: string;
  readonly dIn: number;
  readonly dOut: number;
  /** Undefined: as the file has it. */
  readonly bias?: boolean;
  /** Stored [in, out], as GPT-2's Conv1D is, not [out, in]. */
  readonly transposed?: boolean;
}

/** A linear map, or parts of its outputs as maps of their own. */
export function linear(weights: WeightSource, rule: LinearRule): Read<Linear>;
export function linear(weights: WeightSource, rule: LinearRule, parts: readonly Rows[]): Read<Linear[]>;
export function linear(weights: WeightSource, rule: LinearRule, parts?: readonly Rows[]): Read<Linear | Linear[]> {
  const { name, dIn, dOut, transposed = false } = rule;
  const bias = rule.bias ?? weights.has(`${name}.bias`);
  weights.require(`${name}.weight`, transposed ? [dIn, dOut] : [dOut, dIn]);
  if (bias) weights.require(`${name}.bias`, [dOut]);
  return async () => {
    const stored = await weights.tensor(`${name}.weight`);
    const offset = bias ? await weights.tensor(`${name}.bias`) : undefined;
    const made = (parts ?? [undefined]).map((part) => outputs(stored, offset, transposed, part));
    return parts ? made : made[0];
  };
}

/** The outputs [from, to) of a map. */
export function rowsBetween(from: number, to: number): Int32Array {
  return Int32Array.from({ length: to - from }, (_, at) => from + at);
}

export interface NormRule {
  readonly kind: "layer" | "rms";
  readonly width: number;
  readonly epsilon: number;
  /** Added to what is stored. */
  readonly gainOffset?: number;
  /** Whether there is a gain; default true. */
  readonly gain?: boolean;
  /** Whether a layer norm has a bias; default true. */
  readonly bias?: boolean;
}

/** Layer norm, or RMS norm (Zhang and Sennrich 2019); the first TensorFlow checkpoints say gamma and beta. */
export function norm(weights: WeightSource, name: string, rule: NormRule): Read<NormSpec> {
  const { kind, width, epsilon, gainOffset = 0, gain = true, bias = kind === "layer" } = rule;
  const old = !weights.has(`${name}.weight`) && weights.has(`${name}.gamma`);
  const [gainName, biasName] = old ? [`${name}.gamma`, `${name}.beta`] : [`${name}.weight`, `${name}.bias`];
  if (gain) weights.require(gainName, [width]);
  if (bias) weights.require(biasName, [width]);
  return async () => {
    const stored = gain ? await weights.tensor(gainName) : tensor(new Float64Array(width).fill(1), [width]);
    const made = gainOffset === 0 ? stored : scaled(stored, (entry) => gainOffset + entry);
    return { kind, gain: made, epsilon, ...(bias ? { bias: await weights.tensor(biasName) } : {}) };
  };
}

/** The map whose outputs are `factor` (a number, or one an output) times as large. */
export function scaledLinear({ weight, bias }: Linear, factor: number | RealArray): Linear {
  const columns = (weight as Tensor).shape[1];
  const by = (at: number) => (typeof factor === "number" ? factor : factor[at % columns]);
  const times = (part: Tensor) => scaled(part, (entry, at) => by(at) * entry);
  return { weight: times(weight as Tensor), ...(bias ? { bias: times(bias as Tensor) } : {}) };
}

/** In doubles: what is stored in less would be rounded twice. */
function scaled({ data, shape }: Tensor, map: (entry: number, at: number) => number): Tensor {
  return tensor(
    Float64Array.from(data, (entry, at) => map(entry, at)),
    shape,
  );
}

/** Some outputs of a stored map as [dIn, outputs]. */
function outputs(stored: Tensor, offset: Tensor | undefined, transposed: boolean, part?: Rows): Linear {
  const [dOut, dIn] = transposed ? [stored.shape[1], stored.shape[0]] : stored.shape;
  const { rows = rowsBetween(0, dOut), factors } = part ?? {};
  const [perRow, perColumn] = transposed ? [1, dOut] : [dIn, 1];
  const weight = like(stored.data, dIn * rows.length, factors !== undefined);
  for (let from = 0; from < dIn; from += tile) {
    const to = Math.min(from + tile, dIn);
    for (let o = 0; o < rows.length; o++) {
      const factor = factors ? factors[o] : 1;
      let at = rows[o] * perRow + from * perColumn;
      for (let i = from; i < to; i++, at += perColumn) weight[i * rows.length + o] = factor * stored.data[at];
    }
  }
  const made: Linear = { weight: tensor(weight, [dIn, rows.length]) };
  if (!offset) return made;
  const bias = like(offset.data, rows.length, factors !== undefined);
  for (let o = 0; o < rows.length; o++) bias[o] = (factors ? factors[o] : 1) * offset.data[rows[o]];
  return { ...made, bias: tensor(bias, [rows.length]) };
}

const tile = 32;

function like(data: RealArray, length: number, double: boolean): RealArray {
  return data instanceof Float32Array && !double ? new Float32Array(length) : new Float64Array(length);
}

// Random small attention layers of every option, in twelve regimes that have misled solvers.
import fc from "fast-check";
import { Random } from "../../src/base/random.js";
import type { Tensor } from "../../src/base/tensor.js";
import type { AttentionSpec } from "../../src/layers/attention/spec.js";
import type { Linear } from "../../src/layers/linear.js";
import { attentionCases } from "../../test/reference/arbitraries.js";

export interface DrawnLayer {
  readonly index: number;
  readonly regime: string;
  readonly spec: AttentionSpec;
  readonly x: Tensor;
}

interface Parts {
  spec: AttentionSpec;
  x: Tensor;
  random: Random;
}

/** Each changes a layer of order one in place. */
const regimes: Record<string, (parts: Parts) => void> = {
  plain: () => undefined,
  "tokens far from the origin": ({ x, random }) => add(x, everywhere(x, 100 * random.gaussian())),
  "large value biases": ({ spec, random }) => bias(spec.value, random, 1e4),
  "large key biases": ({ spec, random }) => spec.key && bias(spec.key, random, 100),
  "large query biases": ({ spec, random }) => !spec.tiedValue && bias(spec.query, random, 10),
  "small weights": ({ spec }) =>
    scaleAll(
      maps(spec).map((map) => map.weight as Tensor),
      2 ** -12,
    ),
  "values of many sizes": ({ spec, random }) => columns(spec.value.weight as Tensor, random),
  "tokens repeated": ({ x }) => repeat(x, 0),
  "tokens nearly repeated": ({ x, random }) => repeat(x, 1e-3, random),
  "values of rank one": ({ spec, random }) => flatten(spec.value.weight as Tensor, random),
  cold: ({ spec }) => scale(spec.query.weight as Tensor, 2 ** -6),
  hot: ({ spec, x }) => scaleAll([spec.query.weight as Tensor, x], 4),
};

export const regimeNames = Object.keys(regimes);

/** Layer `index` of a seed is always the same. Every number in an array is one of f32, so that both dtypes are given the same. */
export function drawLayer(seed: number, index: number): DrawnLayer {
  const random = new Random([seed, index]);
  const regime = regimeNames[index % regimeNames.length];
  const l2 = random.uniform() < 0.25;
  const modified = !l2 && random.uniform() < 0.5;
  const modifiers = modified ? (["queryNorm", "keyNorm", "softcap", "bias", "sinks", "gate"] as const) : [];
  const size = { maxTokens: 8, maxWidth: 8, maxHeads: 3 };
  const cases = attentionCases({ kind: l2 ? "l2" : "dot-product", modifiers, ...size });
  const [{ spec, x }] = fc.sample(cases, { seed: random.uint32() | 0, numRuns: 1 });
  const parts = { spec, x, random };
  regimes[regime](parts);
  return { index, regime, spec: inSingle(parts.spec), x: inSingle(x) };
}

function maps(spec: AttentionSpec): Linear[] {
  return [spec.query, spec.key, spec.value, spec.output].filter((map): map is Linear => map !== undefined);
}

function scaleAll(tensors: readonly Tensor[], factor: number): void {
  for (const each of tensors) scale(each, factor);
}

function scale({ data }: Tensor, factor: number): void {
  for (let i = 0; i < data.length; i++) data[i] *= factor;
}

function everywhere({ shape }: Tensor, value: number): number[] {
  return new Array<number>(shape[1]).fill(value);
}

function add({ data, shape }: Tensor, token: readonly number[]): void {
  for (let i = 0; i < data.length; i++) data[i] += token[i % shape[1]];
}

function bias(map: Linear, random: Random, std: number): void {
  const [, width] = (map.weight as Tensor).shape;
  Object.assign(map, { bias: { data: random.fillGaussian(new Float64Array(width), std), shape: [width] } });
}

function columns({ data, shape }: Tensor, random: Random): void {
  const sizes = Array.from({ length: shape[1] }, () => 10 ** (-6 * random.uniform()));
  for (let i = 0; i < data.length; i++) data[i] *= sizes[i % shape[1]];
}

function repeat({ data, shape }: Tensor, noise: number, random?: Random): void {
  for (let i = shape[1]; i < data.length; i++) data[i] = data[i % shape[1]] + noise * (random?.gaussian() ?? 0);
}

function flatten({ data, shape }: Tensor, random: Random): void {
  const row = random.fillGaussian(new Float64Array(shape[1]));
  const column = random.fillGaussian(new Float64Array(shape[0]));
  for (let i = 0; i < data.length; i++) data[i] = Math.fround(column[Math.floor(i / shape[1])]) * row[i % shape[1]];
}

/** A copy, all numbers in arrays rounded to f32. */
function inSingle<T>(value: T): T {
  if (value instanceof Float64Array || value instanceof Float32Array) return Float64Array.from(value, Math.fround) as T;
  if (value instanceof Uint8Array || value === null || typeof value !== "object") return value;
  if (Array.isArray(value)) return value.map(inSingle) as T;
  return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, inSingle(entry)])) as T;
}

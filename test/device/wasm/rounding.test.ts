// Rounding of products in f32 against f64 at the same input, as much as the operator says and no more; probabilities
// below rounding are exactly 0, so that nothing subnormal slows the kernels down (docs/theory.md, section 10).
import { describe, expect, it } from "vitest";
import { Random } from "../../../src/base/random.js";
import { sizeOf, type Tensor, tensor } from "../../../src/base/tensor.js";
import { toDense } from "../../../src/jacobian/toDense.js";
import type { AttentionSpec } from "../../../src/layers/attention/spec.js";
import { createRuntime } from "../../../src/measure/createRuntime.js";

const rounded = (data: Float64Array) => Float64Array.from(data, Math.fround);

/** A layer and an input whose numbers f32 holds. */
function problem(
  seed: number,
  changes: { scores?: number; offset?: number; bias?: number; kind?: "l2"; rope?: boolean },
) {
  const { scores = 1, offset = 0, bias = 0, kind, rope } = changes;
  const random = new Random(seed);
  const gaussian = (shape: number[], std: number) =>
    tensor(rounded(random.fillGaussian(new Float64Array(sizeOf(shape)), std)), shape);
  const d = 8;
  const n = 6 + (seed % 7);
  const spec: AttentionSpec = {
    ...(kind ? { kind } : {}),
    heads: 2,
    query: { weight: gaussian([d, d], scores * 0.35), bias: gaussian([d], scores * bias) },
    key: { weight: gaussian([d, d], 0.35), bias: gaussian([d], bias) },
    value: { weight: gaussian([d, d], 0.35), bias: gaussian([d], bias) },
    mask: seed % 2 === 0 ? "none" : "causal",
    ...(rope ? { rope: { base: 30 } } : {}),
  };
  const x = gaussian([n, d], 1);
  const common = gaussian([d], offset);
  return { spec, x: tensor(rounded(x.data.map((entry, at) => entry + common.data[at % d]) as Float64Array), x.shape) };
}

/** The largest |entry| sum of a row, an upper bound of a matrix's norm after the root of its transpose's. */
function norm({ data, shape: [rows, columns] }: Tensor): number {
  let [most, mostColumn] = [0, 0];
  const sums = new Float64Array(columns);
  for (let i = 0; i < rows; i++) {
    let sum = 0;
    for (let j = 0; j < columns; j++) {
      sum += Math.abs(data[i * columns + j]);
      sums[j] += Math.abs(data[i * columns + j]);
    }
    most = Math.max(most, sum);
  }
  for (const sum of sums) mostColumn = Math.max(mostColumn, sum);
  return Math.sqrt(most * mostColumn);
}

const regimes: [string, Parameters<typeof problem>[1]][] = [
  ["scores of order one", {}],
  ["biases of 1e4", { bias: 1e4, scores: 1e-4 }],
  ["tokens 1e3 from the origin", { offset: 1e3, scores: 1e-3 }],
  ["scores in the thousands", { scores: 1e3 }],
  ["scores in the millions", { scores: 1e6 }],
  ["rotary positions and biases of 100", { bias: 100, scores: 1e-2, rope: true }],
  ["distances", { kind: "l2" }],
  ["distances of tokens 1e3 from the origin", { kind: "l2", offset: 1e3 }],
];

it.each(regimes)("with %s the f32 Jacobian is within its roundoff of the f64 one", async (_, changes) => {
  const [single, double] = [
    await createRuntime({ device: "wasm", dtype: "f32" }),
    await createRuntime({ device: "wasm", dtype: "f64" }),
  ];
  for (let seed = 0; seed < 25; seed++) {
    const { spec, x } = problem(seed, changes);
    const [layer, exact] = [single.attention(spec), double.attention(spec)];
    const [at, wanted] = [await layer.linearize(x), await exact.linearize(x)];
    const [found, want] = [await toDense(at), await toDense(wanted)];
    const difference = tensor(
      Float64Array.from(want.data, (entry, i) => found.data[i] - entry),
      want.shape,
    );
    const roundoff = at.onDevice?.operator.roundoff ?? 0;
    expect(roundoff).toBeGreaterThanOrEqual(1e-5);
    expect(norm(difference)).toBeLessThanOrEqual(roundoff * norm(want));
    for (const one of [at, wanted, layer, exact]) one.dispose();
  }
  single.dispose();
  double.dispose();
});

describe("roundoff", () => {
  const roundoffOf = async (changes: Parameters<typeof problem>[1], more: Partial<AttentionSpec> = {}) => {
    const runtime = await createRuntime({ device: "wasm", dtype: "f32" });
    const { spec, x } = problem(3, changes);
    const at = await runtime.attention({ ...spec, ...more }).linearize(x);
    const { roundoff } = at.onDevice?.operator ?? { roundoff: 0 };
    runtime.dispose();
    return roundoff;
  };

  it("does not see the biases of keys and values", async () => {
    const { spec } = problem(3, {});
    const far = { weight: spec.value.weight, bias: tensor(new Float64Array(8).fill(1e7), [8]) };
    expect(await roundoffOf({}, { value: far })).toBe(1e-5);
    const key = { weight: (spec.key as AttentionSpec["query"]).weight, bias: far.bias };
    expect(await roundoffOf({}, { key })).toBe(1e-5);
  });

  it("says where rounding is everything", async () => {
    expect(await roundoffOf({ scores: 1e7 })).toBeGreaterThan(1e-2);
  });
});

it.each([
  ["f32", 60],
  ["f64", 600],
] as const)("in %s a probability whose score is %i below its row's largest is exactly 0", async (dtype, gap) => {
  const runtime = await createRuntime({ device: "wasm", dtype });
  const one = { weight: tensor(Float64Array.of(1), [1, 1]) };
  const layer = runtime.attention({ heads: 1, scale: 1, query: one, key: one, value: one });
  const x = tensor(Float64Array.of(1, 0.5, 1 - gap), [3, 1]);
  const { data } = await layer.probabilities(x);
  expect(data[2]).toBe(0);
  expect(data[0] + data[1]).toBeCloseTo(1, 6);
  expect(data[1]).toBeGreaterThan(0.3);
  runtime.dispose();
});

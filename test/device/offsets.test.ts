// What never enters the Jacobian never enters its numbers: biases of values and keys, and what all tokens have in common
// (docs/theory.md, "Rounding").

import { describe, expect, it } from "vitest";
import { Random } from "../../src/base/random.js";
import { type Tensor, tensor } from "../../src/base/tensor.js";
import { gradient } from "../../src/jacobian/gradient.js";
import type { Mask } from "../../src/layers/attention/mask.js";
import type { AttentionSpec } from "../../src/layers/attention/spec.js";
import { createRuntime } from "../../src/measure/createRuntime.js";
import { referenceAttention } from "../reference/attention.js";
import { relativeError } from "./close.js";
import { onWebGpu, variantRuntime, variants } from "./variants.js";

function gaussian(seed: number, shape: number[], std = 1): Tensor {
  const data = new Float64Array(shape.reduce((a, b) => a * b, 1));
  new Random(seed).fillGaussian(data, std);
  return tensor(data, shape);
}

const n = 45;

/** Tokens 40 and later may be seen by nobody, and queries 9, 19, … see nothing. */
function holes(): Mask {
  const allowed = new Uint8Array(n * n);
  for (let i = 0; i < n; i++) for (let j = 0; j < 40; j++) allowed[i * n + j] = i % 10 === 9 ? 0 : 1;
  return { allowed };
}

function layer(changes: Partial<AttentionSpec>): AttentionSpec {
  return {
    heads: 4,
    kvHeads: 2,
    query: { weight: gaussian(1, [11, 24], 0.4), bias: gaussian(2, [24], 0.3) },
    key: { weight: gaussian(3, [11, 12], 0.4) },
    value: { weight: gaussian(4, [11, 10], 0.4) },
    output: { weight: gaussian(5, [20, 9], 0.3), bias: gaussian(6, [9]) },
    ...changes,
  };
}

const kinds: [string, Partial<AttentionSpec>][] = [
  ["dot products", {}],
  ["dot products with rotary positions", { rope: { base: 100 } }],
  ["dot products through a window", { mask: { window: { left: 7, right: 0 } } }],
  ["dot products where tokens are unseen and queries see nothing", { mask: holes() }],
  ["distances", { kind: "l2" }],
  ["causal distances", { kind: "l2", mask: "causal" }],
  [
    "distances of tied maps",
    {
      kind: "l2",
      kvHeads: 4,
      key: undefined,
      query: { weight: gaussian(1, [11, 24], 0.4) },
      value: { weight: gaussian(4, [11, 20], 0.4) },
      tiedValue: true,
    },
  ],
];

const u = gaussian(8, [n, 11]);
const g = gaussian(9, [n, 9]);

/** J u, Jᵀ g and ∇⟨g, J u⟩ of a layer at x. */
async function derivatives(variant: (typeof variants)[number], spec: AttentionSpec, x: Tensor) {
  const runtime = await variantRuntime(variant);
  const attention = runtime.attention(spec);
  const at = await attention.linearize(x);
  const found = [await at.jvp(u), await at.vjp(g), await gradient(at, u, g)].map(({ data }) => data);
  at.dispose();
  runtime.dispose();
  return found;
}

describe.each(variants)("the Jacobian in $name", (variant) => {
  const limit = variant.dtype === "f64" ? 1e-9 : 1e-4;
  const x = gaussian(7, [n, 11]);

  it.each(kinds)("of %s does not move with a value bias of 1e8, to the last bit", async (_, changes) => {
    const spec = layer(changes);
    const biased = { ...spec, value: { ...spec.value, bias: gaussian(10, [spec.value.weight.data.length / 11], 1e8) } };
    expect(await derivatives(variant, biased, x)).toEqual(await derivatives(variant, spec, x));
  });

  it.each(kinds.filter(([name]) => !name.includes("rotary") && !name.includes("tied")))(
    "of %s does not move with what keys, or queries and keys, have in common",
    async (_, changes) => {
      const spec = layer(changes);
      const shift = gaussian(11, [12], 1e5);
      const both = tensor(
        Float64Array.from({ length: 24 }, (_, c) => shift.data[Math.floor(c / 12) * 6 + (c % 6)]),
        [24],
      );
      const query = spec.kind === "l2" ? { weight: spec.query.weight, bias: both } : spec.query;
      const plain = spec.kind === "l2" ? { ...spec, query: { weight: spec.query.weight } } : spec;
      const moved = { ...spec, query, key: { weight: gaussian(3, [11, 12], 0.4), bias: shift } };
      expect(await derivatives(variant, moved, x)).toEqual(await derivatives(variant, plain, x));
    },
  );

  it.each(kinds)("of %s has the digits of its tokens' differences", async (_, changes) => {
    const spec = layer(changes);
    // Tokens around 2^10: exact in f32, and so is the mean's multiple; queries see the offset through W_Q.
    const offset = spec.kind === "l2" ? 2 ** 10 : 4;
    const data = Float64Array.from(x.data, (value) => Math.round(value * 2 ** 10) / 2 ** 10 + offset);
    const far = tensor(data, x.shape);
    const reference = referenceAttention(spec, far);
    const [jvp, vjp] = await derivatives(variant, spec, far);
    const loose = spec.kind === "l2" && spec.key ? 30 * limit : limit;
    expect(relativeError(jvp, reference.jvp(u).data)).toBeLessThan(loose);
    expect(relativeError(vjp, reference.vjp(g).data)).toBeLessThan(loose);
  });

  it.each(kinds)("of %s is exactly zero where W_V is, whatever the bias", async (_, changes) => {
    const spec = layer(changes);
    const columns = spec.value.weight.data.length / 11;
    const value = { weight: tensor(new Float64Array(11 * columns), [11, columns]), bias: gaussian(12, [columns]) };
    const found = await derivatives(variant, { ...spec, value }, x);
    for (const numbers of found.slice(0, 2)) expect(numbers.every((entry) => entry === 0)).toBe(true);
  });

  it.each(kinds)("goes with an output of %s that has its biases", async (_, changes) => {
    const spec = layer(changes);
    const value = { ...spec.value, bias: gaussian(13, [spec.value.weight.data.length / 11]) };
    const key = spec.key && { ...spec.key, bias: gaussian(14, [12]) };
    const biased = { ...spec, value, key };
    const runtime = await variantRuntime(variant);
    const { data } = await runtime.attention(biased).forward(x);
    runtime.dispose();
    expect(relativeError(data, referenceAttention(biased, x).output.data)).toBeLessThan(limit);
  });
});

describe.skipIf(onWebGpu).each(["f32", "f64"] as const)("offsets in %s", (dtype) => {
  it.each(kinds)("of %s give the same bits on two threads and with streamed scores", async (_, changes) => {
    const spec = layer(changes);
    const value = { ...spec.value, bias: gaussian(13, [spec.value.weight.data.length / 11], 1e3) };
    const many = 150;
    const mask = "allowed" in Object(changes.mask ?? {}) ? "causal" : changes.mask;
    const x = gaussian(15, [many, 11]);
    const results = [];
    for (const options of [{}, { threads: 2 }, { scoreBudget: 0 }]) {
      const runtime = await createRuntime({ device: "wasm", dtype, ...options });
      const at = await runtime.attention({ ...spec, value, mask }).linearize(x);
      const [right, left] = [gaussian(16, [many, 11]), gaussian(17, [many, 9])];
      const found = [at.output, await at.jvp(right), await at.vjp(left), await gradient(at, right, left)];
      results.push(found.map(({ data }) => data));
      at.dispose();
      runtime.dispose();
    }
    const [one, two, streamed] = results;
    expect(two).toEqual(one);
    expect(streamed).toEqual(one);
  });
});

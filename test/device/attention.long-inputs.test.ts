// Inputs of several groups of queries, with masks that rule out whole tiles, whole groups and whole rows.
import { describe, expect, it } from "vitest";
import { Random } from "../../src/base/random.js";
import { tensor } from "../../src/base/tensor.js";
import type { Mask } from "../../src/layers/attention/mask.js";
import type { AttentionSpec } from "../../src/layers/attention/spec.js";
import { referenceAttention } from "../reference/attention.js";
import { relativeError, tolerance } from "./close.js";
import { variantRuntime, variants } from "./variants.js";

function gaussian(seed: number, shape: number[], std = 1) {
  const data = new Float64Array(shape.reduce((a, b) => a * b, 1));
  new Random(seed).fillGaussian(data, std);
  return tensor(data, shape);
}

function blockSparse(n: number): Mask {
  const random = new Random(5);
  const keep = Array.from({ length: 400 }, () => random.uniform() < 0.3);
  const block = Math.ceil(n / 20);
  const allowed = new Uint8Array(n * n);
  for (let i = 0; i < n; i++) {
    // The first 100 queries, a whole group, attend to nothing at all.
    if (i < 100) continue;
    for (let j = 0; j < n; j++) {
      allowed[i * n + j] = keep[Math.floor(i / block) * 20 + Math.floor(j / block)] && (i * j) % 7 !== 3 ? 1 : 0;
    }
  }
  return { allowed };
}

const cases: [string, number, (n: number) => Mask, AttentionSpec["kind"]?][] = [
  ["none", 97, () => "none"],
  ["causal", 203, () => "causal"],
  ["a window", 203, () => ({ window: { left: 30, right: 5 } })],
  ["chunks that look back", 203, () => ({ chunk: { size: 40, left: 1 } })],
  ["sparse blocks", 230, blockSparse],
  ["causal sparse blocks", 230, (n) => ({ all: ["causal", blockSparse(n)] })],
  ["causal, by distance", 203, () => "causal", "l2"],
  ["sparse blocks, by distance", 230, blockSparse, "l2"],
];

describe.each(variants)("attention in $name on long inputs", (variant) => {
  it.each(cases)("%s, n = %i", async (_, n, mask, kind) => {
    const runtime = await variantRuntime(variant);
    const spec: AttentionSpec = {
      kind,
      heads: 4,
      kvHeads: 2,
      query: { weight: gaussian(1, [11, 28], 0.4), bias: gaussian(2, [28], 0.3) },
      key: { weight: gaussian(3, [11, 14], 0.4) },
      value: { weight: gaussian(4, [11, 10], 0.4), bias: gaussian(5, [10]) },
      output: { weight: gaussian(6, [20, 9], 0.3) },
      mask: mask(n),
    };
    const x = gaussian(7, [n, 11]);
    const u = gaussian(8, [n, 11]);
    const g = gaussian(9, [n, 9]);
    const reference = referenceAttention(spec, x);
    const limit = tolerance(variant.dtype, reference.largestLogit);
    const layer = runtime.attention(spec);
    const at = await layer.linearize(x);
    expect(relativeError(at.output.data, reference.output.data)).toBeLessThan(limit);
    expect(relativeError((await layer.probabilities(x)).data, reference.probabilities.data)).toBeLessThan(limit);
    expect(relativeError((await at.jvp(u)).data, reference.jvp(u).data)).toBeLessThan(limit);
    expect(relativeError((await at.vjp(g)).data, reference.vjp(g).data)).toBeLessThan(limit);
    runtime.dispose();
  });
});

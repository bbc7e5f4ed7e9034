// Cross-attention against plain loops on doubles: as self-attention over both sequences, of which the first may ask only
// the second (docs/theory.md, section 14).
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Random } from "../../src/base/random.js";
import { sizeOf, type Tensor, tensor } from "../../src/base/tensor.js";
import { gradient } from "../../src/jacobian/gradient.js";
import { toDense } from "../../src/jacobian/toDense.js";
import type { Mask } from "../../src/layers/attention/mask.js";
import type { AttentionSpec } from "../../src/layers/attention/spec.js";
import { createRuntime } from "../../src/measure/createRuntime.js";
import { localLipschitz } from "../../src/measure/localLipschitz.js";
import { spectralNorm } from "../../src/spectral/spectralNorm.js";
import { allowedPairs, referenceAttention } from "../reference/attention.js";
import { relativeError, scaledError } from "./close.js";
import { onWebGpu, variantRuntime, variants } from "./variants.js";

interface Case {
  spec: AttentionSpec;
  x: Tensor;
  memory: Tensor;
  u: Tensor;
  w: Tensor;
  g: Tensor;
}

/** Queries of width 7 or 9, memories of 9, every modifier but a bias. */
const cases: fc.Arbitrary<Case> = fc
  .record({
    n: fc.integer({ min: 1, max: 21 }),
    m: fc.integer({ min: 1, max: 21 }),
    narrow: fc.boolean(),
    kind: fc.constantFrom("dot-product", "l2"),
    mask: fc.constantFrom<Mask>("none", "causal", { window: { left: 3, right: 2 } }, { chunk: { size: 4, right: 1 } }),
    rope: fc.boolean(),
    more: fc.boolean(),
    seed: fc.nat(),
  })
  .map(({ n, m, narrow, kind, mask, rope, more, seed }) => {
    const random = new Random(seed);
    const gaussian = (shape: number[], std: number) =>
      tensor(random.fillGaussian(new Float64Array(sizeOf(shape)), std), shape);
    const linear = (from: number, to: number) => ({ weight: gaussian([from, to], 0.35), bias: gaussian([to], 0.4) });
    const dot = kind === "dot-product";
    const width = narrow ? 7 : 9;
    const norm = (): AttentionSpec["queryNorm"] => ({ kind: "rms", gain: gaussian([4], 1), epsilon: 0.1 });
    const spec: AttentionSpec = {
      kind: kind as "dot-product" | "l2",
      heads: 4,
      kvHeads: 2,
      query: linear(width, 16),
      key: linear(9, 8),
      value: linear(9, 6),
      output: linear(12, 5),
      mask,
      ...(dot && rope ? { rope: { base: 20 } } : {}),
      ...(dot && more ? { queryNorm: norm(), keyNorm: norm(), softcap: 1.5, sinks: gaussian([4], 1) } : {}),
      ...(more ? { gate: linear(width, 12) } : {}),
    };
    // The memory far from the queries' origin.
    const far = gaussian([1, 9], 3);
    const memory = tensor(
      gaussian([m, 9], 1).data.map((entry, at) => entry + far.data[at % 9]),
      [m, 9],
    );
    const [x, u] = [gaussian([n, width], 1), gaussian([n, width], 1)];
    return { spec, x, memory, u, w: gaussian([m, 9], 1), g: gaussian([n, 5], 1) };
  });

/** Tokens of both sequences, of the memory's width, at places where positions are their own: memory first. */
function reference({ spec, x, memory }: Pick<Case, "spec" | "x" | "memory">) {
  const [n, m] = [x.shape[0], memory.shape[0]];
  const most = Math.max(n, m);
  const width = memory.shape[1];
  // Rotations go by position, which both sequences count from 0: each query is a token of its own run of the reference.
  const wide = (own: Tensor) => {
    const rows = new Float64Array(own.shape[0] * width);
    for (let i = 0; i < own.shape[0]; i++) {
      rows.set(own.data.subarray(i * own.shape[1], (i + 1) * own.shape[1]), i * width);
    }
    return rows;
  };
  const pad = (map: NonNullable<AttentionSpec["gate"]>) => {
    const [from, to] = (map.weight as Tensor).shape;
    const data = new Float64Array(width * to);
    data.set((map.weight as Tensor).data.subarray(0, from * to));
    return { ...map, weight: tensor(data, [width, to]) };
  };
  const allowed = allowedPairs(spec.mask ?? "none", most);
  const angles = (pairs: number) =>
    tensor(
      Float64Array.from({ length: (n + m) * pairs }, (_, at) => {
        const token = Math.floor(at / pairs);
        return (token < n ? token : token - n) * 20 ** (-(at % pairs) / pairs);
      }),
      [n + m, pairs],
    );
  const both = new Uint8Array((n + m) ** 2);
  for (let i = 0; i < n; i++) for (let j = 0; j < m; j++) both[i * (n + m) + n + j] = allowed[i][j] ? 1 : 0;
  const whole: AttentionSpec = {
    ...spec,
    query: pad(spec.query),
    mask: { allowed: both },
    ...(spec.gate ? { gate: pad(spec.gate) } : {}),
    ...(spec.rope ? { rope: { angles: angles(2) } } : {}),
  };
  const together = (a: Tensor, b: Tensor) => tensor(Float64Array.of(...wide(a), ...b.data), [n + m, width]);
  const layer = referenceAttention(whole, together(x, memory));
  const rows = ({ data }: Tensor, first: number, count: number, columns: number) =>
    Float64Array.from(
      { length: count * columns },
      (_, at) => data[(first + Math.floor(at / columns)) * (data.length / (n + m)) + (at % columns)],
    );
  const dOut = layer.output.shape[1];
  const columns = x.shape[1];
  return {
    output: rows(layer.output, 0, n, dOut),
    logit: layer.largestLogit,
    jvp: (u: Tensor, w: Tensor) => rows(layer.jvp(together(u, w)), 0, n, dOut),
    vjp: (g: Tensor) => {
      const padded = new Float64Array((n + m) * dOut);
      padded.set(g.data);
      const pulled = layer.vjp(tensor(padded, [n + m, dOut]));
      return { queries: rows(pulled, 0, n, columns), memory: rows(pulled, n, m, width) };
    },
  };
}

const zeros = ({ shape }: Tensor) => tensor(new Float64Array(sizeOf(shape)), shape);

describe.skipIf(onWebGpu).each(variants)("cross-attention in $name", (variant) => {
  const limit = variant.dtype === "f64" ? 1e-9 : 1e-4;

  it("has the output and the products of the reference, with respect to each input and to both", async () => {
    const runtime = await variantRuntime(variant);
    await fc.assert(
      fc.asyncProperty(cases, async ({ spec, x, memory, u, w, g }) => {
        const want = reference({ spec, x, memory });
        const layer = runtime.crossAttention(spec);
        expect(scaledError((await layer.forward(x, memory)).data, want.output, 1)).toBeLessThan(limit);
        const pulled = want.vjp(g);
        const queries = await layer.linearize(x, memory);
        expect(scaledError(queries.output.data, want.output, 1)).toBeLessThan(limit);
        expect(scaledError((await queries.jvp(u)).data, want.jvp(u, zeros(w)), 1)).toBeLessThan(limit);
        expect(scaledError((await queries.vjp(g)).data, pulled.queries, 1)).toBeLessThan(limit);
        const asked = await layer.linearize(x, memory, { wrt: "memory" });
        expect(scaledError((await asked.jvp(w)).data, want.jvp(zeros(u), w), 1)).toBeLessThan(limit);
        expect(scaledError((await asked.vjp(g)).data, pulled.memory, 1)).toBeLessThan(limit);
        const both = await layer.linearize(x, memory, { wrt: "both" });
        if (x.shape[1] === 9) {
          const all = tensor(Float64Array.of(...u.data, ...w.data), [x.shape[0] + memory.shape[0], 9]);
          expect(scaledError((await both.jvp(all)).data, want.jvp(u, w), 1)).toBeLessThan(limit);
          const wanted = Float64Array.of(...pulled.queries, ...pulled.memory);
          expect(scaledError((await both.vjp(g)).data, wanted, 1)).toBeLessThan(limit);
        }
        for (const at of [queries, asked, both]) at.dispose();
        layer.dispose();
      }),
      { numRuns: 40, seed: 11 },
    );
    expect(runtime.memoryUsed).toBeLessThan(1000);
    runtime.dispose();
  });

  it("has a gradient that is the slope of ⟨v, J u⟩, with respect to queries and to memory", async () => {
    const runtime = await variantRuntime(variant);
    await fc.assert(
      fc.asyncProperty(cases, fc.boolean(), async (drawn, ofQueries) => {
        const { spec, x, memory, u, w, g } = drawn;
        const layer = runtime.crossAttention(spec);
        const at = await layer.linearize(x, memory, { wrt: ofQueries ? "queries" : "memory" });
        const [tangent, input] = ofQueries ? [u, x] : [w, memory];
        const found = (await gradient(at, tangent, g)).data;
        at.dispose();
        layer.dispose();
        const direction = input.data.map((entry, i) => Math.sin(i) - 0.3 * entry);
        const inner = (a: ArrayLike<number>, b: ArrayLike<number>) =>
          Array.from(a).reduce((sum, entry, i) => sum + entry * b[i], 0);
        const h = 1e-5;
        const [ahead, behind] = [h, -h].map((step) => {
          const moved = tensor(
            input.data.map((entry, i) => entry + step * direction[i]),
            input.shape,
          );
          const there = reference(ofQueries ? { spec, x: moved, memory } : { spec, x, memory: moved });
          return inner(there.jvp(ofQueries ? u : zeros(u), ofQueries ? zeros(w) : w), g.data);
        });
        const size = 1 + Math.sqrt(inner(found, found) * inner(direction, direction));
        const close = (variant.dtype === "f64" ? 1e-6 : 1e-3) * size;
        expect(Math.abs(inner(found, direction) - (ahead - behind) / (2 * h))).toBeLessThan(close);
      }),
      { numRuns: 40, seed: 12 },
    );
    runtime.dispose();
  });
});

describe.skipIf(onWebGpu)("cross-attention", () => {
  const [{ spec, x, memory, g }] = fc.sample(
    cases.filter(({ x, memory }) => x.shape[0] > 5 && memory.shape[0] > 9 && x.shape[1] === 7),
    { numRuns: 1, seed: 13 },
  );

  it("has a sigma of each side, and of both no more than they allow", async () => {
    const runtime = await createRuntime({ device: "wasm", dtype: "f64" });
    const layer = runtime.crossAttention(spec);
    const sigma: Record<string, number> = {};
    for (const wrt of ["queries", "memory", "both"] as const) {
      const at = await layer.linearize(x, memory, { wrt });
      sigma[wrt] = (await spectralNorm(at, { rtol: 1e-8 })).sigma;
      expect(relativeError((await toDense(at)).shape, [x.shape[0] * 5, at.inShape[0] * at.inShape[1]])).toBe(0);
      at.dispose();
    }
    expect(sigma.both).toBeGreaterThanOrEqual(Math.max(sigma.queries, sigma.memory) * (1 - 1e-7));
    expect(sigma.both ** 2).toBeLessThanOrEqual((sigma.queries ** 2 + sigma.memory ** 2) * (1 + 1e-7));
    runtime.dispose();
  });

  it("is a layer of x at a fixed memory, which outlives it and goes into a chain", async () => {
    const runtime = await createRuntime({ device: "wasm", dtype: "f64" });
    const layer = runtime.crossAttention(spec);
    const fixed = layer.withMemory(memory);
    const want = await layer.forward(x, memory);
    const probabilities = await layer.probabilities(x, memory);
    expect(probabilities.shape).toEqual([4, x.shape[0], memory.shape[0]]);
    layer.dispose();
    expect((await fixed.forward(x)).data).toEqual(want.data);
    const chain = runtime.chain([fixed]);
    fixed.dispose();
    const at = await chain.linearize(x);
    const image = await at.vjp(g);
    expect(relativeError(image.data, reference({ spec, x, memory }).vjp(g).queries)).toBeLessThan(1e-9);
    at.dispose();
    chain.dispose();
    expect(() => layer.withMemory(memory)).toThrow(/disposed/);
    runtime.dispose();
  });

  it("in f32 has a sigma that is certified in f64, alone and at a fixed memory", async () => {
    const runtime = await createRuntime({ device: "wasm" });
    const double = await createRuntime({ device: "wasm", dtype: "f64" });
    const layer = runtime.crossAttention(spec);
    const at = await layer.linearize(x, memory, { wrt: "memory" });
    const exact = await double.crossAttention(spec).linearize(x, memory, { wrt: "memory" });
    const [found, want] = [await spectralNorm(at), await spectralNorm(exact, { rtol: 1e-8 })];
    expect(found.certified).toBe(true);
    expect(Math.abs(found.sigma / want.sigma - 1)).toBeLessThan(1e-5);
    at.dispose();
    const fixed = layer.withMemory(memory);
    layer.dispose();
    expect((await localLipschitz(fixed, x)).certified).toBe(true);
    fixed.dispose();
    expect(runtime.memoryUsed).toBeLessThan(1000);
    runtime.dispose();
    double.dispose();
  });

  it("refuses what does not fit, by name", async () => {
    const runtime = await createRuntime({ device: "wasm", dtype: "f64" });
    expect(() => runtime.crossAttention({ ...spec, bias: { alibi: true } })).toThrow('"spec.bias"');
    expect(() => runtime.crossAttention({ ...spec, value: spec.query })).toThrow(RangeError);
    const layer = runtime.crossAttention(spec);
    await expect(layer.forward(memory, memory)).rejects.toThrow('"x"');
    await expect(layer.linearize(x, memory, { wrt: "keys" as "memory" })).rejects.toThrow('"wrt"');
    runtime.dispose();
  });
});

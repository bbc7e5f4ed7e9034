// What is read off beside sigma (docs/theory.md, section 15.3), against its definitions in plain loops.
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { companions } from "../../src/jacobian/companions.js";
import { frobenius, stableRank } from "../../src/jacobian/frobenius.js";
import { norm } from "../../src/jacobian/norm.js";
import type { Modifier } from "../../src/layers/attention/modifiers.js";
import { normAbove } from "../../src/linalg/gram.js";
import { createRuntime, type Runtime } from "../../src/measure/createRuntime.js";
import { attentionCases } from "../reference/arbitraries.js";
import { allowedPairs, referenceAttention } from "../reference/attention.js";
import { diagonal } from "../spectral/operators.js";

const everything: Modifier[] = ["angles", "queryNorm", "keyNorm", "softcap", "bias", "sinks", "gate"];

describe("companions", () => {
  let runtime: Runtime;
  beforeAll(async () => {
    runtime = await createRuntime({ device: "wasm", dtype: "f64" });
  });
  afterAll(() => runtime.dispose());

  it.each([[], everything].map((modifiers) => ({ modifiers })))(
    "of any layer with $modifiers",
    async ({ modifiers }) => {
      await fc.assert(
        fc.asyncProperty(attentionCases({ maxTokens: 8, maxWidth: 8, modifiers }), async ({ spec, x, n }) => {
          const layer = runtime.attention(spec);
          const { heads } = await companions(layer, x);
          layer.dispose();
          const { probabilities, largestLogit } = referenceAttention(spec, x);
          expect(Math.max(0, ...heads.map(({ largestScore }) => largestScore))).toBeCloseTo(largestLogit, 7);
          const allowed = allowedPairs(spec.mask ?? "none", n);
          for (const [h, found] of heads.entries()) {
            const p = Float64Array.from(probabilities.data.subarray(h * n * n, (h + 1) * n * n));
            const rows = Array.from({ length: n }, (_, i) => [...p.subarray(i * n, (i + 1) * n)]);
            const live = rows.filter((row, i) => allowed[i].some(Boolean) && row.some((value) => value > 0));
            const entropies = live.map((row) => {
              const sum = row.reduce((total, value) => total + value, 0);
              const all = spec.sinks ? [...row, Math.max(0, 1 - sum)] : row;
              return all.reduce((total, value) => total - (value > 0 ? value * Math.log(value) : 0), 0);
            });
            const mean = (values: number[]) => values.reduce((total, value) => total + value, 0) / (values.length || 1);
            expect(found.entropy.mean).toBeCloseTo(mean(entropies), 9);
            expect(found.entropy.least).toBeCloseTo(Math.min(...(live.length > 0 ? entropies : [0])), 9);
            const seeing = live.filter((_, at) => allowed[rows.indexOf(live[at])][0]);
            expect(found.firstToken).toBeCloseTo(mean(seeing.map(([first]) => first)), 9);
            const taken = live.map((row) => 1 - row.reduce((total, value) => total + value, 0));
            expect(found.sink).toBeCloseTo(mean(taken), 9);
            const exact = normAbove(p, n, n);
            expect(found.patternNorm).toBeGreaterThanOrEqual(exact * (1 - 1e-12));
            expect(found.patternNorm).toBeLessThanOrEqual(exact * 1.05 + 1e-12);
            const { tenth, median, ninetieth } = found.sharpness;
            expect([tenth, median, ninetieth]).toEqual([tenth, median, ninetieth].sort((a, b) => a - b));
            expect(ninetieth).toBeLessThanOrEqual(0.5 + 1e-12);
          }
        }),
        { numRuns: 40, seed: 1 },
      );
    },
  );

  it("know the two extremes: one key has it all, or all are alike", async () => {
    const n = 5;
    const zero = { weight: { data: new Float64Array(4), shape: [2, 2] } };
    const eye = { weight: { data: Float64Array.of(1, 0, 0, 1), shape: [2, 2] } };
    const x = { data: Float64Array.from({ length: 2 * n }, (_, at) => Math.sin(at)), shape: [n, 2] };
    const flat = runtime.attention({ heads: 1, query: zero, key: eye, value: eye });
    const [even] = (await companions(flat, x)).heads;
    expect(even.entropy.mean).toBeCloseTo(Math.log(n), 12);
    expect(even.firstToken).toBeCloseTo(1 / n, 12);
    expect(even.patternNorm).toBeCloseTo(1, 9);
    const own = runtime.attention({
      heads: 1,
      query: eye,
      key: eye,
      value: eye,
      mask: { window: { left: 0, right: 0 } },
    });
    const [alone] = (await companions(own, x)).heads;
    expect([alone.entropy.mean, alone.sharpness.mean]).toEqual([0, 0]);
    expect(alone.firstToken).toBe(1);
  });

  it("are of attention layers alone", async () => {
    const linear = runtime.linear({ weight: { data: new Float64Array(4), shape: [2, 2] } });
    await expect(companions(linear, { data: new Float64Array(2), shape: [1, 2] })).rejects.toThrow(
      /"attention": expected an attention layer/,
    );
    await expect(companions(undefined as never, { data: new Float64Array(2), shape: [1, 2] })).rejects.toThrow(
      TypeError,
    );
  });
});

describe("frobenius", () => {
  it("is within its standard error two times in three, and four of them always", async () => {
    const values = Array.from({ length: 60 }, (_, k) => 1 / (k + 1));
    // Signs alone would find a diagonal exactly: what is measured is turned.
    const op = turned(values);
    const exact = Math.hypot(...values);
    let inside = 0;
    for (let seed = 0; seed < 60; seed++) {
      const { value, standardError, typicalGain } = await frobenius(op, { probes: 24, seed });
      expect(Math.abs(value - exact)).toBeLessThan(4.5 * standardError);
      if (Math.abs(value - exact) < standardError) inside++;
      expect(typicalGain).toBeCloseTo(value / Math.sqrt(60), 12);
    }
    expect(inside / 60).toBeGreaterThan(0.5);
    expect(inside / 60).toBeLessThan(0.85);
  });

  it("gives the stable rank of a projection, and agrees with the exact norm of attention", async () => {
    const op = diagonal([1, 1, 1, 0, 0]);
    const found = await frobenius(op);
    expect(stableRank(found, 1).value).toBeCloseTo(3, 9);
    expect(stableRank({ value: 0, standardError: 0 }, 0)).toEqual({ value: 0, standardError: 0 });
    const runtime = await createRuntime({ device: "wasm" });
    const weight = { data: Float32Array.from({ length: 36 }, (_, at) => Math.cos(at * at)), shape: [6, 6] };
    const layer = runtime.attention({ heads: 2, query: { weight }, key: { weight }, value: { weight } });
    const J = await layer.linearize({
      data: Float32Array.from({ length: 60 }, (_, at) => Math.sin(at)),
      shape: [10, 6],
    });
    const { value, standardError } = await frobenius(J, { probes: 64 });
    expect(Math.abs(value - (await norm(J, "fro")))).toBeLessThan(4.5 * standardError);
    runtime.dispose();
    await expect(frobenius(op, { probes: 1 })).rejects.toThrow(/"probes"/);
  });
});

/** diag(values) between two reflections. */
function turned(values: readonly number[]) {
  const d = values.length;
  const v = Array.from({ length: d }, (_, c) => Math.sin(1 + c));
  const squares = v.reduce((sum, entry) => sum + entry * entry, 0);
  const reflect = (x: ArrayLike<number>) => {
    let inner = 0;
    for (let c = 0; c < d; c++) inner += v[c] * x[c];
    return Float64Array.from({ length: d }, (_, c) => x[c] - (2 * inner * v[c]) / squares);
  };
  const apply = async ({ data }: { data: ArrayLike<number> }) => {
    return { data: reflect(reflect(data).map((entry, c) => entry * values[c])), shape: [d] };
  };
  return { inShape: [d], outShape: [d], jvp: apply, vjp: apply };
}

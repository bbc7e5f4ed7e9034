import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import type { Tensor } from "../../src/base/tensor.js";
import { bounds } from "../../src/bounds/index.js";
import { invertible } from "../../src/invertible/index.js";
import type { AttentionSpec } from "../../src/layers/attention/spec.js";
import { norm } from "../../src/linalg/vector.js";
import { createRuntime } from "../../src/measure/createRuntime.js";
import { asTensor, gaussianMatrix, tensorFrom } from "../bounds/matrices.js";

const runtime = await createRuntime({ device: "wasm", dtype: "f64" });
const single = await createRuntime({ device: "wasm", dtype: "f32" });
afterAll(() => {
  runtime.dispose();
  single.dispose();
});

/** The L2-MHA of Kim et al., from tokens of d features to as many. */
function l2Spec(d: number, heads: number, dHead: number, seed: number, std = 1): AttentionSpec {
  const weight = (rows: number, columns: number, at: number) => ({
    weight: asTensor(gaussianMatrix(rows, columns, seed + at, std)),
  });
  return {
    kind: "l2",
    heads,
    query: weight(d, heads * dHead, 1),
    value: weight(d, heads * dHead, 2),
    output: weight(heads * dHead, d, 3),
    tiedValue: true,
  };
}

function distance(a: Tensor, b: Tensor, order: number): number {
  const difference = Float64Array.from(a.data, (entry, at) => entry - b.data[at]);
  return order === 2 ? norm(difference) : difference.reduce((most, entry) => Math.max(most, Math.abs(entry)), 0);
}

describe("invertible.residual of L2 attention", () => {
  it("inverse(forward(x)) = x to 1e-8, within both error bounds, in either norm, with any mask that keeps the diagonal", async () => {
    const cases = fc.record({
      d: fc.integer({ min: 1, max: 5 }),
      heads: fc.integer({ min: 1, max: 3 }),
      n: fc.integer({ min: 1, max: 7 }),
      c: fc.constantFrom(0.1, 0.5, 0.9, 0.97),
      order: fc.constantFrom<2 | typeof Infinity>(2, Number.POSITIVE_INFINITY),
      mask: fc.constantFrom<AttentionSpec["mask"]>("none", "causal", { window: { left: 1, right: 1 } }),
      size: fc.constantFrom(0.1, 1, 30),
      seed: fc.nat(1e6),
    });
    await fc.assert(
      fc.asyncProperty(cases, async ({ d, heads, n, c, order, mask, size, seed }) => {
        const spec = { ...l2Spec(d, heads, 2, seed), mask };
        const layer = runtime.attention(spec);
        const g = invertible.residual(layer, { c, norm: order, spec });
        const x = asTensor(gaussianMatrix(n, d, seed, size));
        const found = await g.inverse(await g.forward(x));
        expect(found.status).toBe("converged");
        const error = distance(found.x, x, order);
        expect(error).toBeLessThanOrEqual(1e-8 * size);
        expect(error).toBeLessThanOrEqual(found.aPosteriori + 1e-13 * size);
        expect(found.aPosteriori).toBeLessThanOrEqual(found.aPriori * (1 + 1e-6) + 1e-13 * size);
        expect(found.contraction).toBeLessThanOrEqual(c);
        layer.dispose();
      }),
      { numRuns: 60, seed: 2 },
    );
  });

  it("bounds the error after every step", async () => {
    const spec = l2Spec(4, 2, 2, 5);
    const g = invertible.residual(runtime.attention(spec), { c: 0.9, spec });
    const x = asTensor(gaussianMatrix(5, 4, 1));
    const y = await g.forward(x);
    for (let maxSteps = 1; maxSteps <= 6; maxSteps++) {
      const found = await g.inverse(y, { maxSteps, tolerance: 1e-14 });
      const error = distance(found.x, x, 2);
      expect(found.changes).toHaveLength(maxSteps);
      expect(found.status).toBe("step-limit");
      expect(error).toBeLessThanOrEqual(found.aPosteriori);
      expect(found.aPosteriori).toBeLessThanOrEqual(found.aPriori);
    }
  });

  it("takes L from bounds.l2 for the n at hand, and says which", async () => {
    const spec = l2Spec(3, 1, 2, 8);
    const g = invertible.residual(runtime.attention(spec), { c: 0.5, norm: Infinity, spec });
    for (const n of [2, 9]) {
      const wo = (spec.output as { weight: Tensor }).weight;
      const heads = [{ wq: spec.query.weight, wv: spec.value.weight }];
      expect(await g.lipschitz(n)).toEqual(bounds.l2({ n, heads, wo, norm: Infinity }).best);
    }
  });

  it("is x + c·F(x)/L", async () => {
    const spec = l2Spec(3, 1, 3, 4);
    const layer = runtime.attention(spec);
    const g = invertible.residual(layer, { c: 0.7, spec });
    const x = asTensor(gaussianMatrix(4, 3, 4));
    const { value } = await g.lipschitz(4);
    const { data } = await layer.forward(x);
    const y = await g.forward(x);
    y.data.forEach((entry, at) => {
      expect(entry).toBeCloseTo(x.data[at] + (0.7 * data[at]) / value, 13);
    });
  });

  it("in f32 comes back to 1e-5, and says when asked for more than that", async () => {
    const spec = l2Spec(4, 2, 2, 6);
    const g = invertible.residual(single.attention(spec), { c: 0.9, spec });
    const x = asTensor(gaussianMatrix(6, 4, 6));
    const y = await g.forward(x);
    expect(y.data).toBeInstanceOf(Float32Array);
    const found = await g.inverse(y);
    expect(found.status).toBe("converged");
    expect(distance(found.x, x, 2)).toBeLessThan(3e-5 * norm(x.data));
    const strict = await g.inverse(y, { tolerance: 1e-12 });
    expect(strict.status).toBe("precision-limit");
    expect(strict.message).toMatch(/rounding; ask for a larger tolerance, or use dtype f64/);
  });

  it("reports each step, and honours an abort", async () => {
    const spec = l2Spec(3, 1, 3, 4);
    const g = invertible.residual(runtime.attention(spec), { c: 0.9, spec });
    const steps: number[] = [];
    const controller = new AbortController();
    const call = g.inverse(asTensor(gaussianMatrix(4, 3, 4)), {
      signal: controller.signal,
      onProgress: ({ step }) => {
        steps.push(step);
        if (step === 2) controller.abort(new Error("enough"));
      },
    });
    await expect(call).rejects.toThrow("enough");
    expect(steps).toEqual([1, 2]);
  });
});

describe("invertible.residual of dot-product attention", () => {
  const one = { weight: tensorFrom([[1]]) };
  const spec: AttentionSpec = { heads: 1, query: one, key: one, value: one, scale: 1 };

  it("is refused a Lipschitz constant", () => {
    const call = () => invertible.residual(runtime.attention(spec), { c: 0.5, spec });
    expect(call).toThrow(RangeError);
    expect(call).toThrow(/no Lipschitz constant on the whole space/);
  });

  it("fails, and is seen to fail, at tokens where it is steep (MATH 9.6)", async () => {
    const g = invertible.residual(runtime.attention(spec), { c: 0.9, lipschitz: 1 });
    const found = await g.inverse(await g.forward(tensorFrom([[0], [10], [-10]])), { maxSteps: 300 });
    expect(found.status).toBe("diverged");
    expect(found.contraction).toBeGreaterThan(1);
    expect(found.aPosteriori).toBe(Number.POSITIVE_INFINITY);
    expect(found.aPriori).toBe(Number.POSITIVE_INFINITY);
    expect(found.message).toMatch(/more than c = 0.9: L is no Lipschitz constant/);
  });

  it("comes back where its tokens are small", async () => {
    const g = invertible.residual(runtime.attention(spec), { c: 0.5, lipschitz: 2 });
    const x = tensorFrom([[0.1], [0.3], [-0.2]]);
    const found = await g.inverse(await g.forward(x));
    expect(found.status).toBe("converged");
    expect(distance(found.x, x, 2)).toBeLessThan(1e-9);
  });
});

describe("a layer that runs away", () => {
  it("is given up while its numbers still fit", async () => {
    const triple = {
      dIn: 1,
      dOut: 1,
      forward: async (x: Tensor) => ({ ...x, data: x.data.map((v) => -3 * v) }),
      dispose() {},
    };
    const g = invertible.residual(triple as never, { c: 0.9, lipschitz: 1 });
    const found = await g.inverse(tensorFrom([[1]]), { maxSteps: 10000 });
    expect(found.status).toBe("diverged");
    expect(found.steps).toBeLessThan(50);
  });
});

describe("invertible.residual refuses", () => {
  const spec = l2Spec(3, 1, 3, 1);
  const layer = runtime.attention(spec);

  it.each([
    [{ c: 1, spec }, RangeError, /"c": expected a finite number above 0 and below 1, got 1/],
    [{ c: "half", spec }, TypeError, /"c"/],
    [{ c: 0.5 }, TypeError, /"spec": expected the spec .* or "lipschitz", got neither/],
    [{ c: 0.5, spec, lipschitz: 1 }, TypeError, /"lipschitz": expected none beside "spec"/],
    [{ c: 0.5, spec, norm: 1 }, RangeError, /"norm": expected 2 or Infinity, got 1/],
    [{ c: 0.5, lipschitz: 0 }, RangeError, /"lipschitz"/],
    [{ c: 0.5, spec, steps: 3 }, TypeError, /unknown key "steps"/],
  ])("%j", (options, kind, message) => {
    expect(() => invertible.residual(layer, options as never)).toThrow(kind);
    expect(() => invertible.residual(layer, options as never)).toThrow(message);
  });

  it("layers that change the width, and L2 attention that is not tied", async () => {
    const wide = runtime.attention({
      ...spec,
      output: {
        weight: tensorFrom([
          [1, 2],
          [3, 4],
          [5, 6],
        ]),
      },
    });
    expect(() => invertible.residual(wide, { c: 0.5, lipschitz: 1 })).toThrow(/dIn = 3, dOut = 2/);
    const untied = { ...spec, tiedValue: false };
    const g = invertible.residual(runtime.attention(untied), { c: 0.5, spec: untied });
    await expect(g.forward(asTensor(gaussianMatrix(2, 3, 1)))).rejects.toThrow(/values tied to the queries/);
  });
});

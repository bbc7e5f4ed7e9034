// The solvers over the device's Krylov steps, against the oracle's singular values.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Random } from "../../src/base/random.js";
import type { Tensor } from "../../src/base/tensor.js";
import type { Runtime } from "../../src/measure/createRuntime.js";
import { localLipschitz } from "../../src/measure/localLipschitz.js";
import { spectralNorm } from "../../src/spectral/spectralNorm.js";
import { loadFixtures } from "../oracle/fixtures.js";
import { referenceAttention } from "../reference/attention.js";
import { tolerance } from "./close.js";
import { onWebGpu, variantRuntime, variants } from "./variants.js";

function inner(a: Tensor, b: Tensor): number {
  let sum = 0;
  for (let i = 0; i < a.data.length; i++) sum += a.data[i] * b.data[i];
  return sum;
}

describe.each(variants)("sigma in $name", (variant) => {
  let runtime: Runtime;
  beforeAll(async () => {
    runtime = await variantRuntime(variant);
  });
  afterAll(() => runtime.dispose());

  const cases = loadFixtures();
  it.each(cases.flatMap((fixture) => (["lanczos", "power"] as const).map((method) => ({ ...fixture, method }))))(
    "$name by $method",
    async ({ spec, x, expected, method }) => {
      const want = expected.sigma[0] ?? 0;
      const layer = runtime.attention(spec);
      const at = await layer.linearize(x);
      layer.dispose();
      const found = await spectralNorm(at, { method, rtol: variant.dtype === "f64" ? 1e-9 : 1e-5, seed: 3 });
      const precision = tolerance(variant.dtype, referenceAttention(spec, x).largestLogit);
      // Power iteration cannot tell two nearly equal values apart in its 1000 steps; the bracket still holds.
      const close = method === "power" && expected.sigma[1] > 0.999 * want;
      const limit = close ? 1e-3 : precision;
      expect(Math.abs(found.sigma - want)).toBeLessThanOrEqual(limit * want);
      // Certified in an f32 runtime it is a bound for the layer rounded to f32, which may be that much off.
      const rounded = variant.dtype === "f32" && found.certified ? 1 + precision : 1;
      expect(found.lower).toBeLessThanOrEqual(want * rounded);
      expect(found.lower).toBeLessThanOrEqual(found.sigma);
      expect(found.upper).toBeGreaterThanOrEqual(want);
      expect(found.certified).toBe(!onWebGpu || want > 0);
      const endings = ["converged", "exact", "precision-limit", "zero-operator"];
      // What power iteration proves before looking is never that near.
      expect(method === "power" ? [...endings, "step-limit"] : endings).toContain(found.status);
      if (want > 0) {
        expect(Math.abs(inner(found.left, found.left) - 1)).toBeLessThan(1e-5);
        expect(Math.abs(inner(found.right, found.right) - 1)).toBeLessThan(1e-5);
        expect(Math.abs(inner(found.left, await at.jvp(found.right)) - want)).toBeLessThan(2 * limit * want);
      }
      at.dispose();
    },
  );

  it("repeats to the last bit with the same seed", async () => {
    const { spec, x } = cases[1];
    const layer = runtime.attention(spec);
    const first = await localLipschitz(layer, x, { seed: 5 });
    const second = await localLipschitz(layer, x, { seed: 5 });
    const other = await localLipschitz(layer, x, { seed: 6 });
    layer.dispose();
    expect(second).toEqual(first);
    expect(other.history[0]).not.toBe(first.history[0]);
  });

  it("a zero operator gives zero after one step", async () => {
    const { spec, x } = cases[0];
    const layer = runtime.attention({ ...spec, mask: { allowed: new Uint8Array(x.shape[0] ** 2) } });
    const found = await localLipschitz(layer, x);
    layer.dispose();
    expect(found).toMatchObject({ sigma: 0, lower: 0, upper: 0, status: "zero-operator", steps: 1 });
  });
});

describe("the guess of MATH 13.6", () => {
  it("leaves sigma and the bracket right, and saves steps where the values dominate", async () => {
    const runtime = await variantRuntime(variants[0]);
    const random = new Random(2);
    const gaussian = (rows: number, columns: number, std: number) => ({
      data: random.fillGaussian(new Float32Array(rows * columns), std),
      shape: [rows, columns],
    });
    const map = () => ({ weight: gaussian(96, 96, 0.06) });
    const layer = runtime.attention({ heads: 4, query: map(), key: map(), value: map(), output: map() });
    const x = gaussian(64, 96, 1);
    const truth = await localLipschitz(layer, x, { start: "random", rtol: 1e-6 });
    const plain = await localLipschitz(layer, x, { start: "random", seed: 9 });
    const guessed = await localLipschitz(layer, x, { seed: 9 });
    expect(Math.abs(guessed.sigma / truth.sigma - 1)).toBeLessThan(1e-4);
    expect(guessed.lower).toBeLessThanOrEqual(truth.sigma);
    expect(guessed.upper).toBeGreaterThanOrEqual(truth.sigma);
    // The proof takes about as long from either start, but sigma is there sooner.
    expect(guessed.steps).toBeLessThanOrEqual(plain.steps + 3);
    const settled = ({ history }: { history: Float64Array }) =>
      history.findIndex((sigma) => Math.abs(sigma / truth.sigma - 1) < 1e-4);
    expect(settled(guessed)).toBeLessThan(settled(plain));
    runtime.dispose();
  });
});

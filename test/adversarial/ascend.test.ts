import { afterAll, describe, expect, it } from "vitest";
import { type AscendProgress, type AscentState, adversarial } from "../../src/adversarial/index.js";
import { tensor } from "../../src/base/tensor.js";
import { bounds } from "../../src/bounds/index.js";
import type { AttentionSpec } from "../../src/layers/attention/spec.js";
import { norm } from "../../src/linalg/vector.js";
import { createRuntime } from "../../src/measure/createRuntime.js";
import { localLipschitz } from "../../src/measure/localLipschitz.js";
import { largestToken, oneHead } from "../bounds/layers.js";
import { asTensor, gaussianMatrix, matrixFrom, tensorFrom } from "../bounds/matrices.js";

const runtime = await createRuntime({ device: "wasm", dtype: "f64" });
afterAll(() => runtime.dispose());

const eye = matrixFrom([
  [1, 0],
  [0, 1],
]);
const minus = matrixFrom([
  [-1, 0],
  [0, -1],
]);

function randomSpec(seed: number): AttentionSpec {
  const weight = (rows: number, columns: number, at: number) => asTensor(gaussianMatrix(rows, columns, seed + at));
  return {
    heads: 2,
    query: { weight: weight(5, 4, 1), bias: tensor(gaussianMatrix(1, 4, seed + 2).data, [4]) },
    key: { weight: weight(5, 4, 3) },
    value: { weight: weight(5, 6, 4) },
    output: { weight: weight(6, 3, 5) },
    mask: seed % 2 ? "causal" : "none",
  };
}

const neverFalls = (history: Float64Array) => history.every((value, at) => at === 0 || value >= history[at - 1]);

describe("adversarial.ascend", () => {
  it("finds, over a ball, at least the two-token input's sigma, and less than the upper bound", async () => {
    const layer = runtime.attention(oneHead(minus, eye));
    const { x } = adversarial.twoPoint({
      query: asTensor(eye),
      key: asTensor(minus),
      scale: 1,
      n: 12,
      radius: 1.2,
    });
    const upper = bounds.ball({ n: 12, radius: 1.2, normA: 1, normV: 1 }).best;
    const start = await localLipschitz(layer, x);
    const found = await adversarial.ascend(layer, x, { radius: 1.2, steps: 60, restarts: 2, upper });
    expect(found.lower.value).toBeGreaterThanOrEqual(start.lower * (1 - 1e-8));
    expect(found.gap).toBeCloseTo(upper.value / found.lower.value, 12);
    expect(found.gap).toBeGreaterThan(1);
    expect(found.gap).toBeLessThan(2);
    expect(found.lower).toMatchObject({ kind: "lower", scope: "ball" });
  });

  it("never falls, stays in the ball, ends above where it began, and at what sigma is there", async () => {
    for (let seed = 0; seed < 4; seed++) {
      const layer = runtime.attention(randomSpec(seed));
      const x0 = asTensor(gaussianMatrix(4, 5, seed, 0.3));
      const found = await adversarial.ascend(layer, x0, { radius: 1.5, steps: 40, restarts: 1, seed });
      expect(found.histories).toHaveLength(2);
      for (const history of found.histories) {
        expect(history.length).toBeLessThanOrEqual(40);
        expect(neverFalls(history)).toBe(true);
      }
      expect(found.histories[0].at(-1)).toBeGreaterThan(1.5 * found.histories[0][0]);
      expect(largestToken(found.x)).toBeLessThanOrEqual(1.5 * (1 + 1e-14));
      const { sigma } = await localLipschitz(layer, found.x, { rtol: 1e-10 });
      expect(found.lower.value / sigma).toBeCloseTo(1, 6);
      layer.dispose();
    }
  });

  it("keeps to the sphere, and to the outputs of a layer norm", async () => {
    const layer = runtime.attention(randomSpec(7));
    const x0 = asTensor(gaussianMatrix(4, 5, 7));
    const onSphere = await adversarial.ascend(layer, x0, { radius: 2, set: "sphere", steps: 15 });
    for (let i = 0; i < 4; i++) expect(norm(onSphere.x.data.subarray(5 * i, 5 * i + 5))).toBeCloseTo(2, 12);

    const [gain, bias] = [Float64Array.of(1, 2, 0.5, 1, 3), Float64Array.of(0, 1, 0, -1, 0)];
    const normalization = { kind: "layer" as const, gain: tensor(gain, [5]), bias: tensor(bias, [5]) };
    const upper = await bounds.ofLayer(randomSpec(7), { n: 4, normalization });
    const found = await adversarial.ascend(layer, x0, { normalization, steps: 40, upper: upper.best });
    for (let i = 0; i < 4; i++) {
      const token = Float64Array.from(found.x.data.subarray(5 * i, 5 * i + 5));
      const z = token.map((entry, c) => (entry - bias[c]) / gain[c]);
      expect(z.reduce((sum, entry) => sum + entry, 0)).toBeCloseTo(0, 9);
      expect(norm(z)).toBeLessThanOrEqual(Math.sqrt(5) * (1 + 1e-9));
    }
    expect(found.histories[0].at(-1)).toBeGreaterThan(found.histories[0][0]);
    expect(found.gap).toBeGreaterThan(1);
    expect(found.lower.assumptions[0]).toMatch(/layer norm with this gain and bias/);
  });

  it("goes on from its state, through JSON, exactly as if it had not been interrupted", async () => {
    const layer = runtime.attention(randomSpec(3));
    const x0 = asTensor(gaussianMatrix(4, 5, 3));
    const settings = { radius: 1, restarts: 1, seed: 5 };
    const whole = await adversarial.ascend(layer, x0, { ...settings, steps: 24 });

    let saved: AscentState | undefined;
    const controller = new AbortController();
    const onProgress = ({ climb, step, state }: AscendProgress) => {
      if (climb === 1 && step === 9) {
        saved = state();
        controller.abort(new Error("enough"));
      }
    };
    const interrupted = adversarial.ascend(layer, x0, {
      ...settings,
      steps: 17,
      signal: controller.signal,
      onProgress,
    });
    await expect(interrupted).rejects.toThrow("enough");
    const resume = JSON.parse(JSON.stringify(saved));
    const resumed = await adversarial.ascend(layer, x0, { ...settings, steps: 24, resume });
    expect(resumed.histories).toEqual(whole.histories);
    expect(resumed.x).toEqual(whole.x);
    expect(resumed.lower.value).toBe(whole.lower.value);
  });

  it("ascends the ∞-norm of scalar L2 attention to what MATH 11.4 gives, below Kim's bound", async () => {
    const one = { weight: tensorFrom([[1]]) };
    const layer = runtime.attention({
      kind: "l2",
      heads: 1,
      query: one,
      value: one,
      output: one,
      tiedValue: true,
      scale: 1,
    });
    for (const [n, optimised] of [
      [2, 1.602],
      [5, 3.108],
      [9, 4.205],
    ]) {
      const { x, upper } = bounds.l2Tightness({ n });
      const found = await adversarial.ascend(layer, x, { radius: 10, steps: 50, norm: Infinity, upper });
      expect(found.lower.value).toBeCloseTo(optimised, 3);
      expect(found.gap).toBeGreaterThan(1);
    }
  });

  it("stops where nothing leads up: a layer whose Jacobian is the same everywhere", async () => {
    const layer = runtime.attention(oneHead(matrixFrom([[0]]), matrixFrom([[3]])));
    const found = await adversarial.ascend(layer, tensorFrom([[0.1], [0.7]]), { radius: 1, steps: 100 });
    expect(found.stationary).toEqual([true]);
    expect(found.histories[0].length).toBeLessThan(100);
    expect(found.lower.value).toBeCloseTo(3, 12);
  });

  it("computes in f32 where the runtime does", async () => {
    const single = await createRuntime({ device: "wasm", dtype: "f32" });
    const layer = single.attention(randomSpec(2));
    const x0 = asTensor(gaussianMatrix(4, 5, 2, 0.3));
    const found = await adversarial.ascend(layer, x0, { radius: 1, steps: 20 });
    const twin = runtime.attention(randomSpec(2));
    const { sigma } = await localLipschitz(twin, found.x);
    expect(found.lower.value).toBeLessThanOrEqual(sigma);
    expect(found.lower.value / sigma).toBeGreaterThan(0.9998);
    single.dispose();
  });

  it.each([
    [{ steps: 0 }, RangeError, /"steps"/],
    [{ steps: 1.5 }, RangeError, /"steps"/],
    [{ restarts: -1 }, RangeError, /"restarts"/],
    [{ radius: -1 }, RangeError, /"radius"/],
    [{ norm: 1 }, RangeError, /"norm": expected 2 or Infinity, got 1/],
    [{ norm: "fro" }, TypeError, /"norm"/],
    [{ rtol: 2 }, RangeError, /"rtol"/],
    [{ upper: 0 }, RangeError, /"upper"/],
    [{ iterations: 3 }, TypeError, /unknown key "iterations"/],
    [{ resume: { climbs: [] } }, RangeError, /"resume.shape"/],
    [
      { resume: { shape: [2, 5], seed: 1, norm: "2", set: "", climbs: [] } },
      RangeError,
      /"resume.seed": expected 0, as in the options, got 1/,
    ],
  ])("refuses %j", async (change, kind, message) => {
    const layer = runtime.attention(randomSpec(0));
    const call = adversarial.ascend(layer, asTensor(gaussianMatrix(2, 5, 0)), {
      radius: 1,
      steps: 2,
      ...change,
    } as never);
    await expect(call).rejects.toThrow(kind);
    await expect(call).rejects.toThrow(message);
  });

  it("refuses tokens of another width, and what is no layer", async () => {
    const layer = runtime.attention(randomSpec(0));
    await expect(adversarial.ascend(layer, tensorFrom([[1, 2]]), { radius: 1, steps: 1 })).rejects.toThrow(/"x0"/);
    await expect(adversarial.ascend({} as never, tensorFrom([[1]]), { radius: 1, steps: 1 })).rejects.toThrow(
      /"layer": expected a layer/,
    );
  });
});

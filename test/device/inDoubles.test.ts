// The end of an f32 run in f64: a certificate on every device, of attention and of compositions.
import { describe, expect, it } from "vitest";
import { Random } from "../../src/base/random.js";
import { type Tensor, tensor } from "../../src/base/tensor.js";
import type { LinearizableLayer } from "../../src/device/linearization.js";
import type { AttentionSpec } from "../../src/layers/attention/spec.js";
import { dot } from "../../src/linalg/vector.js";
import { createRuntime, type Runtime } from "../../src/measure/createRuntime.js";
import { localLipschitz } from "../../src/measure/localLipschitz.js";

const random = new Random(4);
const d = 12;
const gaussian = (rows: number, columns: number, std: number): Tensor =>
  tensor(random.fillGaussian(new Float32Array(rows * columns), std), [rows, columns]);
const vector = (size: number, std: number) => tensor(random.fillGaussian(new Float32Array(size), std), [size]);
const linear = (dIn: number, dOut: number) => ({ weight: gaussian(dIn, dOut, 0.4), bias: vector(dOut, 0.5) });
const spec: AttentionSpec = {
  heads: 3,
  query: linear(d, 15),
  key: linear(d, 15),
  value: linear(d, 9),
  output: linear(9, d),
};
const norm = { kind: "layer", gain: vector(d, 1), bias: vector(d, 0.3), epsilon: 1e-5 } as const;
const [raise, gate, fall] = [linear(d, 30), linear(d, 30), linear(30, d)];
const [tied, plainValue] = [linear(d, 8), linear(d, 6)];

/** The same layers on any runtime. */
const layers: Record<string, (runtime: Runtime) => LinearizableLayer> = {
  attention: (runtime) => runtime.attention(spec),
  "one head of attention": (runtime) => runtime.attention(spec).head(1),
  "attention under a mask, keys tied, by distance": (runtime) =>
    runtime.attention({ kind: "l2", heads: 2, query: tied, value: plainValue, mask: "causal" }),
  "a linear map": (runtime) => runtime.linear(raise),
  "a norm": (runtime) => runtime.norm(norm),
  "an activation": (runtime) => runtime.activation("gelu"),
  "a whole block": (runtime) =>
    runtime.chain([
      runtime.residual(runtime.chain([runtime.norm(norm), runtime.attention(spec)])),
      runtime.residual(
        runtime.chain([runtime.norm(norm), runtime.feedForward({ up: raise, down: fall, activation: "gelu" })]),
      ),
    ]),
  "a sum of branches, one gated": (runtime) =>
    runtime.sum([runtime.attention(spec), runtime.feedForward({ up: raise, gate, down: fall, activation: "silu" })]),
};

const x = gaussian(10, d, 1);

describe("an f32 run on WebAssembly ends in f64", () => {
  it.each(Object.keys(layers))("lower is a certificate, and sigma is right to 1e-6: %s", async (name) => {
    const [single, double] = await Promise.all(
      (["f32", "f64"] as const).map((dtype) => createRuntime({ device: "wasm", dtype })),
    );
    const found = await localLipschitz(layers[name](single), x, { rtol: 1e-4 });
    const truth = await localLipschitz(layers[name](double), x, { rtol: 1e-12, bracket: 1e-9 });
    expect(found.certified).toBe(true);
    expect(found.status).toMatch(/converged|exact/);
    expect(found.message).not.toContain("in f32");
    // The copy is of the weights that the f32 runtime holds, which here are the given ones, but for a scale's rounding,
    // and lower allows for that too.
    expect(Math.abs(found.sigma / truth.sigma - 1)).toBeLessThan(1e-6);
    expect(found.lower).toBeLessThanOrEqual(truth.sigma);
    expect(found.lower).toBeLessThanOrEqual(found.sigma);
    expect(found.lower / found.sigma).toBeGreaterThan(1 - 1e-5);
    expect(found.upper).toBeGreaterThanOrEqual(truth.lower);
    expect(found.left.data).toBeInstanceOf(Float32Array);
    expect(Math.hypot(...found.left.data)).toBeCloseTo(1, 5);
    expect(Math.hypot(...found.right.data)).toBeCloseTo(1, 5);
    const at = await layers[name](double).linearize(x);
    const inner = dot((await at.jvp(found.right)).data, found.left.data);
    expect(Math.abs(inner / found.sigma - 1)).toBeLessThan(1e-5);
    single.dispose();
    double.dispose();
  });

  it("gives the memory of the copy back with the layer, and counts it until then", async () => {
    const runtime = await createRuntime({ device: "wasm" });
    const before = runtime.memoryUsed;
    const layer = runtime.attention(spec);
    const own = runtime.memoryUsed;
    const { certified } = await localLipschitz(layer, x);
    expect(certified).toBe(true);
    expect(runtime.memoryUsed - before).toBeGreaterThan(2 * (own - before));
    layer.dispose();
    await Promise.resolve();
    expect(runtime.memoryUsed).toBe(before);
    runtime.dispose();
    expect(runtime.memoryUsed).toBe(0);
  });

  it("says why it did not where the copy does not fit, and keeps f32's allowance", async () => {
    const wide = await createRuntime({ device: "wasm" });
    const layer = wide.attention(spec);
    let most = 0;
    await localLipschitz(layer, x, { certify: false, onProgress: () => (most = Math.max(most, wide.memoryUsed)) });
    wide.dispose();
    const runtime = await createRuntime({ device: "wasm", memoryLimit: most + 4096 });
    const found = await localLipschitz(runtime.attention(spec), x);
    expect(found.certified).toBe(false);
    expect(found.message).toMatch(/lower end was computed in f32, since there is no f64 copy of the layer: .*memory/);
    expect(found.lower).toBeLessThan(found.sigma * (1 - 5e-6));
    runtime.dispose();
  });

  it("leaves it out where that is asked", async () => {
    const runtime = await createRuntime({ device: "wasm" });
    const found = await localLipschitz(runtime.attention(spec), x, { certify: false });
    expect(found.certified).toBe(false);
    expect(found.message).not.toContain("in f32");
    runtime.dispose();
  });

  it("makes the whole run in f64 where numbers underflow f32, and says so", async () => {
    const runtime = await createRuntime({ device: "wasm" });
    const identity = { weight: tensor(Float64Array.of(1, 0, 0, 1), [2, 2]) };
    const tokens = tensor(Float64Array.of(1, 0, 0, 1, -1, 1), [3, 2]);
    const small = (value: number, output: number) =>
      runtime.attention({
        ...{ heads: 1, query: identity, key: identity },
        value: { weight: tensor(Float64Array.of(value, 0, 0, value), [2, 2]) },
        output: { weight: tensor(Float64Array.of(output, 0, 0, output), [2, 2]) },
      });
    const usual = await localLipschitz(small(1, 1), tokens);
    for (const [value, output] of [
      [1e-40, 1],
      [1e-25, 1e-25],
    ]) {
      const found = await localLipschitz(small(value, output), tokens);
      expect(found.status).toBe("precision-limit");
      expect(found.message).toContain("underflow f32, so the run was made again in f64");
      expect(Math.abs(found.sigma / (usual.sigma * value * output) - 1)).toBeLessThan(1e-4);
      expect(found.upper).toBeGreaterThanOrEqual(found.lower);
    }
    const double = await createRuntime({ device: "wasm", dtype: "f64" });
    const tiny = { weight: tensor(Float64Array.of(1e-170, 0, 0, 1e-170), [2, 2]) };
    const far = { heads: 1, query: identity, key: identity, value: tiny, output: tiny };
    const lost = await localLipschitz(double.attention(far), tokens);
    expect(lost.status).toBe("precision-limit");
    expect(lost.message).toContain("f64 numbers underflow on the way to it");
    double.dispose();
    const zero = await localLipschitz(small(0, 1), tokens);
    expect(zero).toMatchObject({ status: "zero-operator", sigma: 0, upper: 0, certified: true });
    runtime.dispose();
  });

  it("makes the whole run in f64 where scores are so large that f32 has no digits left, and says so", async () => {
    const [single, double] = await Promise.all(
      (["f32", "f64"] as const).map((dtype) => createRuntime({ device: "wasm", dtype })),
    );
    const identity = { weight: tensor(Float64Array.of(1, 0, 0, 1), [2, 2]) };
    const query = { weight: tensor(Float64Array.of(1e7, 0, 0, 1e7), [2, 2]) };
    const sharp = { heads: 1, query, key: identity, value: identity };
    const tokens = tensor(Float64Array.of(1, 0, 0, 1, -1, 1), [3, 2]);
    const found = await localLipschitz(single.attention(sharp), tokens);
    const truth = await localLipschitz(double.attention(sharp), tokens);
    expect(found.status).toBe("precision-limit");
    expect(found.message).toMatch(/^Rounding in f32 may be as large as .* so the run was made again in f64/);
    expect(Math.abs(found.sigma / truth.sigma - 1)).toBeLessThan(1e-2);
    single.dispose();
    double.dispose();
  });
});

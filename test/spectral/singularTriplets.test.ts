import { describe, expect, it } from "vitest";
import { Random } from "../../src/base/random.js";
import { type Tensor, tensor } from "../../src/base/tensor.js";
import { dot } from "../../src/linalg/vector.js";
import { createRuntime } from "../../src/measure/createRuntime.js";
import { singularTriplets } from "../../src/spectral/singularTriplets.js";
import { dense, diagonal, withSpectrum } from "./operators.js";

describe("singularTriplets(J, k)", () => {
  it.each([
    ["distinct", [5, 4, 3, 2, 1, 0.5], 20, 14],
    ["with multiplicities", [3, 3, 3, 2, 2, 1], 15, 18],
    ["close together", [1, 1 - 1e-4, 1 - 2e-4, 0.9, 0.5, 0.1], 16, 16],
  ])("finds the largest values with their vectors: %s", async (_, values, out, inn) => {
    const J = dense(withSpectrum(values, out, inn));
    const { triplets, steps } = await singularTriplets(J, 5, { seed: 3 });
    expect(steps).toBeGreaterThan(0);
    expect(triplets).toHaveLength(5);
    for (const [i, { sigma, accuracy, residual, left, right }] of triplets.entries()) {
      expect(Math.abs(sigma / values[i] - 1)).toBeLessThan(1e-7);
      expect(accuracy).toBeLessThanOrEqual(1e-8);
      expect(residual).toBeLessThan(2e-4);
      expect(left.shape).toEqual([out]);
      expect(right.shape).toEqual([inn]);
      for (const [j, other] of triplets.entries()) {
        const want = i === j ? 1 : 0;
        expect(Math.abs(dot(left.data, other.left.data) - want)).toBeLessThan(1e-9);
        expect(Math.abs(dot(right.data, other.right.data) - want)).toBeLessThan(1e-9);
      }
    }
  });

  it("ends early where the rest is zero", async () => {
    const { triplets } = await singularTriplets(dense(withSpectrum([2, 1], 10, 10)), 4);
    expect(triplets.map(({ sigma }) => Math.round(1e9 * sigma) / 1e9)).toEqual([2, 1]);
    const zero = diagonal(new Float64Array(5));
    expect((await singularTriplets(zero, 2)).triplets).toEqual([]);
  });

  it("works on a device, in f32 too", async () => {
    const random = new Random(2);
    const gaussian = (rows: number, columns: number): Tensor =>
      tensor(random.fillGaussian(new Float32Array(rows * columns), 0.4), [rows, columns]);
    const linear = () => ({ weight: gaussian(8, 8) });
    const spec = { heads: 2, query: linear(), key: linear(), value: linear(), output: linear() };
    const x = gaussian(6, 8);
    const found: number[][] = [];
    for (const dtype of ["f64", "f32"] as const) {
      const runtime = await createRuntime({ device: "wasm", dtype });
      const at = await runtime.attention(spec).linearize(x);
      const { triplets } = await singularTriplets(at, 3);
      found.push(triplets.map(({ sigma }) => sigma));
      expect(triplets[0].right.data).toBeInstanceOf(dtype === "f32" ? Float32Array : Float64Array);
      runtime.dispose();
    }
    for (const [i, sigma] of found[0].entries()) expect(Math.abs(found[1][i] / sigma - 1)).toBeLessThan(1e-3);
  });

  it("refuses more values than there are", async () => {
    await expect(singularTriplets(diagonal([1, 2]), 3)).rejects.toThrow('"k"');
    await expect(singularTriplets(diagonal([1, 2]), 0)).rejects.toThrow('"k"');
  });
});

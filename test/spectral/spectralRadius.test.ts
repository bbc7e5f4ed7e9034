import { describe, expect, it } from "vitest";
import { Random } from "../../src/base/random.js";
import { tensor } from "../../src/base/tensor.js";
import { spectralNorm } from "../../src/spectral/spectralNorm.js";
import { spectralRadius } from "../../src/spectral/spectralRadius.js";
import { dense, diagonal } from "./operators.js";

/** A rotation by `angle` times r beside smaller numbers, in coordinates that mix them. */
function turning(r: number, angle: number, size: number) {
  const random = new Random(3);
  const [c, s] = [r * Math.cos(angle), r * Math.sin(angle)];
  const block = (i: number, j: number) => {
    if (i < 2 && j < 2) return i === j ? c : i < j ? -s : s;
    return i === j ? (0.6 * r * i) / size : 0;
  };
  // Unit lower triangular L: L·B·L⁻¹ has the eigenvalues of B.
  const lower = Array.from({ length: size }, (_, i) =>
    Array.from({ length: size }, (_, j) => (i === j ? 1 : j < i ? 0.1 * random.gaussian() : 0)),
  );
  const solve = (y: number[]) => {
    const x = [...y];
    for (let i = 0; i < size; i++) for (let j = 0; j < i; j++) x[i] -= lower[i][j] * x[j];
    return x;
  };
  const columns = Array.from({ length: size }, (_, j) => {
    const x = solve(Array.from({ length: size }, (_, i) => (i === j ? 1 : 0)));
    const y = x.map((_, i) => x.reduce((sum, entry, k) => sum + block(i, k) * entry, 0));
    return y.map((_, i) => y.reduce((sum, entry, k) => sum + lower[i][k] * entry, 0));
  });
  const data = Float64Array.from({ length: size * size }, (_, at) => columns[at % size][Math.floor(at / size)]);
  return dense(tensor(data, [size, size]));
}

describe("spectralRadius(J)", () => {
  it("is the largest modulus of an eigenvalue, also of a complex pair", async () => {
    for (const size of [4, 30]) {
      const J = turning(0.8, 1, size);
      const { value, eigenvalue, status } = await spectralRadius(J, { rtol: 1e-10 });
      expect(Math.abs(value - 0.8)).toBeLessThan(1e-8);
      expect(Math.abs(Math.abs(eigenvalue.imaginary) - 0.8 * Math.sin(1))).toBeLessThan(1e-8);
      expect(status).toMatch(/converged|exact/);
      expect(value).toBeLessThan((await spectralNorm(J)).upper);
    }
  });

  it("takes negative values, triangles far from normal, zero, and one dimension", async () => {
    expect((await spectralRadius(diagonal([-3, 2, 1]))).value).toBeCloseTo(3, 10);
    const nilpotent = dense(tensor(Float64Array.of(0, 100, 0, 0), [2, 2]));
    expect((await spectralRadius(nilpotent)).value).toBeLessThan(1e-6);
    expect(await spectralRadius(diagonal([0, 0, 0]))).toMatchObject({ value: 0, status: "exact", steps: 1 });
    expect((await spectralRadius(diagonal([-0.5]))).value).toBe(0.5);
  });

  it("says when its steps run out, and refuses operators without eigenvalues", async () => {
    const values = Array.from({ length: 200 }, (_, i) => 1 - i / 400);
    expect(await spectralRadius(diagonal(values), { maxSteps: 3 })).toMatchObject({ status: "step-limit", steps: 3 });
    const wide = dense(tensor(new Float64Array(6), [2, 3]));
    await expect(spectralRadius(wide)).rejects.toThrow("equal shapes");
  });
});

// A basis that would outgrow its budget: the same sigma, a bracket that holds, and no more memory than was allowed.
import { describe, expect, it } from "vitest";
import { type Tensor, tensor } from "../../src/base/tensor.js";
import { spectralNorm } from "../../src/spectral/spectralNorm.js";
import { dense, diagonal, withSpectrum } from "./operators.js";

const VECTOR = 8;
const spectra: Record<string, number[]> = {
  even: Array.from({ length: 200 }, (_, i) => 1 - i / 200),
  "one outlier": [1, ...Array.from({ length: 199 }, (_, i) => 0.9 - i / 240)],
  decaying: Array.from({ length: 200 }, (_, i) => 1 / (1 + i / 5)),
  "two close": [1, 0.999, ...Array.from({ length: 198 }, (_, i) => 0.8 - i / 300)],
  "low rank": [1, 0.7, 0.2, ...new Array<number>(197).fill(0)],
};

describe.each(Object.keys(spectra))("spectralNorm under a budget: %s", (name) => {
  const values = spectra[name];
  const size = values.length;

  it.each([6, 12, 24])("of %i vectors", async (vectors) => {
    const free = await spectralNorm(diagonal(values), { rtol: 1e-6 });
    const basisBudget = vectors * size * VECTOR;
    const found = await spectralNorm(diagonal(values), { rtol: 1e-6, basisBudget, maxSteps: 1000 });
    expect(Math.abs(found.sigma - 1)).toBeLessThan(1e-6);
    expect(found.lower).toBeLessThanOrEqual(1);
    expect(found.upper).toBeGreaterThanOrEqual(1);
    expect(found.status).toMatch(/converged|exact/);
    expect(found.accuracy).toBeLessThanOrEqual(1e-6);
    expect(free).toMatchObject({ reorthogonalization: "full", restarts: 0 });
    if (found.steps <= (vectors - 1) / 2) return;
    expect(found.reorthogonalization).toBe("one-sided");
    expect(found.restarts > 0).toBe(found.steps > vectors - 2);
    expect(found.message).toContain(`basisBudget = ${basisBudget} bytes, so one side of it was kept`);
  });
});

describe("spectralNorm with one side of the basis", () => {
  it("has the same history as with both", async () => {
    const op = diagonal(spectra.decaying);
    const [full, oneSided] = await Promise.all(
      [2 ** 30, 14 * 200 * VECTOR].map((basisBudget) => spectralNorm(op, { basisBudget, rtol: 0, maxSteps: 12 })),
    );
    expect(oneSided).toMatchObject({ reorthogonalization: "one-sided", restarts: 0, steps: 12 });
    for (const [step, sigma] of full.history.entries()) {
      expect(Math.abs(oneSided.history[step] / sigma - 1)).toBeLessThan(1e-14);
    }
    expect(oneSided.upper / full.upper - 1).toBeCloseTo(0, 8);
  });

  it("does without orthogonal images: singular values over many orders of magnitude", async () => {
    const values = Array.from({ length: 120 }, (_, i) => 10 ** (-i / 6));
    for (const basisBudget of [6, 12].map((vectors) => vectors * 120 * VECTOR)) {
      const found = await spectralNorm(diagonal(values), { basisBudget, rtol: 1e-10 });
      expect(Math.abs(found.sigma - 1)).toBeLessThan(1e-10);
      expect(found.upper).toBeGreaterThanOrEqual(1);
      expect(found.reorthogonalization).toBe("one-sided");
    }
  });

  it("holds the wide operator's start side, and takes a guess", async () => {
    const matrix = withSpectrum([3, 2.9, 2.8, 2.5, 2, 1.5, 1.2, 1, 0.5, 0.4, 0.3, 0.2], 20, 60);
    const op = dense(matrix);
    for (const start of [undefined, tensor(new Float64Array(60).fill(1), [60])]) {
      const side = start ? 60 : 20;
      const basisBudget = (6 * side + (80 - side)) * VECTOR;
      const found = await spectralNorm(op, { basisBudget, start, rtol: 1e-8, maxSteps: 500 });
      expect(Math.abs(found.sigma / 3 - 1)).toBeLessThan(1e-8);
      expect(found.restarts).toBeGreaterThan(0);
      const image = (await op.jvp(found.right)).data.map((entry, i) => entry - found.sigma * found.left.data[i]);
      const preimage = (await op.vjp(found.left)).data.map((entry, i) => entry - found.sigma * found.right.data[i]);
      expect(Math.max(Math.hypot(...image), Math.hypot(...preimage))).toBeCloseTo(found.residual, 12);
    }
  });

  it("works at any scale", async () => {
    for (const scale of [1e-200, 1e200]) {
      const values = spectra.decaying.map((value) => value * scale);
      const found = await spectralNorm(diagonal(values), { basisBudget: 8 * 200 * VECTOR, maxSteps: 500, rtol: 1e-8 });
      expect(Math.abs(found.sigma / scale - 1)).toBeLessThan(1e-8);
      expect(found.restarts).toBeGreaterThan(0);
    }
  });

  it("stops between steps for an aborted signal", async () => {
    const controller = new AbortController();
    const onProgress = ({ step }: { step: number }) => {
      if (step === 20) controller.abort(new Error("enough"));
    };
    const options = { basisBudget: 7 * 200 * VECTOR, rtol: 0, signal: controller.signal, onProgress };
    await expect(spectralNorm(diagonal(spectra.even), options)).rejects.toThrow("enough");
  });
});

describe("what is proven under a budget", () => {
  const size = 40;
  const few: Record<string, number[]> = {
    "one outlier": [1, ...Array.from({ length: size - 1 }, (_, i) => 0.9 - i / 60)],
    "a plateau below the top": [1.2, ...Array.from({ length: size - 1 }, (_, i) => 1 - i / 1000)],
  };

  it.each(Object.keys(few))("fails no more often than it says, after restarts: %s", async (name) => {
    const values = few[name];
    const wrongGuess = tensor(
      Float64Array.from(values, (_, i) => Math.min(i, 1)),
      [size],
    );
    for (const [vectors, maxSteps, trials] of [
      [6, 6, 120],
      [6, 9, 80],
    ]) {
      for (const start of [undefined, wrongGuess]) {
        const options = { failureProbability: 0.5, start, rtol: 0, maxSteps, basisBudget: vectors * size * VECTOR };
        let [upperFails, accuracyFails, restarted] = [0, 0, 0];
        for (let seed = 0; seed < trials; seed++) {
          const { sigma, upper, accuracy, restarts } = await spectralNorm(diagonal(values), { ...options, seed });
          restarted += restarts;
          if (upper < values[0]) upperFails++;
          if (1 - sigma / values[0] > accuracy) accuracyFails++;
        }
        expect(restarted).toBeGreaterThan(trials / 2);
        expect(upperFails / trials).toBeLessThanOrEqual(0.5);
        expect(accuracyFails / trials).toBeLessThanOrEqual(0.05);
      }
    }
  });

  it("counts every step once, and every application of the operator, through restarts", async () => {
    const op = diagonal(spectra.even);
    let calls = 0;
    const counted = (act: typeof op.jvp) => (x: Tensor) => {
      calls++;
      return act(x);
    };
    const counting = { ...op, jvp: counted(op.jvp), vjp: counted(op.vjp) };
    const events: number[] = [];
    const onProgress = ({ step }: { step: number }) => events.push(step);
    const options = { basisBudget: 7 * 200 * VECTOR, rtol: 0, maxSteps: 23, onProgress };
    const found = await spectralNorm(counting, options);
    expect(found.restarts).toBeGreaterThan(3);
    expect(found.steps).toBe(23);
    expect(found.history.length).toBe(23);
    expect(events).toEqual(Array.from({ length: 23 }, (_, i) => i + 1));
    expect(calls).toBe(found.applications);
    expect(calls).toBe(2 * 23 + 1);
  });

  it("goes on where the space has closed, with room for a few vectors only", async () => {
    const values = [2, 1.9, 1.5, 1, 0.8, 0.5, 0.3, 0.2, 0.1, ...new Array<number>(51).fill(0)];
    for (const vectors of [6, 8, 14]) {
      const found = await spectralNorm(diagonal(values), {
        basisBudget: vectors * 60 * VECTOR,
        rtol: 1e-13,
        bracket: 1e-6,
        maxSteps: 2000,
      });
      expect(["exact", "converged", "precision-limit"]).toContain(found.status);
      expect(Math.abs(found.sigma / 2 - 1)).toBeLessThan(1e-12);
      expect(found.upper / found.lower - 1).toBeLessThanOrEqual(1e-6);
    }
  });
});

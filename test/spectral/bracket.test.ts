import { describe, expect, it } from "vitest";
import { Random } from "../../src/base/random.js";
import { tensor } from "../../src/base/tensor.js";
import type { LinearOperator } from "../../src/device/operator.js";
import { lanczosFactor, powerFactor } from "../../src/spectral/bracket.js";
import type { SpectralNormOptions } from "../../src/spectral/result.js";
import { spectralNorm } from "../../src/spectral/spectralNorm.js";
import { diagonal } from "./operators.js";

const usual = { dimension: 16384, steps: 20, failureProbability: 1e-6, guess: false };

describe("lanczosFactor(question)", () => {
  it("has the values of MATH 10.2's table", () => {
    expect(lanczosFactor(usual)).toBeCloseTo(1.1228, 4);
    expect(lanczosFactor({ ...usual, steps: 60 })).toBeCloseTo(1.013, 4);
  });

  it("is cosh(asinh(ν√(2N/π)/δ)/(2k − 1)), ν = 2 with a guess", () => {
    for (const dimension of [3, 40, 1e6]) {
      for (const [steps, guess] of [
        [1, false],
        [7, true],
        [100, false],
      ] as const) {
        const odds = ((guess ? 2 : 1) * Math.sqrt((2 * dimension) / Math.PI)) / 0.01;
        const factor = lanczosFactor({ dimension, steps, failureProbability: 0.01, guess });
        // After N steps the basis spans the whole space.
        const want = steps >= dimension ? 1 : Math.cosh(Math.asinh(odds) / (2 * steps - 1));
        expect(factor).toBeCloseTo(want, 8);
      }
    }
  });
});

describe("powerFactor(question)", () => {
  it("solves MATH 10.2c for e", () => {
    for (const [dimension, steps, guess] of [
      [3, 2, true],
      [1000, 20, false],
      [1e6, 500, true],
    ] as const) {
      const factor = powerFactor({ dimension, steps, failureProbability: 1e-3, guess });
      const excess = -Math.expm1(-2 * Math.log(factor));
      const component = (1e-3 / Math.sqrt((2 * dimension) / Math.PI)) ** 2;
      const right = component / ((guess ? 4 : 1) - component);
      const left = (1 - excess) ** (2 * steps - 1) / (excess * (2 * steps - 1));
      expect(left / right).toBeCloseTo(1, 8);
    }
  });

  it("is never sharper than Lanczos", () => {
    for (const steps of [1, 3, 30, 300]) {
      expect(powerFactor({ ...usual, steps })).toBeGreaterThan(lanczosFactor({ ...usual, steps }));
    }
  });
});

describe.each([
  ["lanczosFactor", lanczosFactor],
  ["powerFactor", powerFactor],
])("%s", (_, factor) => {
  it("is finite and at least 1 whatever is asked", () => {
    for (const dimension of [1, 2, 3, 1e9, 2 ** 52]) {
      for (const steps of [1, 2, 1000, 1e9]) {
        for (const failureProbability of [5e-324, 1e-300, 1e-6, 0.5, 1 - 2 ** -53]) {
          const value = factor({ dimension, steps, failureProbability, guess: dimension > 2 });
          expect(value).toBeGreaterThanOrEqual(1);
          expect(value).toBeLessThan(Number.POSITIVE_INFINITY);
        }
      }
    }
  });

  it("is 1 in one dimension, where every vector is the leading one", () => {
    expect(factor({ dimension: 1, steps: 1, failureProbability: 1e-9, guess: false })).toBe(1);
  });

  it("falls with steps and failure probability, and rises with the dimension and a guess", () => {
    const value = factor(usual);
    expect(factor({ ...usual, steps: 21 })).toBeLessThan(value);
    expect(factor({ ...usual, failureProbability: 1e-5 })).toBeLessThan(value);
    expect(factor({ ...usual, dimension: 20000 })).toBeGreaterThan(value);
    expect(factor({ ...usual, guess: true })).toBeGreaterThan(value);
  });
});

describe("`upper` fails no more often than it says", () => {
  const spectra: Record<string, number[]> = {
    "one outlier": [1, ...Array.from({ length: 99 }, (_, i) => 0.9 - i / 120)],
    even: Array.from({ length: 100 }, (_, i) => 1 - i / 100),
    "a plateau below the top": [1.2, ...new Array<number>(99).fill(1)],
    "two dimensions": [1, 0.2],
    "three dimensions": [1, 0.5, 0.1],
  };
  const trials = 300;
  for (const failureProbability of [0.5, 0.1]) {
    for (const method of ["lanczos", "power"] as const) {
      it.each(Object.keys(spectra))(`δ = ${failureProbability}, ${method}, %s`, async (name) => {
        const values = spectra[name];
        const wrongGuess = tensor(
          Float64Array.from(values, (_, i) => Math.min(i, 1)),
          [values.length],
        );
        for (const start of [undefined, wrongGuess]) {
          const options = { method, failureProbability, start, rtol: 0, maxSteps: 2 };
          const failures = await failureCount(diagonal(values), options, trials);
          expect(failures / trials).toBeLessThanOrEqual(failureProbability);
        }
      });
    }
  }

  it("is no idle warning: δ = 0.9 fails now and then in one step", async () => {
    const values = [10, ...new Random(1).fillGaussian(new Float64Array(2), 0.01)];
    const failures = await failureCount(diagonal(values), { failureProbability: 0.9, maxSteps: 1 }, 300);
    expect(failures).toBeGreaterThan(0);
  });
});

async function failureCount(op: LinearOperator, options: SpectralNormOptions, trials: number): Promise<number> {
  const truth = Math.max(...(await op.jvp(tensor(new Float64Array(op.inShape[0]).fill(1), op.inShape))).data);
  let failures = 0;
  for (let seed = 0; seed < trials; seed++) {
    const { upper } = await spectralNorm(op, { ...options, seed });
    if (upper < truth) failures++;
  }
  return failures;
}

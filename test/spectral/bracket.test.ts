import { describe, expect, it } from "vitest";
import { tensor } from "../../src/base/tensor.js";
import type { LinearOperator } from "../../src/device/operator.js";
import { leadingPair } from "../../src/linalg/tridiagonal.js";
import { dot } from "../../src/linalg/vector.js";
import {
  characteristicFactor,
  characteristicFactorWithin,
  type LanczosRecord,
  lanczosFactor,
  powerFactor,
} from "../../src/spectral/bracket.js";
import type { SpectralNormOptions } from "../../src/spectral/result.js";
import { spectralNorm } from "../../src/spectral/spectralNorm.js";
import { diagonal } from "./operators.js";

const usual = { dimension: 16384, steps: 20, failureProbability: 1e-6, guess: false };

describe("lanczosFactor(question)", () => {
  it("has the values of MATH 10.2's table", () => {
    expect(lanczosFactor(usual)).toBeCloseTo(1.1228, 4);
    expect(lanczosFactor({ ...usual, steps: 60 })).toBeCloseTo(1.013, 4);
  });

  it("is cosh(asinh(ν√(2N/π)/δ)/(2k − 1)), ν = 1.25 with a guess", () => {
    for (const dimension of [3, 40, 1e6]) {
      for (const [steps, guess] of [
        [1, false],
        [7, true],
        [100, false],
      ] as const) {
        const odds = ((guess ? 1.25 : 1) * Math.sqrt((2 * dimension) / Math.PI)) / 0.01;
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
      const right = component / ((guess ? 1.25 ** 2 : 1) - component);
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

describe("characteristicFactor(records, failureProbability, roundoff)", () => {
  const record = (values: Partial<LanczosRecord>): LanczosRecord => ({
    dimension: 100,
    guess: false,
    diagonal: [],
    offDiagonal: [],
    discarded: [],
    products: values.offDiagonal ?? [],
    ...values,
  });
  const scale = Math.sqrt(200 / Math.PI);

  it("solves (x − a)·s = b after one step, s = δ/√(2N/π)", () => {
    for (const [a, b, delta, guess] of [
      [1, 0.5, 1e-3, false],
      [1, 1e-7, 1e-6, false],
      [1, 0.01, 0.3, true],
    ] as const) {
      const factor = characteristicFactor([record({ diagonal: [a], offDiagonal: [b], guess })], delta, 0);
      const s = delta / (guess ? 1.25 * scale : scale);
      expect(Math.abs(factor ** 2 / (a + b / s) - 1)).toBeLessThan(1e-14);
    }
  });

  it("solves (x − a₁)(x − a₂) − b₁² = b₁b₂/s after two, and enlarges each b by roundoff", () => {
    const [a1, a2, b1, b2, roundoff] = [0.8, 0.5, 0.31, 1e-4, 1e-5];
    const factor = characteristicFactor([record({ diagonal: [a1, a2], offDiagonal: [b1, b2] })], 0.01, roundoff);
    const right = ((b1 + roundoff) * (b2 + roundoff) * scale) / 0.01 + b1 ** 2;
    const x = (a1 + a2 + Math.sqrt((a1 - a2) ** 2 + 4 * right)) / 2;
    expect(Math.abs(factor ** 2 / x - 1)).toBeLessThan(1e-14);
  });

  it("counts what restarts let go, in the polynomial and among the products", () => {
    const [a, mu, b1, b2] = [1, 0.4, 0.3, 1e-3];
    const restarted = record({ diagonal: [a], offDiagonal: [b2], discarded: [mu], products: [b1, b2] });
    const x = characteristicFactor([restarted], 0.01, 0) ** 2;
    expect(Math.abs(((x - a) * (x - mu)) / ((b1 * b2 * scale) / 0.01) - 1)).toBeLessThan(1e-12);
  });

  it("is sharp: it finds the very value whose vector the start holds with weight s, and no more", () => {
    // Exact Lanczos on diag(1, 0.7, 0.2) in three dimensions, from a start with s along the leading vector.
    for (const delta of [1e-2, 1e-5, 1e-8]) {
      const s = delta / Math.sqrt(6 / Math.PI);
      const found = lanczosOf([1, 0.7, 0.2], [s, Math.sqrt((1 - s * s) / 2), Math.sqrt((1 - s * s) / 2)], 2);
      expect(found.theta).toBeLessThan(0.71);
      const bound = characteristicFactor([{ ...found.record, dimension: 3 }], delta, 0) * Math.sqrt(found.theta);
      expect(bound).toBeGreaterThanOrEqual(1 - 1e-12);
      expect(bound).toBeLessThan(1 + 2 * delta);
      // Under a higher probability of failure it would have been missed.
      const missed = characteristicFactor([{ ...found.record, dimension: 3 }], 3 * delta, 0);
      expect(missed * Math.sqrt(found.theta)).toBeLessThan(1);
    }
  });

  it("is 1 where a fresh start in the complement shows that nothing there comes near", () => {
    const small = record({ diagonal: [1e-8], offDiagonal: [1e-9] });
    expect(characteristicFactor([small], 1e-6, 1e-12)).toBe(1);
    expect(characteristicFactor([record({ diagonal: [0.1], offDiagonal: [0.1] })], 1e-6, 1e-12)).toBeGreaterThan(10);
  });

  it("takes several independent starts together by Fisher's rule", () => {
    // Each says (x − a)·|c| ≤ b; the product of two |c|·√(2N/π) is uniform squared: α(1 − log α) = δ.
    const one = record({ diagonal: [0], offDiagonal: [0.01] });
    const delta = 1e-4;
    const x = characteristicFactor([one, one], delta, 0) ** 2;
    const alpha = ((0.01 * scale) / x) ** 2;
    expect(Math.abs((alpha * (1 - Math.log(alpha))) / delta - 1)).toBeLessThan(1e-9);
    expect(x).toBeLessThan(characteristicFactor([one], delta, 0) ** 2);
  });

  it("agrees with its test at a given factor", () => {
    const records = [record({ diagonal: [0.9, 0.4], offDiagonal: [0.2, 0.01] })];
    const factor = characteristicFactor(records, 1e-3, 1e-9);
    expect(characteristicFactorWithin(factor * (1 + 1e-9), records, 1e-3, 1e-9)).toBe(true);
    expect(characteristicFactorWithin(factor * (1 - 1e-9), records, 1e-3, 1e-9)).toBe(false);
    expect(characteristicFactorWithin(1 + 1e-12, [record({ diagonal: [1], offDiagonal: [0.1] })], 1e-3, 0)).toBe(false);
  });
});

describe("`upper` and `accuracy` fail about as often as they say, and no more", () => {
  // After one step in three dimensions σ ≤ θ/|⟨v₀, w⟩| is nearly all that is known, and ⟨v₀, w⟩ is uniform.
  const op = diagonal([1, 1e-3, 1e-3]);
  const trials = 2000;

  it.each(["lanczos", "power"] as const)("%s", async (method) => {
    for (const [failureProbability, least] of [
      [0.5, 0.15],
      [0.1, 0.02],
    ]) {
      const rates = await failures(op, { method, failureProbability, maxSteps: 1 }, trials);
      expect(rates.upper).toBeLessThanOrEqual(failureProbability);
      expect(rates.upper).toBeGreaterThan(least);
      expect(rates.accuracy).toBeLessThanOrEqual(0.05);
      expect(rates.accuracy).toBeGreaterThan(0.01);
    }
  });

  it("with a guess that is wrong, too", async () => {
    const start = tensor(Float64Array.of(0, 1, 1), [3]);
    const rates = await failures(op, { failureProbability: 0.5, maxSteps: 1, start }, trials);
    expect(rates.upper).toBeLessThanOrEqual(0.5);
    expect(rates.upper).toBeGreaterThan(0.02);
    expect(rates.accuracy).toBeLessThanOrEqual(0.05);
  });

  const spectra: Record<string, number[]> = {
    "one outlier": [1, ...Array.from({ length: 29 }, (_, i) => 0.9 - i / 40)],
    "a plateau below the top": [1.2, ...new Array<number>(29).fill(1)],
    "two close": [1, 0.999, ...new Array<number>(28).fill(0.1)],
  };
  it.each(Object.keys(spectra))("over a few steps: %s", async (name) => {
    for (const method of ["lanczos", "power"] as const) {
      const options = { method, failureProbability: 0.5, rtol: 1e-12, maxSteps: 3 };
      const { upper, accuracy } = await failures(diagonal(spectra[name]), options, 150);
      expect(upper).toBeLessThanOrEqual(0.5);
      expect(accuracy).toBeLessThanOrEqual(0.05);
    }
  });
});

/** Shares of seeds whose bracket ends below the truth, and whose sigma is further from it than `accuracy`. */
async function failures(op: LinearOperator, options: SpectralNormOptions, trials: number) {
  const truth = Math.max(...(await op.jvp(tensor(new Float64Array(op.inShape[0]).fill(1), op.inShape))).data);
  let [upper, accuracy] = [0, 0];
  for (let seed = 0; seed < trials; seed++) {
    const found = await spectralNorm(op, { ...options, seed });
    if (found.upper < truth) upper++;
    if (Math.abs(found.sigma / truth - 1) > found.accuracy + 1e-12) accuracy++;
  }
  return { upper: upper / trials, accuracy: accuracy / trials };
}

/** `steps` steps of Lanczos on a diagonal matrix, in the plainest way: its record in shares of theta, the top Ritz value. */
function lanczosOf(values: number[], start: number[], steps: number): { theta: number; record: LanczosRecord } {
  const basis = [start.map((entry) => entry / Math.hypot(...start))];
  const [diagonal, offDiagonal]: [number[], number[]] = [[], []];
  for (let k = 0; k < steps; k++) {
    let w = basis[k].map((entry, i) => values[i] * entry);
    diagonal.push(dot(w, basis[k]));
    for (let pass = 0; pass < 3; pass++) {
      for (const v of basis) {
        const h = dot(w, v);
        w = w.map((entry, i) => entry - h * v[i]);
      }
    }
    offDiagonal.push(Math.hypot(...w));
    basis.push(w.map((entry) => entry / offDiagonal[k]));
  }
  const { value: theta } = leadingPair(diagonal, offDiagonal);
  const shares = (entries: number[]) => entries.map((entry) => entry / theta);
  const products = shares(offDiagonal);
  const record = { dimension: values.length, guess: false, diagonal: shares(diagonal), offDiagonal: products };
  return { theta, record: { ...record, discarded: [], products } };
}

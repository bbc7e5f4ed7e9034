// The stopping rule's promise: a true error within `accuracy`, and that within rtol, whatever the spectrum.
import { beforeAll, describe, expect, it } from "vitest";
import { Random } from "../../src/base/random.js";
import type { LinearOperator } from "../../src/device/operator.js";
import type { SpectralNormOptions } from "../../src/spectral/result.js";
import { spectralNorm } from "../../src/spectral/spectralNorm.js";
import { attentionJacobian, diagonal, inputKinds } from "./operators.js";

const random = new Random(5);
const size = 300;
const filled = (value: (i: number) => number) => Float64Array.from({ length: size }, (_, i) => value(i));
const uniform = (low: number, high: number) => low + (high - low) * random.uniform();

/** The largest value is 1. */
const spectra: Record<string, Float64Array> = {
  "of a Gaussian matrix": filled((i) => 1 - (i / size) ** (2 / 3)),
  geometric: filled((i) => 0.9 ** i),
  "slowly geometric": filled((i) => 0.99 ** i),
  harmonic: filled((i) => 1 / (i + 1)),
  even: filled((i) => 1 - i / size),
  flat: filled((i) => (i === 0 ? 1 : uniform(0.9, 1))),
  "one outlier": filled((i) => (i === 0 ? 1 : uniform(0, 0.5))),
  "two very close": filled((i) => (i < 2 ? 1 - 1e-6 * i : uniform(0, 0.5))),
  "a close pair": filled((i) => (i < 2 ? 1 - 0.001 * i : uniform(0, 0.1))),
  "a cluster on top": filled((i) => (i < 5 ? 1 - 0.002 * i : uniform(0, 0.7))),
  "a plateau of 20 below the top": filled((i) => (i === 0 ? 1 : i <= 20 ? 0.95 : uniform(0, 0.3))),
  "a plateau of 100 that hides the top": filled((i) => (i === 0 ? 1 : i <= 100 ? 0.91 : 0)),
};

interface Case {
  op: LinearOperator;
  truth: number;
}

interface Rates {
  /** Share of runs further from the truth than `accuracy`. */
  wrong: number;
  converged: number;
  steps: number[];
}

async function rates(cases: Case[], options: SpectralNormOptions & { rtol: number }): Promise<Rates> {
  const steps: number[] = [];
  let [wrong, converged] = [0, 0];
  for (const { op, truth } of cases) {
    const found = await spectralNorm(op, { ...options, seed: steps.length });
    expect(found.sigma).toBeLessThanOrEqual(truth * (1 + 1e-12));
    expect(found.upper).toBeGreaterThanOrEqual(truth);
    if (found.status === "converged") {
      converged++;
      expect(found.accuracy).toBeLessThanOrEqual(options.rtol);
    }
    if (truth - found.sigma > found.accuracy * truth) wrong++;
    steps.push(found.steps);
  }
  return { wrong: wrong / steps.length, converged: converged / steps.length, steps: steps.sort((a, b) => a - b) };
}

describe("whatever the spectrum the true error is within `accuracy`, and that within rtol", () => {
  const seeds = 4;
  const cases = Object.values(spectra).flatMap((values) =>
    Array.from({ length: seeds }, () => ({ op: diagonal(values), truth: 1 })),
  );

  it.each([1e-2, 1e-8])("lanczos, rtol %f", async (rtol) => {
    const { wrong, converged } = await rates(cases, { rtol, maxSteps: 150 });
    expect(wrong).toBeLessThanOrEqual(0.05);
    expect(converged).toBeGreaterThan(0.9);
  });

  it("lanczos on two values that differ by less than rtol could tell apart (docs/theory.md, section 10.7)", async () => {
    const pair = Array.from({ length: 60 }, () => ({ op: diagonal(spectra["two very close"]), truth: 1 }));
    const { wrong, converged } = await rates(pair, { rtol: 1e-8 });
    expect(wrong).toBeLessThanOrEqual(0.05);
    expect(converged).toBe(1);
  });

  it("power, by what is proven before looking", async () => {
    const some = ["geometric", "even", "two very close"].map((name) => ({ op: diagonal(spectra[name]), truth: 1 }));
    const { wrong, converged, steps } = await rates(some, { method: "power", rtol: 0.02 });
    expect({ wrong, converged }).toEqual({ wrong: 0, converged: 1 });
    expect(new Set(steps).size).toBe(1);
  });
});

describe("over attention Jacobians like those of docs/theory.md, section 13.3", () => {
  const settings = inputKinds.flatMap((kind) =>
    [0.02, 0.1].flatMap((std) =>
      (["none", "causal"] as const).map((mask) => attentionJacobian(kind, { n: 16, std, mask, width: 48 })),
    ),
  );
  const cases: Case[] = [];
  beforeAll(async () => {
    for (const op of settings) {
      const { sigma } = await spectralNorm(op, { rtol: 1e-12, seed: 1000 });
      cases.push({ op, truth: sigma * (1 + 1e-12) });
    }
  }, 60_000);

  it.each([
    [1e-2, 13, 25],
    [1e-4, 15, 30],
  ])("lanczos proves rtol %f in a median of at most %i steps, and at most %i", async (rtol, median, most) => {
    const { wrong, converged, steps } = await rates(cases, { rtol });
    expect(wrong).toBe(0);
    expect(converged).toBe(1);
    expect(steps[steps.length - 1]).toBeLessThanOrEqual(most);
    expect(steps[Math.floor(steps.length / 2)]).toBeLessThanOrEqual(median);
  });
});

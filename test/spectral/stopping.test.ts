// The stopping rule's promise: a true error within rtol in at least 95 % of runs, in few steps (MATH 13.3).
import { beforeAll, describe, expect, it } from "vitest";
import { Random } from "../../src/base/random.js";
import type { LinearOperator } from "../../src/device/operator.js";
import type { SpectralNormOptions } from "../../src/spectral/result.js";
import { spectralNorm } from "../../src/spectral/spectralNorm.js";
import { attentionJacobian, diagonal, inputKinds } from "./operators.js";

const random = new Random(5);
const size = 800;
const filled = (value: (i: number) => number) => Float64Array.from({ length: size }, (_, i) => value(i));
const uniform = (low: number, high: number) => low + (high - low) * random.uniform();

/** The largest value is 1 everywhere but where it is given. */
const spectra: Record<string, Float64Array> = {
  "of a Gaussian matrix": filled((i) => 1 - (i / size) ** (2 / 3)),
  geometric: filled((i) => 0.9 ** i),
  "slowly geometric": filled((i) => 0.99 ** i),
  harmonic: filled((i) => 1 / (i + 1)),
  even: filled((i) => 1 - i / size),
  flat: filled((i) => (i === 0 ? 1 : uniform(0.9, 1))),
  "one outlier": filled((i) => (i === 0 ? 1 : uniform(0, 0.5))),
  "a close pair": filled((i) => (i < 2 ? 1 - 0.001 * i : uniform(0, 0.1))),
  "a cluster on top": filled((i) => (i < 5 ? 1 - 0.002 * i : uniform(0, 0.7))),
  "a plateau of 20 below the top": filled((i) => (i === 0 ? 1 : i <= 20 ? 0.95 : uniform(0, 0.3))),
  "a band of 50 below the top": filled((i) => (i === 0 ? 1 : i <= 50 ? uniform(0.98, 0.99) : uniform(0, 0.5))),
  "a plateau of 200 that hides the top": filled((i) => (i === 0 ? 1 : i <= 200 ? 0.91 : 0)),
};

const seeds = 12;

interface Rates {
  withinRtol: number;
  steps: number[];
}

async function rates(cases: { op: LinearOperator; truth: number }[], options: SpectralNormOptions): Promise<Rates> {
  const steps: number[] = [];
  let within = 0;
  for (const { op, truth } of cases) {
    const found = await spectralNorm(op, { ...options, seed: steps.length });
    expect(found.sigma).toBeLessThanOrEqual(truth * (1 + 1e-12));
    expect(found.upper).toBeGreaterThanOrEqual(truth);
    if (truth - found.sigma <= options.rtol! * truth) within++;
    steps.push(found.steps);
  }
  return { withinRtol: within / steps.length, steps: steps.sort((a, b) => a - b) };
}

const synthetic = Object.values(spectra).flatMap((values) =>
  Array.from({ length: seeds }, () => ({ op: diagonal(values), truth: 1 })),
);

describe("over spectra with clusters, plateaus and outliers the true error is within rtol in 95 % of runs", () => {
  it.each([1e-2, 1e-3, 1e-4, 1e-6])("lanczos, rtol %f", async (rtol) => {
    const { withinRtol } = await rates(synthetic, { rtol, maxSteps: 150 });
    expect(withinRtol).toBeGreaterThanOrEqual(0.95);
  });

  it.each([1e-3, 1e-4])("power, rtol %f, where it takes fewer than 1000 steps", async (rtol) => {
    const reachable = ["geometric", "slowly geometric", "harmonic", "one outlier", "a plateau of 20 below the top"];
    const cases = reachable.flatMap((name) =>
      Array.from({ length: seeds }, () => ({ op: diagonal(spectra[name]), truth: 1 })),
    );
    const { withinRtol } = await rates(cases, { method: "power", rtol });
    expect(withinRtol).toBeGreaterThanOrEqual(0.95);
  });
});

describe("over attention Jacobians like those of MATH 13.3", () => {
  const settings = inputKinds.flatMap((kind) =>
    [16, 32].flatMap((n) =>
      [0.02, 0.1].flatMap((std) =>
        (["none", "causal"] as const).map((mask) => attentionJacobian(kind, { n, std, mask, width: 48 })),
      ),
    ),
  );
  const cases: { op: LinearOperator; truth: number }[] = [];
  beforeAll(async () => {
    for (const op of settings) {
      const { sigma } = await spectralNorm(op, { rtol: 1e-12, seed: 1000 });
      cases.push({ op, truth: sigma * (1 + 1e-12) });
    }
  }, 60_000);

  it.each([1e-3, 1e-4])("lanczos is within rtol %f in at least 95 of 100 runs, in at most 30 steps", async (rtol) => {
    const { withinRtol, steps } = await rates(cases, { rtol });
    expect(withinRtol).toBeGreaterThanOrEqual(0.95);
    expect(steps[steps.length - 1]).toBeLessThanOrEqual(30);
    expect(steps[Math.floor(steps.length / 2)]).toBeLessThanOrEqual(13);
  });

  it("power iteration agrees, in more steps", async () => {
    const some = cases.filter((_, i) => i % 5 === 0);
    const { withinRtol } = await rates(some, { method: "power", rtol: 1e-3 });
    expect(withinRtol).toBeGreaterThanOrEqual(0.95);
  });
});

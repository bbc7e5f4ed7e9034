import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Tensor, tensor } from "../../src/base/tensor.js";
import { ball } from "../../src/bounds/ball.js";
import { bounds } from "../../src/bounds/index.js";
import type { LowerBound } from "../../src/bounds/lower.js";
import { matrixNorm } from "../../src/linalg/matrixNorm.js";
import { loadFixtures } from "../oracle/fixtures.js";
import { largestToken, oneHead, paperHeads, sigmaAt } from "./layers.js";
import { asTensor, diagonalTensor, gaussianMatrix, matrixFrom, tensorFrom } from "./matrices.js";

interface OracleLower {
  gamma: number;
  lower_castin: number;
  lower_sharp: number;
  lower_sharp_causal: number;
}

const withLower = loadFixtures().filter(({ expected }) => "per_head_lower_V_is_I" in expected.bounds);

describe("bounds.lower(question) has the oracle's values for V = I", () => {
  it.each(withLower.map((fixture) => [fixture.name, fixture] as const))("%s", (_, { spec, n, x, dIn, expected }) => {
    const theirs = expected.bounds.per_head_lower_V_is_I as unknown as OracleLower[];
    for (const [h, { A }] of paperHeads(spec).entries()) {
      const question = { n, radius: largestToken(x), A: asTensor(A), V: diagonalTensor(dIn, 1) };
      const { castin, eigenpair } = bounds.lower(question);
      const causal = bounds.lower({ ...question, mask: "causal" });
      if (castin === undefined) {
        // The oracle's sign that A has no real eigenvalue, hence no such bound.
        expect(theirs[h].gamma).toBe(0);
        continue;
      }
      expect(castin.value / theirs[h].lower_castin).toBeCloseTo(1, 9);
      expect((eigenpair?.value ?? 0) / theirs[h].lower_sharp).toBeCloseTo(1, 9);
      expect((causal.eigenpair?.value ?? 0) / theirs[h].lower_sharp_causal).toBeCloseTo(1, 9);
    }
  });
});

describe("bounds.lower(question)", () => {
  const minus = diagonalTensor(2, -1);
  const eye = diagonalTensor(2, 1);

  it("has the numbers of MATH 6.4 between paper and truth", () => {
    const { castin, best } = bounds.lower({ n: 168, radius: 1.6, A: minus, V: eye });
    expect(castin?.value).toBeCloseTo(6.47, 1);
    expect(best.value).toBeGreaterThan(22.995);
    expect(best.value).toBeLessThan(23.25);
  });

  it("at its best n, n − 1 = e^(2γR²), is e^(γR²)/2, and with the stretch (1 + γR²) times that", () => {
    const radius = Math.sqrt(Math.log(100) / 2);
    const { castin, eigenpair } = bounds.lower({ n: 101, radius, A: minus, V: eye });
    expect(castin?.value).toBeCloseTo(5, 10);
    expect(eigenpair?.value).toBeGreaterThanOrEqual(5 * (1 + radius * radius) * (1 - 1e-12));
  });

  it("does not decay with n, by more copies of the odd token or in causal attention", () => {
    for (const mask of ["none", "causal"] as const) {
      const at = (n: number) => bounds.lower({ n, radius: 1.6, A: minus, V: eye, mask }).eigenpair?.value ?? 0;
      expect(at(2000)).toBeGreaterThan(0.95 * at(168));
    }
  });

  it("is ‖V‖ for one token, and never below", () => {
    expect(bounds.lower({ n: 1, radius: 2, A: minus, V: tensorFrom([[3, 0]]) }).best.value).toBeCloseTo(3, 12);
    expect(bounds.lower({ n: 5, radius: 0, A: minus, V: tensorFrom([[3, 0]]) }).best.value).toBeCloseTo(3, 12);
    expect(bounds.lower({ n: 5, radius: 1, A: diagonalTensor(2, 0), V: eye }).best.value).toBeCloseTo(1, 12);
  });

  it("leaves the eigenvalue's bounds out where no eigenvalue is real", () => {
    const rotation = tensorFrom([
      [0, -1],
      [1, 0],
    ]);
    const { castin, eigenpair, gammaStar } = bounds.lower({ n: 50, radius: 3, A: rotation, V: eye });
    expect([castin, eigenpair]).toEqual([undefined, undefined]);
    expect(gammaStar?.value).toBeGreaterThan(7);
  });

  it("refuses a window, which MATH 6 says nothing about", () => {
    const call = () => bounds.lower({ n: 5, radius: 1, A: eye, V: eye, mask: { window: { left: 1, right: 0 } } });
    expect(call).toThrow(RangeError);
    expect(call).toThrow(/it assumes mask "none" or "causal"/);
  });

  it.each([
    [{ A: tensorFrom([[1, 2]]) }, RangeError, /"A": expected shape \[1, 1\], got \[1, 2\]/],
    [{ V: tensorFrom([[1]]) }, RangeError, /"V"/],
    [{ A: 3 }, TypeError, /"A"/],
    [
      {
        A: tensorFrom([
          [Number.NaN, 0],
          [0, 1],
        ]),
      },
      RangeError,
      /NaN at \[0, 0\]/,
    ],
    [{ radius: -1 }, RangeError, /"radius"/],
    [{ n: 0 }, RangeError, /"n"/],
  ])("refuses %j", (change, kind, message) => {
    const call = () => bounds.lower({ n: 5, radius: 1, A: eye, V: eye, ...change } as never);
    expect(call).toThrow(kind);
    expect(call).toThrow(message);
  });

  it("is below sigma at the tokens it names, which lie in the ball, and below every upper bound", async ({
    annotate,
  }) => {
    let tightest = 0;
    const drawn = fc.record({
      n: fc.integer({ min: 2, max: 12 }),
      d: fc.integer({ min: 1, max: 4 }),
      dOut: fc.integer({ min: 1, max: 4 }),
      radius: fc.constantFrom(0.3, 1, 2, 3),
      mask: fc.constantFrom("none" as const, "causal" as const),
      seed: fc.nat(),
    });
    await fc.assert(
      fc.asyncProperty(drawn, async ({ n, d, dOut, radius, mask, seed }) => {
        const A = gaussianMatrix(d, d, seed, 0.8);
        const V = gaussianMatrix(dOut, d, seed);
        const { best, ...all } = bounds.lower({ n, radius, A: asTensor(A), V: asTensor(V), mask });
        const upper = ball({ n, radius, normA: matrixNorm(A), normV: matrixNorm(V), mask }).best.value;
        for (const [name, bound] of Object.entries(all)) {
          const sigma = await sigmaAt(oneHead(A, V, mask), inputOf(bound, n));
          expect(largestToken(inputOf(bound, n)), name).toBeLessThanOrEqual(radius * (1 + 1e-14));
          expect(bound.value, name).toBeLessThanOrEqual(sigma * (1 + 1e-8));
          expect(bound.value, name).toBeLessThanOrEqual(upper * (1 + 1e-12));
          tightest = Math.max(tightest, bound.value / upper);
        }
        expect(all.twoPoint?.value).toBeGreaterThanOrEqual((all.gammaStar?.value ?? 0) * (1 - 1e-12));
        expect(all.twoPoint?.value).toBeGreaterThanOrEqual((all.eigenpair?.value ?? 0) * (1 - 1e-12));
        if (all.eigenpair && all.castin) {
          expect(all.eigenpair.value).toBeGreaterThanOrEqual(all.castin.value * (1 - 1e-9));
        }
      }),
      { numRuns: 80, seed: 2 },
    );
    await annotate(`tightest ratio ${tightest}`);
    expect(tightest).toBeGreaterThan(0.7);
  });
});

describe("bounds.gammaStar(A)", () => {
  it.each([
    [
      "a rotation",
      [
        [0, -1],
        [1, 0],
      ],
      0.5,
    ],
    [
      "a nilpotent matrix",
      [
        [0, 1],
        [0, 0],
      ],
      0.6495,
    ],
    [
      "−I",
      [
        [-1, 0],
        [0, -1],
      ],
      1,
    ],
    [
      "I",
      [
        [1, 0],
        [0, 1],
      ],
      0.125,
    ],
    [
      "zero",
      [
        [0, 0],
        [0, 0],
      ],
      0,
    ],
  ])("of %s", (_, rows, expected) => {
    expect(bounds.gammaStar(tensorFrom(rows))).toBeCloseTo(expected, 4);
  });

  it("lies in [‖A‖/8, ‖A‖] and above the paper's γ", () => {
    for (let seed = 0; seed < 30; seed++) {
      const A = gaussianMatrix(5, 5, seed);
      const value = bounds.gammaStar(asTensor(A));
      expect(value).toBeGreaterThanOrEqual(matrixNorm(A) / 8);
      expect(value).toBeLessThanOrEqual(matrixNorm(A) * (1 + 1e-12));
      const { castin } = bounds.lower({ n: 2, radius: 1, A: asTensor(A), V: diagonalTensor(5, 1) });
      // value = 1/(1 + e^(−2γ)) at n = 2, R = 1
      if (castin) expect(value).toBeGreaterThanOrEqual(-Math.log(1 / castin.value - 1) / 2 - 1e-12);
    }
  });

  it("is about 0.76‖A‖ for a Gaussian matrix of width 64", () => {
    const A = gaussianMatrix(64, 64, 1);
    const ratio = bounds.gammaStar(asTensor(A)) / matrixNorm(A);
    expect(ratio).toBeGreaterThan(0.7);
    expect(ratio).toBeLessThan(0.82);
  });
});

describe("table 11.3: A = −I, V = I, R = 3", () => {
  const sigmas = [
    [2, 1],
    [4, 1.73],
    [8, 2.65],
    [16, 3.87],
    [32, 5.57],
    [64, 7.94],
    [128, 11.27],
    [256, 15.97],
    [400, 19.98],
  ];
  it.each(sigmas)("n = %d: %d, and the paper's bound is 1.000 of it", async (n, expected) => {
    const A = matrixFrom([
      [-1, 0],
      [0, -1],
    ]);
    const V = matrixFrom([
      [1, 0],
      [0, 1],
    ]);
    const { castin } = bounds.lower({ n, radius: 3, A: asTensor(A), V: asTensor(V) });
    expect((castin?.value ?? 0) / expected).toBeCloseTo(1, 2);
    // The plain reference takes no more tokens than this.
    if (n > 256) return;
    const sigma = await sigmaAt(oneHead(A, V), inputOf(castin as LowerBound, n));
    expect(sigma).toBeCloseTo(expected, 2);
    expect((castin?.value ?? 0) / sigma).toBeGreaterThan(0.9995);
    expect((castin?.value ?? 0) / sigma).toBeLessThanOrEqual(1);
  });
});

function inputOf({ tokens: { odd, other, copies } }: LowerBound, n: number): Tensor {
  const x = new Float64Array(n * odd.length);
  for (let i = 0; i < n; i++) x.set(i < copies ? odd : other, i * odd.length);
  return tensor(x, [n, odd.length]);
}

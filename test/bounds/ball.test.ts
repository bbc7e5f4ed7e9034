import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type BallBounds, ball } from "../../src/bounds/ball.js";
import { bounds } from "../../src/bounds/index.js";
import type { Mask } from "../../src/layers/attention/mask.js";
import { matrixNorm } from "../../src/linalg/matrixNorm.js";
import { loadFixtures } from "../oracle/fixtures.js";
import { masks } from "../reference/arbitraries.js";
import { largestToken, namedMask, oneHead, paperHeads, scaledTensor, sigmaAt } from "./layers.js";
import { asTensor, gaussianMatrix } from "./matrices.js";

/** The oracle's name of each bound. */
const oracleNames = {
  castin_ball: "castin",
  castin_ball_n1: "castinVariance",
  ball_sharp_any_mask: "anyMask",
  castin_mf: "castinMeanField",
  ball_sharp: "unmasked",
  mf_sharp: "meanField",
  ball_sharp_causal: "causal",
  ball_causal_hardy: "causalHardy",
} as const satisfies Record<string, keyof BallBounds>;

const withBounds = loadFixtures().filter(({ expected }) => "castin_ball" in expected.bounds);

describe("bounds.ball(question) has the oracle's values", () => {
  it.each(withBounds.map((fixture) => [fixture.name, fixture] as const))("%s", (_, fixture) => {
    const { bounds: expected } = fixture.expected;
    const radius = largestToken(fixture.x);
    expect(radius).toBeCloseTo(expected.R, 12);
    const heads = paperHeads(fixture.spec).map(({ A, M }) =>
      ball({ n: fixture.n, radius, normA: matrixNorm(A), normV: matrixNorm(M), mask: namedMask(fixture) }),
    );
    let compared = 0;
    for (const [theirs, ours] of Object.entries(oracleNames)) {
      if (expected[theirs] == null) continue;
      const sum = heads.reduce((total, head) => total + (head[ours]?.value ?? Number.NaN), 0);
      expect(sum / expected[theirs]).toBeCloseTo(1, 10);
      compared++;
    }
    expect(compared).toBeGreaterThanOrEqual(3);
  });
});

describe("bounds.ball(question)", () => {
  const usual = { n: 12, radius: 1.3, normA: 0.9, normV: 2 };

  it("holds the numbers of MATH 6.4 and grows as it says", () => {
    const { unmasked, castinMeanField, best } = ball({ n: 168, radius: 1.6, normA: 1, normV: 1 });
    expect(unmasked?.value).toBeCloseTo(27.76, 2);
    expect(castinMeanField?.value).toBeCloseTo(1452, -1);
    expect(best).toBe(unmasked);
  });

  it("says of each bound what it is", () => {
    const { best, ...all } = ball({ ...usual, mask: "causal" });
    expect(Object.keys(all)).toEqual(["castin", "castinVariance", "anyMask", "causal", "causalHardy", "causalSchur"]);
    for (const bound of Object.values(all)) {
      expect(bound.kind).toBe("upper");
      expect(bound.scope).toBe("ball");
      expect(bound.source).toMatch(/MATH 5/);
      expect(bound.assumptions).toContain("every token in the ball");
      expect(best.value).toBeLessThanOrEqual(bound.value);
    }
  });

  it("has no causal bound without a mask, and no unmasked one with any", () => {
    expect(ball(usual)).not.toHaveProperty("causal");
    expect(ball(usual)).not.toHaveProperty("masked");
    expect(ball({ ...usual, mask: { window: { left: 3, right: 0 } } })).not.toHaveProperty("unmasked");
    expect(ball({ ...usual, mask: "causal" })).not.toHaveProperty("meanField");
  });

  it("is ‖V‖ in the limit of radius 0 without a mask", () => {
    expect(ball({ ...usual, radius: 0 }).best.value).toBeCloseTo(2, 14);
  });

  it("orders the bounds as MATH 5 does", () => {
    fc.assert(
      fc.property(
        fc.record({
          n: fc.integer({ min: 1, max: 500 }),
          radius: fc.double({ min: 0, max: 4, noNaN: true }),
          normA: fc.double({ min: 0, max: 3, noNaN: true }),
          normV: fc.double({ min: 0.1, max: 3, noNaN: true }),
        }),
        (question) => {
          const slack = 1 + 1e-12;
          const { castin, castinVariance, anyMask, unmasked, meanField, castinMeanField } = ball(question) as Required<
            ReturnType<typeof ball>
          >;
          expect(unmasked.value).toBeLessThanOrEqual(anyMask.value * slack);
          expect(anyMask.value).toBeLessThanOrEqual(castinVariance.value * slack);
          expect(castinVariance.value).toBeLessThanOrEqual(castin.value * slack);
          expect(unmasked.value).toBeLessThanOrEqual(meanField.value * slack);
          expect(meanField.value).toBeLessThanOrEqual(castinMeanField.value * slack);
        },
      ),
    );
  });

  it("gives an { allowed } mask that is full or causal what it gives those by name", () => {
    const n = 9;
    const allowed = Uint8Array.from({ length: n * n }, (_, at) => (at % n <= Math.floor(at / n) ? 1 : 0));
    const full = ball({ ...usual, n, mask: { allowed: new Uint8Array(n * n).fill(1) } });
    expect(full.masked?.value).toBeCloseTo(ball({ ...usual, n }).unmasked?.value ?? 0, 12);
    const lower = ball({ ...usual, n, mask: { allowed } });
    expect(lower.masked?.value).toBeCloseTo(ball({ ...usual, n, mask: "causal" }).causal?.value ?? 0, 12);
  });

  it("does not grow with n under a window", () => {
    const mask: Mask = { window: { left: 3, right: 0 } };
    const short = ball({ ...usual, n: 50, mask }).masked?.value;
    expect(ball({ ...usual, n: 5000, mask }).masked?.value).toBeCloseTo(short ?? 0, 12);
  });

  it("stays finite or Infinity, never NaN, at absurd radii", () => {
    for (const mask of ["none", "causal"] as const) {
      for (const normV of [0, 1]) {
        for (const bound of Object.values(ball({ n: 3, radius: 1e6, normA: 1, normV, mask }))) {
          expect(bound.value).toBeGreaterThanOrEqual(0);
        }
      }
    }
  });

  it.each([
    [{ n: 0 }, RangeError, /"n"/],
    [{ n: 1.5 }, RangeError, /"n"/],
    [{ radius: -1 }, RangeError, /"radius"/],
    [{ radius: Number.NaN }, RangeError, /"radius"/],
    [{ normA: "1" }, TypeError, /"normA"/],
    [{ normV: -1 }, RangeError, /"normV"/],
    [{ normG0: Number.POSITIVE_INFINITY }, RangeError, /"normG0"/],
    [{ rope: { base: 100 } }, TypeError, /"rope": unknown key "base"/],
    [{ rope: 3 }, TypeError, /"rope"/],
    [{ rope: { normK0: -1 } }, RangeError, /"rope.normK0"/],
    [{ mask: "casual" }, TypeError, /"mask"/],
    [{ mask: { allowed: new Uint8Array(3) } }, RangeError, /n·n = 144/],
    [{ normB: 1 }, TypeError, /unknown key "normB"/],
  ])("refuses %j", (change, kind, message) => {
    const call = () => bounds.ball({ ...usual, ...change } as never);
    expect(call).toThrow(kind);
    expect(call).toThrow(message);
  });
});

describe("every bound of bounds.ball is above sigma", () => {
  it("for one head without biases: any A, V, mask and radius, and the tightest is close", async ({ annotate }) => {
    let tightest = 0;
    const drawn = fc.integer({ min: 1, max: 9 }).chain((n) =>
      fc.record({
        n: fc.constant(n),
        d: fc.integer({ min: 1, max: 4 }),
        mask: fc.oneof(masks(n), fc.constantFrom<Mask>("none", "causal")),
        radius: fc.constantFrom(0.1, 0.7, 1.5, 4),
        aligned: fc.boolean(),
        seed: fc.nat(),
      }),
    );
    await fc.assert(
      fc.asyncProperty(drawn, async ({ n, d, mask, radius, aligned, seed }) => {
        const A = gaussianMatrix(d, d, seed, 0.7);
        const V = gaussianMatrix(d, d, seed + 1);
        // Tokens along one line leave the ball's width in no other direction: closer to the bounds.
        const x = asTensor(gaussianMatrix(n, d, seed + 2));
        if (aligned) for (let at = 0; at < x.data.length; at++) x.data[at] *= at % d === 0 ? 1 : 1e-3;
        const inBall = scaledTensor(x, radius / largestToken(x));
        const sigma = await sigmaAt(oneHead(A, V, mask), inBall);
        const { best, ...all } = ball({
          n,
          radius: radius * (1 + 1e-15),
          normA: matrixNorm(A),
          normV: matrixNorm(V),
          mask,
        });
        for (const [name, { value }] of Object.entries(all)) {
          expect(sigma, name).toBeLessThanOrEqual(value * (1 + 1e-9));
        }
        tightest = Math.max(tightest, sigma / best.value);
      }),
      { numRuns: 1000, seed: 1 },
    );
    await annotate(`tightest ratio ${tightest}`);
    expect(tightest).toBeGreaterThan(0.9);
  });
});

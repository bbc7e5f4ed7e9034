import { describe, expect, it } from "vitest";
import { ball } from "../../src/bounds/ball.js";
import { bounds } from "../../src/bounds/index.js";
import { oneHead, sigmaAt } from "./layers.js";
import { matrixFrom, tensorFrom } from "./matrices.js";

describe("bounds.meanField(question)", () => {
  it("is the limit of the bound without a mask", () => {
    const norms = { radius: 1.2, normA: 0.8, normV: 1.5, normG0: 0.3 };
    const { sharp } = bounds.meanField(norms);
    expect(ball({ ...norms, n: 1e9 }).unmasked?.value).toBeCloseTo(sharp.value, 5);
    expect(sharp.scope).toBe("measures");
  });

  it("is the paper's (1 + 3a)e^(2a) and ours, a + √(1 + a²)eᵃ", () => {
    const { castin, sharp, best } = bounds.meanField({ radius: 2, normA: 0.25, normV: 1 });
    expect(castin?.value).toBeCloseTo(4 * Math.exp(2), 12);
    expect(sharp.value).toBeCloseTo(1 + Math.SQRT2 * Math.E, 12);
    expect(best).toBe(sharp);
  });

  it("leaves the paper's out with a query bias", () => {
    expect(bounds.meanField({ radius: 1, normA: 1, normV: 1, normG0: 1 })).not.toHaveProperty("castin");
  });

  it.each(["causal", { window: { left: 1, right: 1 } }] as const)("refuses the mask %j and says why", (mask) => {
    const call = () => bounds.meanField({ radius: 1, normA: 0, normV: 1, mask });
    expect(call).toThrow(RangeError);
    expect(call).toThrow(/it assumes mask "none"/);
  });

  it("would be wrong for causal attention: at A = 0 it is ‖V‖, the averages over prefixes are larger", async () => {
    const cesaro = [
      [2, 1.144],
      [10, 1.41],
      [100, 1.63],
    ];
    for (const [n, norm] of cesaro) {
      const layer = oneHead(matrixFrom([[0]]), matrixFrom([[1]]), "causal");
      const sigma = await sigmaAt(layer, tensorFrom(Array.from({ length: n }, () => [0.5])));
      expect(sigma).toBeCloseTo(norm, 3);
      expect(sigma).toBeGreaterThan(bounds.meanField({ radius: 1, normA: 0, normV: 1 }).best.value);
      const { causal, causalHardy, causalSchur } = ball({ n, radius: 1, normA: 0, normV: 1, mask: "causal" });
      for (const bound of [causal, causalHardy, causalSchur]) expect(sigma).toBeLessThanOrEqual(bound?.value ?? 0);
    }
  });
});

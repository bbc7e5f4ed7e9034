import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Random } from "../../src/base/random.js";
import { tensor } from "../../src/base/tensor.js";
import { bounds } from "../../src/bounds/index.js";
import { norm } from "../../src/linalg/vector.js";

const { block_pieces: pieces } = JSON.parse(readFileSync(new URL("../oracle/fixtures.json", import.meta.url), "utf8"));

function vector(entries: ArrayLike<number>) {
  return tensor(Float64Array.from(entries), [entries.length]);
}

describe("bounds.radius.layerNorm({ gain, bias })", () => {
  it("is the oracle's without bias", () => {
    const { value, kind, source } = bounds.radius.layerNorm({ gain: vector(pieces.gain) });
    expect(value / pieces.layernorm.radius_no_bias).toBeCloseTo(1, 11);
    expect([kind, source]).toEqual(["upper", "MATH 4"]);
  });

  it("is √d·|gain| for a constant gain, and adds what of the bias sums to zero", () => {
    const gain = vector([-2, -2, -2, -2]);
    expect(bounds.radius.layerNorm({ gain }).value).toBeCloseTo(4, 11);
    const along = bounds.radius.layerNorm({ gain, bias: vector([3, -3, 0, 0]) }).value;
    expect(along).toBeCloseTo(4 + Math.sqrt(18), 11);
    const across = bounds.radius.layerNorm({ gain, bias: vector([1, 1, 1, 1]) }).value;
    expect(across).toBeCloseTo(Math.hypot(4, 2), 11);
  });

  it("does not depend on the order of the features or on the signs of gain and bias", () => {
    const value = bounds.radius.layerNorm({ gain: vector([1, 2, 3]), bias: vector([0.5, -1, 2]) }).value;
    expect(bounds.radius.layerNorm({ gain: vector([3, 1, 2]), bias: vector([2, 0.5, -1]) }).value).toBeCloseTo(
      value,
      11,
    );
    expect(bounds.radius.layerNorm({ gain: vector([-1, -2, -3]), bias: vector([0.5, -1, 2]) }).value).toBeCloseTo(
      value,
      11,
    );
  });

  it("is |bias| for one feature and for a zero gain", () => {
    expect(bounds.radius.layerNorm({ gain: vector([5]), bias: vector([-2]) }).value).toBe(2);
    expect(bounds.radius.layerNorm({ gain: vector([0, 0]), bias: vector([3, 4]) }).value).toBe(5);
  });

  it("scales with gain and bias", () => {
    const gain = [1, 0.2, -0.7, 0.9];
    const bias = [0.3, 0, 1, -1];
    const { value } = bounds.radius.layerNorm({ gain: vector(gain), bias: vector(bias) });
    for (const factor of [1e-6, 1e6]) {
      const times = (entries: number[]) => vector(entries.map((entry) => factor * entry));
      const scaled = bounds.radius.layerNorm({ gain: times(gain), bias: times(bias) }).value;
      expect(scaled / factor / value).toBeCloseTo(1, 11);
    }
  });

  it("is never exceeded by a normalised token, and reached by one", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 2, max: 12 }),
        fc.constantFrom("none", "small", "large", "on the top axes only"),
        fc.boolean(),
        fc.nat(),
        (d, biasKind, ties, seed) => {
          const random = new Random(seed);
          const gain = random.fillGaussian(new Float64Array(d));
          if (ties) gain[1] = -gain[0];
          const bias = random.fillGaussian(
            new Float64Array(d),
            { none: 0, small: 0.01, large: 3 }[biasKind as "none"] ?? 0,
          );
          if (biasKind === "on the top axes only") bias[0] = 1;
          const { value } = bounds.radius.layerNorm({ gain: vector(gain), bias: vector(bias) });
          let best = 0;
          for (let start = 0; start < 8; start++) best = Math.max(best, climb(gain, bias, random));
          expect(best).toBeLessThanOrEqual(value * (1 + 1e-12));
          expect(best).toBeGreaterThanOrEqual(value * (1 - 1e-4));
        },
      ),
      { numRuns: 100, seed: 5 },
    );
  });

  it.each([
    [{ gain: 3 }, TypeError],
    [{ gain: vector([1, Number.NaN]) }, RangeError],
    [{ gain: vector([1, 2]), bias: vector([1]) }, RangeError],
    [{ gain: vector([1]), beta: vector([1]) }, TypeError],
  ])("refuses %j", (question, kind) => {
    expect(() => bounds.radius.layerNorm(question as never)).toThrow(kind);
  });
});

describe("bounds.radius.rmsNorm({ gain })", () => {
  it("is √d·max |gain|, the oracle's", () => {
    expect(bounds.radius.rmsNorm({ gain: vector(pieces.gain) }).value).toBeCloseTo(pieces.rmsnorm.radius, 12);
    expect(bounds.radius.rmsNorm({ gain: vector([1, -3, 2, 0]) }).value).toBe(6);
  });

  it("takes no bias", () => {
    expect(() => bounds.radius.rmsNorm({ gain: vector([1]), bias: vector([1]) } as never)).toThrow(
      /unknown key "bias"/,
    );
  });
});

/** The norm reached by maximising the linearised square again and again (a convex function: it never decreases). */
function climb(gain: Float64Array, bias: Float64Array, random: Random): number {
  let z = normalise(random.fillGaussian(new Float64Array(gain.length)));
  for (let round = 0; round < 1000; round++) {
    z = normalise(z.map((entry, c) => gain[c] * (gain[c] * entry + bias[c])));
  }
  return norm(z.map((entry, c) => gain[c] * entry + bias[c]));
}

function normalise(x: Float64Array): Float64Array {
  const mean = x.reduce((sum, entry) => sum + entry, 0) / x.length;
  const centred = x.map((entry) => entry - mean);
  const length = norm(centred);
  return length === 0 ? centred : centred.map((entry) => (entry * Math.sqrt(x.length)) / length);
}

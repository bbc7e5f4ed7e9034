import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type TokenSetQuestion, tokenSet } from "../../src/adversarial/tokenSet.js";
import { Random } from "../../src/base/random.js";
import { tensor } from "../../src/base/tensor.js";
import { bounds } from "../../src/bounds/index.js";
import { dot, norm } from "../../src/linalg/vector.js";

const vector = (...values: number[]) => tensor(Float64Array.from(values), [values.length]);

describe("tokenSet", () => {
  it("projects onto the ball: inside nothing moves, outside the length shrinks", () => {
    const { project } = tokenSet({ radius: 5 }, 2);
    const [inside, outside] = [Float64Array.of(3, 3.9), Float64Array.of(6, 8)];
    project(inside);
    project(outside);
    expect([...inside, ...outside]).toEqual([3, 3.9, 3, 4]);
  });

  it("projects onto the sphere, also from its centre", () => {
    const { project } = tokenSet({ radius: 5, set: "sphere" }, 2);
    for (const token of [Float64Array.of(0.3, -0.4), Float64Array.of(0, 0), Float64Array.of(60, 80)]) {
      project(token);
      expect(norm(token)).toBeCloseTo(5, 14);
    }
  });

  it("projects onto the outputs of a normalisation: ⟨y − p, q − p⟩ ≤ 0 for every q of that convex set", () => {
    const gains = fc.array(fc.constantFrom(-2, -0.3, 0, 1e-3, 0.5, 1, 3), { minLength: 2, maxLength: 6 });
    let outside = 0;
    fc.assert(
      fc.property(gains, fc.constantFrom("layer" as const, "rms" as const), fc.nat(1e6), (gain, kind, seed) => {
        fc.pre(gain.some((entry) => entry !== 0));
        const d = gain.length;
        const random = new Random(seed);
        const bias = random.fillGaussian(new Float64Array(d));
        const normalization = {
          kind,
          gain: vector(...gain),
          ...(kind === "layer" ? { bias: tensor(bias, [d]) } : {}),
        };
        const set = tokenSet({ normalization }, d);
        const y = random.fillGaussian(new Float64Array(d), 4);
        const p = y.slice();
        set.project(p);
        if (norm(p.map((entry, c) => entry - y[c])) > 1e-9) outside++;
        const again = p.slice();
        set.project(again);
        for (let c = 0; c < d; c++) expect(again[c]).toBeCloseTo(p[c], 6);
        for (let trial = 0; trial < 20; trial++) {
          const q = new Float64Array(d);
          set.draw(q, random);
          const inner = dot(
            y.map((entry, c) => entry - p[c]),
            q.map((entry, c) => entry - p[c]),
          );
          expect(inner).toBeLessThanOrEqual(1e-6 * (1 + norm(y) ** 2));
        }
      }),
      { numRuns: 300, seed: 1 },
    );
    expect(outside).toBeGreaterThan(200);
  });

  it("draws and projects to tokens whose z is centred and of length √d at most", () => {
    const gain = [2, -1, 0.5, 3];
    const bias = [1, 0, -2, 4];
    const set = tokenSet({ normalization: { kind: "layer", gain: vector(...gain), bias: vector(...bias) } }, 4);
    const random = new Random(3);
    const { value: radius } = bounds.radius.layerNorm({ gain: vector(...gain), bias: vector(...bias) });
    for (let trial = 0; trial < 50; trial++) {
      const token = random.fillGaussian(new Float64Array(4), 10);
      if (trial % 2) set.draw(token, random);
      else set.project(token);
      const z = token.map((entry, c) => (entry - bias[c]) / gain[c]);
      expect(z.reduce((sum, entry) => sum + entry, 0)).toBeCloseTo(0, 9);
      expect(norm(z)).toBeLessThanOrEqual(2 * (1 + 1e-12));
      expect(norm(token)).toBeLessThanOrEqual(radius);
    }
  });

  it.each<[TokenSetQuestion, unknown, RegExp]>([
    [{}, TypeError, /"radius"/],
    [{ radius: 0 }, RangeError, /"radius"/],
    [{ radius: 1, set: "cube" as never }, RangeError, /"set": expected one of "ball", "sphere", "ellipsoid"/],
    [{ radius: 1, set: "ellipsoid" }, RangeError, /together with "normalization"/],
    [{ set: "ball", normalization: { kind: "rms", gain: vector(1, 1) } }, RangeError, /"normalization"/],
    [{ radius: 1, normalization: { kind: "rms", gain: vector(1, 1) } }, RangeError, /"radius": expected none/],
    [{ normalization: { kind: "rms", gain: vector(1, 1, 1) } }, RangeError, /"normalization.gain"/],
    [{ normalization: { kind: "rms", gain: vector(1, 1), bias: vector(1, 1) } }, RangeError, /"normalization.bias"/],
  ])("refuses %j", (question, kind, message) => {
    expect(() => tokenSet(question, 2)).toThrow(kind as never);
    expect(() => tokenSet(question, 2)).toThrow(message);
  });
});

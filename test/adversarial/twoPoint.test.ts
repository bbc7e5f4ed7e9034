import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { twoPoint } from "../../src/adversarial/twoPoint.js";
import { type Tensor, tensor } from "../../src/base/tensor.js";
import type { AttentionSpec } from "../../src/layers/attention/spec.js";
import { matrixNorm } from "../../src/linalg/matrixNorm.js";
import { largestToken, sigmaAt } from "../bounds/layers.js";
import { asTensor, diagonalTensor, gaussianMatrix, tensorFrom } from "../bounds/matrices.js";

describe("adversarial.twoPoint(question)", () => {
  const eye = diagonalTensor(2, 1);
  const minus = diagonalTensor(2, -1);

  it.each([
    [2, 1],
    [4, 1.73],
    [8, 2.65],
    [16, 3.87],
    [32, 5.57],
    [64, 7.94],
    [128, 11.27],
    [256, 15.97],
  ])("reaches table 11.3 at n = %d, and predicts it", async (n, expected) => {
    const { x, predicted, gamma, share } = twoPoint({ query: eye, key: minus, scale: 1, n, radius: 3 });
    const sigma = await sigmaAt(headAlone(eye, minus, 1), x);
    expect(sigma).toBeCloseTo(expected, 2);
    expect(predicted.value / sigma).toBeGreaterThan(0.999);
    expect(predicted.value).toBeLessThanOrEqual(sigma * (1 + 1e-10));
    expect(gamma).toBeCloseTo(1, 10);
    expect(share).toBeCloseTo(1, 4);
  });

  it("grows like √n up to n ≈ e^gap for any weights", () => {
    for (let seed = 0; seed < 5; seed++) {
      const [query, key] = [asTensor(gaussianMatrix(6, 3, seed)), asTensor(gaussianMatrix(6, 3, seed + 9))];
      const at = (n: number) => twoPoint({ query, key, n, radius: 5 }).predicted.value;
      expect(at(401) / at(101)).toBeCloseTo(2, 1);
    }
  });

  it.each(["search", "eigenpair"] as const)(
    "by %s: predicts no more than sigma, at tokens of the ball",
    async (method) => {
      let closest = 0;
      let found = 0;
      const drawn = fc.record({
        n: fc.integer({ min: 2, max: 10 }),
        d: fc.integer({ min: 1, max: 6 }),
        dHead: fc.integer({ min: 1, max: 4 }),
        radius: fc.constantFrom(0.5, 2, 6),
        mask: fc.constantFrom("none" as const, "causal" as const),
        biased: fc.boolean(),
        valued: fc.boolean(),
        seed: fc.nat(),
      });
      await fc.assert(
        fc.asyncProperty(drawn, async ({ n, d, dHead, radius, mask, biased, valued, seed }) => {
          const weight = (rows: number, columns: number, at: number) =>
            asTensor(gaussianMatrix(rows, columns, seed + at, 0.7));
          const query = {
            weight: weight(d, dHead, 1),
            ...(biased ? { bias: tensor(gaussianMatrix(1, dHead, seed).data, [dHead]) } : {}),
          };
          const key = weight(d, dHead, 2);
          const values = valued ? { value: weight(d, 3, 3), output: weight(3, 2, 4) } : {};
          const question = { query, key, ...values, n, radius, mask, method };
          let answer: ReturnType<typeof twoPoint>;
          try {
            answer = twoPoint(question);
          } catch (error) {
            // Half of the small Gaussian matrices have no real eigenvalue; the search always succeeds.
            expect(method).toBe("eigenpair");
            expect((error as Error).message).toContain("real eigenvalue");
            return;
          }
          found++;
          const { x, predicted, gap, eigenvalue } = answer;
          expect(largestToken(x)).toBeLessThanOrEqual(radius * (1 + 1e-14));
          const spec: AttentionSpec = {
            heads: 1,
            query,
            key: { weight: key },
            value: { weight: values.value ?? diagonalTensor(d, 1) },
            ...(values.output ? { output: { weight: values.output } } : {}),
            mask,
          };
          const sigma = await sigmaAt(spec, x);
          expect(predicted.value).toBeLessThanOrEqual(sigma * (1 + 1e-9));
          if (!biased && eigenvalue !== undefined) {
            const expected = eigenvalue < 0 ? -2 * eigenvalue : eigenvalue / 4;
            expect(gap / (radius * radius * expected)).toBeCloseTo(1, 7);
          }
          closest = Math.max(closest, predicted.value / sigma);
        }),
        { numRuns: 120, seed: 4 },
      );
      expect(closest).toBeGreaterThan(0.99);
      expect(found).toBeGreaterThan(60);
    },
  );

  it("finds gaps at least as wide as the eigenpair's", () => {
    for (let seed = 0; seed < 20; seed++) {
      const question = {
        query: asTensor(gaussianMatrix(7, 3, seed)),
        key: asTensor(gaussianMatrix(7, 3, seed + 50)),
        n: 4,
        radius: 2,
      };
      // Three eigenvalues: one is real.
      const paper = twoPoint({ ...question, method: "eigenpair" });
      expect(twoPoint(question).gap).toBeGreaterThanOrEqual(paper.gap * (1 - 1e-9));
    }
  });

  it("takes the columns of its head, not the rows, and the group of its keys", () => {
    const heads = 4;
    const query = asTensor(gaussianMatrix(12, 12, 1));
    const key = asTensor(gaussianMatrix(12, 6, 2));
    const head = 2;
    const whole = twoPoint({ query, key, heads, kvHeads: 2, head, n: 5, radius: 3 });
    const alone = twoPoint({ query: columns(query, 6, 9), key: columns(key, 3, 6), n: 5, radius: 3 });
    expect(Array.from(whole.x.data)).toEqual(Array.from(alone.x.data));
    expect(whole.predicted.value).toBe(alone.predicted.value);
  });

  it("takes a Linear as well as its weight, and counts its bias", () => {
    const bias = tensor(new Float64Array([2, 0]), [2]);
    const plain = twoPoint({ query: eye, key: minus, n: 8, radius: 1 });
    expect(twoPoint({ query: { weight: eye }, key: { weight: minus }, n: 8, radius: 1 })).toEqual(plain);
    const biased = twoPoint({ query: { weight: eye, bias }, key: minus, n: 8, radius: 1 });
    expect(biased.gap).toBeGreaterThan(plain.gap + 1);
  });

  it("uses the default scale 1/√dHead", () => {
    const byDefault = twoPoint({ query: eye, key: minus, n: 8, radius: 1 });
    expect(byDefault.gap).toBeCloseTo(Math.SQRT2, 10);
  });

  it("multiplies by the value map's norm where attention has saturated", () => {
    const value = asTensor(gaussianMatrix(2, 2, 8));
    const { predicted } = twoPoint({ query: eye, key: minus, value, n: 26, radius: 30 });
    expect(
      predicted.value / (5 * matrixNorm({ rows: 2, columns: 2, data: Float64Array.from(value.data) })),
    ).toBeCloseTo(1, 9);
  });

  it.each([
    [
      "a rotation",
      tensorFrom([
        [0, -1],
        [1, 0],
      ]),
    ],
    [
      "a nilpotent matrix",
      tensorFrom([
        [0, 1],
        [0, 0],
      ]),
    ],
  ])("refuses the eigenpair of %s, and says what to do", (_, key) => {
    const call = () => twoPoint({ query: eye, key, n: 4, radius: 1, method: "eigenpair" });
    expect(call).toThrow(RangeError);
    expect(call).toThrow(/real eigenvalue other than zero; use "search"/);
    expect(twoPoint({ query: eye, key, scale: 1, n: 4, radius: 1 }).gamma).toBeGreaterThan(0.49);
  });

  it.each([
    [{ n: 1 }, RangeError, /"n"/],
    [{ radius: 0 }, RangeError, /"radius"/],
    [{ query: 3 }, TypeError, /"query"/],
    [
      {
        key: tensorFrom([
          [1, 2, 3],
          [1, 2, 3],
        ]),
      },
      RangeError,
      /"key": expected 2 columns, got 3/,
    ],
    [{ heads: 3 }, RangeError, /"query": expected columns that 3 heads divide/],
    [{ heads: 2, head: 2 }, RangeError, /"head"/],
    [{ heads: 2, kvHeads: 3 }, RangeError, /"kvHeads"/],
    [{ mask: "chunk" }, RangeError, /"mask"/],
    [{ method: "eig" }, RangeError, /"method"/],
    [{ output: eye }, TypeError, /"value"/],
    [{ rope: true }, TypeError, /unknown key "rope"/],
  ])("refuses %j", (change, kind, message) => {
    const call = () => twoPoint({ query: eye, key: minus, n: 4, radius: 1, ...change } as never);
    expect(call).toThrow(kind);
    expect(call).toThrow(message);
  });
});

function headAlone(query: Tensor, key: Tensor, scale: number): AttentionSpec {
  return { heads: 1, query: { weight: query }, key: { weight: key }, value: { weight: diagonalTensor(2, 1) }, scale };
}

function columns({ data, shape: [rows, width] }: Tensor, from: number, to: number): Tensor {
  const slice = Array.from({ length: rows }, (_, i) => [...data.subarray(i * width + from, i * width + to)]);
  return tensorFrom(slice);
}

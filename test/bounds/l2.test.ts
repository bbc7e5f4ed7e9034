import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Tensor, tensor } from "../../src/base/tensor.js";
import { bounds } from "../../src/bounds/index.js";
import type { Mask } from "../../src/layers/attention/mask.js";
import type { AttentionSpec } from "../../src/layers/attention/spec.js";
import type { Linear } from "../../src/layers/linear.js";
import { inversePhi } from "../../src/linalg/lambertW.js";
import { rowSumNorm } from "../../src/linalg/matrix.js";
import { loadFixtures } from "../oracle/fixtures.js";
import { masks } from "../reference/arbitraries.js";
import { allowedPairs, referenceAttention } from "../reference/attention.js";
import { paperHeads, sigmaAt } from "./layers.js";
import { asTensor, diagonalTensor, gaussianMatrix, tensorFrom } from "./matrices.js";

const kimLayers = loadFixtures().filter(({ expected }) => "kim_inf" in expected.bounds);

function questionOf(spec: AttentionSpec, n: number, norm: 2 | typeof Infinity) {
  const heads = paperHeads(spec).map(({ query, value }) => ({ wq: asTensor(query), wv: asTensor(value) }));
  return { n, heads, wo: (spec.output as Linear).weight, scale: spec.scale, norm };
}

describe("bounds.l2(question) has the oracle's values", () => {
  it.each(kimLayers.map((fixture) => [fixture.name, fixture] as const))("%s", async (_, { spec, n, expected }) => {
    const { kim_inf, kim_2_corrected, kim_2_printed, l2_sharp } = expected.bounds;
    expect(bounds.l2(questionOf(spec, n, Number.POSITIVE_INFINITY)).kim.value / kim_inf).toBeCloseTo(1, 10);
    const { kim, sharp } = bounds.l2(questionOf(spec, n, 2));
    expect(kim.value / kim_2_corrected).toBeCloseTo(1, 10);
    expect((sharp?.value ?? 0) / l2_sharp).toBeCloseTo(1, 10);
    expect(kim.value).not.toBeCloseTo(kim_2_printed, 6);
    const layer = { ...spec, mask: "none" as const };
    const ofLayer = await bounds.ofLayer(layer, { n });
    expect((ofLayer.sharp?.value ?? 0) / l2_sharp).toBeCloseTo(1, 10);
    expect(ofLayer.best.kind).toBe("upper");
    const inInfinity = await bounds.ofLayer(layer, { n, norm: Number.POSITIVE_INFINITY });
    expect(inInfinity.best.value / kim_inf).toBeCloseTo(1, 10);
  });
});

describe("bounds.l2(question)", () => {
  const one = tensorFrom([[1]]);
  const scalar = { heads: [{ wq: one, wv: one }], wo: one, scale: 1, norm: 2 } as const;

  it.each([
    [9, 7.36, 15.5],
    [60, 22.2, 77.8],
  ])("has the numbers of MATH 9.3 at N = %d", (n, expected, corrected) => {
    const { sharp, kim, best } = bounds.l2({ ...scalar, n });
    expect((sharp?.value ?? 0) / expected).toBeCloseTo(1, 2);
    expect(kim.value / corrected).toBeCloseTo(1, 2);
    expect(best).toBe(sharp);
  });

  it("is not the printed 2-norm form, which scales wrongly: one token, W_Q = cI", async () => {
    const c = 3;
    const spec = tiedSpec(diagonalTensor(2, c), diagonalTensor(2, 1), diagonalTensor(2, 1), 1 / Math.SQRT2);
    const sigma = await sigmaAt(spec, tensorFrom([[0.3, -0.4]]));
    expect(sigma).toBeCloseTo((c * c) / Math.SQRT2, 10);
    const printed = (1 / Math.SQRT2) * (4 * inversePhi(0) + 1) * c;
    expect(sigma).toBeGreaterThan(printed);
    const heads = [{ wq: diagonalTensor(2, c), wv: diagonalTensor(2, 1) }];
    const { kim, sharp } = bounds.l2({ n: 1, heads, wo: diagonalTensor(2, 1), norm: 2 });
    expect(sigma).toBeLessThanOrEqual(kim.value * (1 + 1e-12));
    expect(sigma).toBeLessThanOrEqual((sharp?.value ?? 0) * (1 + 1e-12));
  });

  it("is above the ∞-norm for scales other than 1/√dHead, where the printed form fails: N = 2, scale 4", async () => {
    const scale = 4;
    const printed = 4 * inversePhi(1) + scale;
    const { value } = bounds.l2({ ...scalar, n: 2, scale, norm: Number.POSITIVE_INFINITY }).kim;
    let largest = 0;
    for (let t = 0; t < 2; t += 0.01) {
      largest = Math.max(largest, infinityNormAt(tiedSpec(one, one, one, scale), tensorFrom([[0], [t]])));
    }
    expect(largest).toBeGreaterThan(printed);
    expect(largest).toBeLessThanOrEqual(value);
    expect(largest).toBeCloseTo(6.41, 1);
  });

  it("uses what a window leaves visible", () => {
    const wide = bounds.l2({ ...scalar, n: 100 }).best.value;
    const narrow = bounds.l2({ ...scalar, n: 100, mask: { window: { left: 3, right: 0 } } }).best.value;
    expect(narrow).toBeLessThan(wide / 4);
    expect(bounds.l2({ ...scalar, n: 100, mask: { window: { left: 99, right: 99 } } }).best.value).toBeCloseTo(
      wide,
      12,
    );
  });

  it("refuses a mask that hides a token from itself, and names the token", () => {
    const allowed = Uint8Array.from([1, 1, 1, 1, 0, 1, 1, 1, 1]);
    expect(() => bounds.l2({ ...scalar, n: 3, mask: { allowed } })).toThrow(
      /it assumes that every token sees itself; token 1 does not/,
    );
  });

  it.each([
    [{ heads: [] }, RangeError, /"heads"/],
    [{ heads: 3 }, TypeError, /"heads"/],
    [{ heads: [{ wq: one }] }, TypeError, /"heads\[0\].wv"/],
    [{ heads: [{ wq: one, wv: tensorFrom([[1], [1]]) }] }, RangeError, /"heads\[0\].wv"/],
    [{ wo: tensorFrom([[1], [1]]) }, RangeError, /"wo"/],
    [{ scale: 0 }, RangeError, /"scale"/],
    [{ norm: 1 }, RangeError, /"norm"/],
    [{ norm: "fro" }, TypeError, /"norm"/],
    [{ n: 0 }, RangeError, /"n"/],
  ])("refuses %j", (change, kind, message) => {
    const call = () => bounds.l2({ ...scalar, n: 4, ...change } as never);
    expect(call).toThrow(kind);
    expect(call).toThrow(message);
  });

  it("is never violated in either norm, whatever mask keeps the diagonal", async ({ annotate }) => {
    let tightest2 = 0;
    let tightestInfinity = 0;
    const drawn = fc.integer({ min: 1, max: 8 }).chain((n) =>
      fc.record({
        n: fc.constant(n),
        d: fc.integer({ min: 1, max: 4 }),
        heads: fc.integer({ min: 1, max: 3 }),
        dHead: fc.integer({ min: 1, max: 3 }),
        mask: masks(n).filter((mask) => allowedPairs(mask, n).every((row, i) => row[i])),
        scale: fc.constantFrom(undefined, 0.3, 2),
        spread: fc.constantFrom(0.3, 1, 3),
        seed: fc.nat(),
      }),
    );
    await fc.assert(
      fc.asyncProperty(drawn, async ({ n, d, heads, dHead, mask, scale, spread, seed }) => {
        const weight = (rows: number, columns: number, at: number) =>
          asTensor(gaussianMatrix(rows, columns, seed + at, 0.6));
        const spec: AttentionSpec = {
          kind: "l2",
          heads,
          query: { weight: weight(d, heads * dHead, 1) },
          value: { weight: weight(d, heads * 2, 2) },
          output: { weight: weight(heads * 2, 3, 3) },
          tiedValue: true,
          scale,
          mask,
        };
        const x = asTensor(gaussianMatrix(n, d, seed + 4, spread));
        const in2 = bounds.l2({ ...questionOf(spec, n, 2), mask });
        const inInfinity = bounds.l2({ ...questionOf(spec, n, Number.POSITIVE_INFINITY), mask });
        const sigma = await sigmaAt(spec, x);
        for (const bound of Object.values(in2)) expect(sigma).toBeLessThanOrEqual(bound.value * (1 + 1e-9));
        const rowSum = infinityNormAt(spec, x);
        expect(rowSum).toBeLessThanOrEqual(inInfinity.best.value * (1 + 1e-9));
        tightest2 = Math.max(tightest2, sigma / in2.best.value);
        tightestInfinity = Math.max(tightestInfinity, rowSum / inInfinity.best.value);
      }),
      { numRuns: 400, seed: 3 },
    );
    await annotate(`tightest ratio ${tightest2} in the 2-norm, ${tightestInfinity} in the ∞-norm`);
    expect(tightest2).toBeGreaterThan(0.5);
    expect(tightestInfinity).toBeGreaterThan(0.3);
  });
});

describe("bounds.ofLayer(spec, { n }) of L2 attention refuses", () => {
  const eye = diagonalTensor(2, 1);
  const tied = tiedSpec(eye, eye, eye, 1);
  it.each([
    ["keys of their own", { key: { weight: eye } }, /it assumes keys tied to the queries/],
    ["values of their own", { tiedValue: false }, /it assumes values tied to the queries/],
    [
      "a query bias",
      { query: { weight: eye, bias: tensor(new Float64Array([1, 0]), [2]) } },
      /it assumes no query bias/,
    ],
  ])("%s", async (_, change, message) => {
    const call = bounds.ofLayer({ ...tied, ...change } as AttentionSpec, { n: 3 });
    await expect(call).rejects.toThrow(RangeError);
    await expect(bounds.ofLayer({ ...tied, ...change } as AttentionSpec, { n: 3 })).rejects.toThrow(message);
  });
});

describe("bounds.l2Tightness({ n }): table 11.4", () => {
  it.each([
    [2, 1.436, 2.114],
    [5, 3.036, 3.871],
    [9, 4.141, 5.16],
    [21, 6.001, 7.218],
    [51, 8.226, 9.591],
    [101, 10.094, 11.544],
    [1001, 17.054, 18.685],
    [1e4, 24.713, 26.441],
    [1e6, 41.04, 42.87],
  ])("N = %d: %d below %d", (n, closedForm, upper) => {
    const tightness = bounds.l2Tightness({ n });
    expect(tightness.lower.value / closedForm).toBeCloseTo(1, 3);
    expect(tightness.upper.value / upper).toBeCloseTo(1, 3);
    expect(tightness.upper.value - tightness.lower.value).toBeLessThan(2);
  });

  it.each([2, 3, 8, 21])("is the norm of the Jacobian at its x, n = %d", (n) => {
    const { lower, upper, x } = bounds.l2Tightness({ n });
    const one = tensorFrom([[1]]);
    const norm = infinityNormAt(tiedSpec(one, one, one, 1), x);
    expect(norm).toBeCloseTo(lower.value, 12);
    expect(norm).toBeLessThanOrEqual(upper.value);
  });

  it.each([1, 2.5])("refuses n = %d", (n) => {
    expect(() => bounds.l2Tightness({ n })).toThrow(RangeError);
  });
});

function tiedSpec(wq: Tensor, wv: Tensor, wo: Tensor, scale: number): AttentionSpec {
  const spec = { heads: 1, query: { weight: wq }, value: { weight: wv }, output: { weight: wo } };
  return { ...spec, kind: "l2", tiedValue: true, scale, mask: "none" satisfies Mask };
}

/** ‖J(x)‖_∞ of the reference implementation. */
function infinityNormAt(spec: AttentionSpec, x: Tensor): number {
  const layer = referenceAttention(spec, x);
  const size = layer.output.data.length;
  const rows = Array.from({ length: size }, (_, at) => {
    const unit = new Float64Array(size);
    unit[at] = 1;
    return [...layer.vjp(tensor(unit, layer.output.shape)).data];
  });
  return rowSumNorm({ rows: size, columns: rows[0].length, data: Float64Array.from(rows.flat()) });
}

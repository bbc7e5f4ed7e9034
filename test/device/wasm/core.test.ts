// A head measured in the coordinates that its maps tell apart, held against its Jacobian at full width.

import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Random } from "../../../src/base/random.js";
import { sizeOf, type Tensor, tensor } from "../../../src/base/tensor.js";
import { DeviceLinearization, type Linearization } from "../../../src/device/linearization.js";
import { toDense } from "../../../src/jacobian/toDense.js";
import type { AttentionSpec } from "../../../src/layers/attention/spec.js";
import type { Linear } from "../../../src/layers/linear.js";
import { dot } from "../../../src/linalg/vector.js";
import { createRuntime, type Runtime } from "../../../src/measure/createRuntime.js";
import { localLipschitz } from "../../../src/measure/localLipschitz.js";
import { spectralNorm } from "../../../src/spectral/spectralNorm.js";
import { attentionCases } from "../../reference/arbitraries.js";
import { referenceAttention } from "../../reference/attention.js";
import { dense } from "../../spectral/operators.js";
import { scaledError, tolerance } from "../close.js";
import { variantRuntime, variants } from "../variants.js";

const random = new Random(7);
const gaussian = (...shape: number[]) => tensor(random.fillGaussian(new Float64Array(sizeOf(shape))), shape);
const inner = (a: Tensor, b: Tensor) => dot(a.data, b.data);
const widthOf = ({ weight }: Linear, axis: 0 | 1) => (weight as Tensor).shape[axis];

/** The core as a linearization, with its maps to and from full width. */
async function coreOf(at: Linearization) {
  const { operator, hold } = at.onDevice!;
  const lease = operator.device.lease();
  lease.atEnd(hold());
  const core = await operator.structure?.core?.(lease);
  if (!core) {
    lease.dispose();
    return undefined;
  }
  const { restrict, lift } = core;
  return Object.assign(new DeviceLinearization(core.operator, lease, at.output), { restrict, lift });
}

/** The Jacobian's matrix as an operator that keeps it in doubles. */
const denseOperator = (at: { inShape: number[]; outShape: number[] }, { data, shape }: Tensor) =>
  dense(tensor(Float64Array.from(data), shape), at.inShape, at.outShape);

/** Narrow heads of wide layers, so that both sides shrink, or one of them. */
function narrowHeads(kind: "dot-product" | "l2") {
  return attentionCases({ kind, maxHeads: 1, maxWidth: 32, maxTokens: 13 }).filter(({ spec, dIn, dOut }) => {
    const dHead = widthOf(spec.query, 1);
    const dValue = widthOf(spec.value, 1);
    return 2 * (2 * dHead + dValue) <= dIn || (spec.output !== undefined && 2 * dValue <= dOut);
  });
}

describe.each(variants)("the core of a head in $name", (variant) => {
  let runtime: Runtime;
  beforeAll(async () => {
    runtime = await variantRuntime(variant);
  });
  afterAll(() => runtime.dispose());

  it.each(["dot-product", "l2"] as const)(
    "of %s is the Jacobian, and its adjoint, in fewer coordinates",
    async (kind) => {
      await fc.assert(
        fc.asyncProperty(narrowHeads(kind), async ({ spec, x, u, g }) => {
          const layer = runtime.attention(spec);
          const at = await layer.linearize(x);
          layer.dispose();
          const core = (await coreOf(at))!;
          expect(sizeOf(core.inShape) + sizeOf(core.outShape)).toBeLessThan(sizeOf(at.inShape) + sizeOf(at.outShape));
          const limit = 30 * tolerance(variant.dtype, referenceAttention(spec, x).largestLogit);
          const image = await core.jvp(core.restrict(u));
          const direct = await at.jvp(u);
          const { left, right } = core.lift({ left: image, right: await core.vjp(gaussian(...core.outShape)) });
          expect(scaledError(left.data, direct.data, 0.1)).toBeLessThan(limit);
          expect(right.shape).toEqual(at.inShape);
          const v = gaussian(...core.outShape);
          const w = gaussian(...core.inShape);
          const [forward, backward] = [inner(await core.jvp(w), v), inner(w, await core.vjp(v))];
          expect(Math.abs(forward - backward)).toBeLessThan(limit * Math.sqrt(inner(v, v) * inner(w, w)) * 10);
          // Rᵀ of R is the identity where Jᵀ's images lie.
          const pulled = await at.vjp(g);
          const again = core.lift({ left: image, right: core.restrict(pulled) }).right;
          expect(scaledError(again.data, pulled.data, 0.1)).toBeLessThan(limit);
          core.dispose();
          at.dispose();
        }),
        { numRuns: 40, seed: 5 },
      );
    },
  );

  it.each(["dot-product", "l2"] as const)("of %s has sigma and, lifted, its vectors", async (kind) => {
    await fc.assert(
      fc.asyncProperty(narrowHeads(kind), fc.constantFrom(undefined, "random" as const), async ({ spec, x }, start) => {
        const layer = runtime.attention(spec);
        const at = await layer.linearize(x);
        layer.dispose();
        const rtol = variant.dtype === "f64" ? 1e-10 : 1e-6;
        const found = await spectralNorm(at, { rtol, start, seed: 2 });
        const exact = denseOperator(at, await toDense(at));
        const { sigma } = await spectralNorm(exact, { rtol: 1e-11, seed: 1 });
        const limit = 3 * tolerance(variant.dtype, referenceAttention(spec, x).largestLogit);
        expect(Math.abs(found.sigma - sigma)).toBeLessThanOrEqual(limit * sigma + 1e-30);
        // The dense Jacobian is of the device's precision, the ends of the bracket may be of f64.
        const rounding = variant.dtype === "f64" ? 1e-12 : limit;
        expect(found.upper).toBeGreaterThanOrEqual(sigma * (1 - rounding));
        expect(found.lower).toBeLessThanOrEqual(sigma * (1 + rounding));
        expect([found.left.shape, found.right.shape]).toEqual([at.outShape, at.inShape]);
        if (sigma > 1e-6) {
          expect(Math.abs(inner(found.left, found.left) - 1)).toBeLessThan(limit);
          expect(Math.abs(inner(found.left, await at.jvp(found.right)) - sigma)).toBeLessThan(2 * limit * sigma);
        }
        at.dispose();
      }),
      { numRuns: 30, seed: 6 },
    );
  });

  it("holds for weights of less than full rank: equal maps, and a map of zeros", async () => {
    const map = gaussian(40, 6);
    const zeros = tensor(new Float64Array(240), [40, 6]);
    const rankOne = tensor(
      map.data.map((_, i) => Math.floor(i / 6) / 40),
      [40, 6],
    );
    const output = {
      weight: tensor(
        random.fillGaussian(new Float64Array(240)).map((v, i) => (i < 120 ? v : 0)),
        [6, 40],
      ),
    };
    for (const [query, key, value] of [
      [map, map, map],
      [map, zeros, map],
      [rankOne, map, rankOne],
    ]) {
      const spec: AttentionSpec = {
        heads: 1,
        query: { weight: query },
        key: { weight: key },
        value: { weight: value },
        output,
      };
      const layer = runtime.attention({ ...spec, scale: 0.02 });
      const at = await layer.linearize(gaussian(9, 40));
      layer.dispose();
      const found = await spectralNorm(at, { rtol: variant.dtype === "f64" ? 1e-10 : 1e-6 });
      const { sigma } = await spectralNorm(denseOperator(at, await toDense(at)), { rtol: 1e-11 });
      expect((await coreOf(at))!.inShape).toEqual([9, 18]);
      expect(Math.abs(found.sigma / sigma - 1)).toBeLessThan(variant.dtype === "f64" ? 1e-9 : 3e-5);
      at.dispose();
    }
  });
});

describe("heads of a layer", () => {
  const linear = (from: number, to: number) => {
    const { data, shape } = gaussian(from, to);
    return {
      weight: tensor(
        data.map((value) => value / Math.sqrt(from)),
        shape,
      ),
    };
  };
  const square = (d: number, heads: number): AttentionSpec => ({
    heads,
    query: linear(d, d),
    key: linear(d, d),
    value: linear(d, d),
    output: linear(d, d),
    mask: "causal",
  });

  it("have a core where 2·3·dHead is at most dIn, and whole layers have none", async () => {
    const runtime = await createRuntime({ device: "wasm" });
    const coreAt = async (spec: AttentionSpec, head?: number) => {
      const layer = runtime.attention(spec);
      const part = head === undefined ? layer : layer.head(head);
      return coreOf(await part.linearize(gaussian(5, widthOf(spec.query, 0))));
    };
    expect(await coreAt(square(48, 8))).toBeUndefined();
    expect(await coreAt({ ...square(48, 1), output: undefined })).toBeUndefined();
    expect((await coreAt(square(48, 8), 3))!.inShape).toEqual([5, 18]);
    expect((await coreAt(square(48, 8), 3))!.outShape).toEqual([5, 6]);
    expect((await coreAt(square(24, 4), 0))!.inShape).toEqual([5, 24]);
    runtime.dispose();
  });

  it("take a start at full width, also one that the head cannot see", async () => {
    const runtime = await createRuntime({ device: "wasm", dtype: "f64" });
    const spec = square(48, 8);
    for (const map of [spec.query, spec.key!, spec.value]) map.weight.data.fill(0, 40 * 48);
    const layer = runtime.attention(spec);
    const head = layer.head(5);
    const x = gaussian(6, 48);
    const plain = await localLipschitz(head, x);
    const unseen = tensor(
      Float64Array.from({ length: 6 * 48 }, (_, i) => (i % 48 >= 40 ? 1 : 0)),
      [6, 48],
    );
    for (const start of [plain.right, unseen]) {
      const found = await localLipschitz(head, x, { start });
      expect(Math.abs(found.sigma / plain.sigma - 1)).toBeLessThan(1e-8);
    }
    const [guessed, random] = [plain.right, "random" as const].map((start) => localLipschitz(head, x, { start }));
    expect((await guessed).steps).toBeLessThanOrEqual((await random).steps);
    await expect(localLipschitz(head, x, { start: gaussian(6, 18) })).rejects.toThrow(
      '"start": expected shape [6, 48]',
    );
    runtime.dispose();
  });

  it("give back all memory, and say what does not fit in it", async () => {
    const runtime = await createRuntime({ device: "wasm" });
    const heap = (runtime as unknown as { heap: { used: number } }).heap;
    const before = heap.used;
    const layer = runtime.attention(square(48, 8));
    const head = layer.head(1);
    const at = await head.linearize(gaussian(7, 48));
    head.dispose();
    layer.dispose();
    await spectralNorm(at);
    const core = (await coreOf(at))!;
    at.dispose();
    expect(heap.used).toBeGreaterThan(before);
    core.dispose();
    expect(heap.used).toBe(before);
    runtime.dispose();
  });
});

// The gradient of ⟨v, J(x) u⟩ against finite differences and the oracle's gradient of sigma (MATH 2.3).

import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Tensor, tensor } from "../../src/base/tensor.js";
import { gradient } from "../../src/jacobian/gradient.js";
import type { Runtime } from "../../src/measure/createRuntime.js";
import { spectralNorm } from "../../src/spectral/spectralNorm.js";
import { loadFixtures } from "../oracle/fixtures.js";
import { attentionCases } from "../reference/arbitraries.js";
import { referenceAttention } from "../reference/attention.js";
import { scaledError } from "./close.js";
import { runs, variantRuntime, variants } from "./variants.js";

function inner(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
}

function moved(x: Tensor, step: number, direction: Tensor): Tensor {
  return tensor(
    x.data.map((entry, i) => entry + step * direction.data[i]),
    x.shape,
  );
}

describe.each(variants)("gradient in $name", (variant) => {
  let runtime: Runtime;
  beforeAll(async () => {
    runtime = await variantRuntime(variant);
  });
  afterAll(() => runtime.dispose());

  it.each(["dot-product", "l2"] as const)("of %s is the slope of ⟨v, J u⟩ in any direction", async (kind) => {
    await fc.assert(
      fc.asyncProperty(attentionCases({ kind, maxTokens: 15, maxWidth: 12 }), fc.nat(), async (drawn, turn) => {
        const { spec, x, u, g } = drawn;
        const direction = tensor(
          u.data.map((entry, i) => Math.sin(turn + i) - 0.3 * entry),
          x.shape,
        );
        const layer = runtime.attention(spec);
        const at = await layer.linearize(x);
        const slope = inner((await gradient(at, u, g)).data, direction.data);
        at.dispose();
        layer.dispose();
        const h = 1e-5;
        const [ahead, behind] = [h, -h].map((step) => {
          const image = referenceAttention(spec, moved(x, step, direction)).jvp(u);
          return { value: inner(image.data, g.data), size: Math.sqrt(inner(image.data, image.data)) };
        });
        const size =
          (1 + ahead.size) * Math.sqrt(inner(g.data, g.data)) * Math.sqrt(inner(direction.data, direction.data));
        const limit = (variant.dtype === "f64" ? 1e-6 : 3e-5) * size * 10;
        expect(Math.abs(slope - (ahead.value - behind.value) / (2 * h))).toBeLessThan(limit);
      }),
      { numRuns: runs(60), seed: 5 },
    );
  });

  const simple = loadFixtures().filter((fixture) => fixture.expected.sigmaGradient !== undefined);
  it.each(simple)("of sigma agrees with the oracle on $name", async ({ spec, x, expected }) => {
    const layer = runtime.attention(spec);
    const at = await layer.linearize(x);
    const { left, right } = await spectralNorm(at, { rtol: variant.dtype === "f64" ? 1e-12 : 1e-6, maxSteps: 200 });
    const got = await gradient(at, right, left);
    // Singular vectors are known to residual/gap only.
    const want = expected.sigmaGradient as Tensor;
    expect(scaledError(got.data, want.data, 1e-2)).toBeLessThan(variant.dtype === "f64" ? 1e-6 : 2e-2);
    at.dispose();
    layer.dispose();
  });
});

it("adds nothing up over what the mask rules out, and is zero for a layer of one token", async () => {
  const variant = variants.at(-1)!;
  const runtime = await variantRuntime(variant);
  const limit = variant.dtype === "f64" ? 1e-12 : 1e-4;
  await fc.assert(
    fc.asyncProperty(attentionCases({ maxTokens: 6 }), async ({ spec, x, u, g, n }) => {
      const layer = runtime.attention({
        ...spec,
        mask: { allowed: Uint8Array.from({ length: n * n }, (_, at) => Number(at % (n + 1) === 0)) },
      });
      const at = await layer.linearize(x);
      // Each token sees itself alone: the Jacobian does not depend on x.
      expect((await gradient(at, u, g)).data.every((entry) => Math.abs(entry) < limit)).toBe(true);
      at.dispose();
      layer.dispose();
    }),
    { numRuns: runs(30), seed: 2 },
  );
  runtime.dispose();
});

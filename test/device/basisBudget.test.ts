// A Krylov basis under a budget, where its vectors live in a device: the same sigma, in no more memory than allowed.
import { describe, expect, it } from "vitest";
import { Random } from "../../src/base/random.js";
import { tensor } from "../../src/base/tensor.js";
import type { AttentionSpec } from "../../src/layers/attention/spec.js";
import { spectralNorm } from "../../src/spectral/spectralNorm.js";
import { onWebGpu, variantRuntime, variants } from "./variants.js";

const n = onWebGpu ? 12 : 40;
const [dIn, dOut] = [16, 12];
const random = new Random(6);
const gaussian = (rows: number, columns: number, std = 0.3) =>
  tensor(random.fillGaussian(new Float64Array(rows * columns), std), [rows, columns]);
const spec: AttentionSpec = {
  heads: 2,
  query: { weight: gaussian(dIn, dIn) },
  key: { weight: gaussian(dIn, dIn) },
  value: { weight: gaussian(dIn, dIn) },
  output: { weight: gaussian(dIn, dOut) },
  mask: "causal",
};
const x = gaussian(n, dIn, 1);

describe.each(variants)("a basis budget in $name", (variant) => {
  const word = variant.dtype === "f32" ? 4 : 8;

  it.each([
    ["from the output side", "random", n * dOut, n * dIn],
    ["with the structured guess", undefined, n * dIn, n * dOut],
  ] as const)("leaves sigma and its bracket as they are, %s", async (_, start, domain, range) => {
    const runtime = await variantRuntime(variant);
    const { heap } = runtime as unknown as { heap?: { used: number } };
    const layer = runtime.attention(spec);
    const at = await layer.linearize(x);
    const rtol = variant.dtype === "f32" ? 1e-4 : 1e-9;
    const truth = await spectralNorm(at, { start, rtol });
    expect(truth).toMatchObject({ reorthogonalization: "full", restarts: 0 });
    for (const vectors of [6, 9]) {
      const basisBudget = word * (vectors * domain + range);
      const before = heap?.used ?? 0;
      let most = 0;
      const onProgress = () => {
        most = Math.max(most, (heap?.used ?? 0) - before);
      };
      const found = await spectralNorm(at, { start, rtol, basisBudget, maxSteps: 400, onProgress });
      expect(Math.abs(found.sigma / truth.sigma - 1)).toBeLessThan(2 * rtol);
      expect(found.lower).toBeLessThanOrEqual(truth.sigma * (1 + rtol));
      expect(found.upper).toBeGreaterThanOrEqual(truth.sigma * (1 - rtol));
      expect(found.reorthogonalization).toBe("one-sided");
      expect(found.restarts > 0).toBe(found.steps >= vectors);
      if (start === "random" && vectors === 6) expect(found.steps).toBeGreaterThanOrEqual(vectors);
      // The tables of at most 401 vectors are the rest, and a few structures.
      expect(most).toBeLessThanOrEqual(basisBudget + 401 * 24 + 1024);
      const image = (await at.jvp(found.right)).data.map((entry, i) => entry - found.sigma * found.left.data[i]);
      expect(Math.hypot(...image)).toBeLessThanOrEqual(found.residual + 2e-5 * found.sigma);
    }
    at.dispose();
    runtime.dispose();
  });
});

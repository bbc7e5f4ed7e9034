// Norms of the Jacobian and of its blocks, which are never formed, against the dense matrix (MATH 2.5).

import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Random } from "../../src/base/random.js";
import { type Tensor, tensor } from "../../src/base/tensor.js";
import { blockNorms } from "../../src/jacobian/blockNormsOf.js";
import { gradient } from "../../src/jacobian/gradient.js";
import { norm } from "../../src/jacobian/norm.js";
import { toDense } from "../../src/jacobian/toDense.js";
import type { AttentionSpec } from "../../src/layers/attention/spec.js";
import type { Runtime } from "../../src/measure/createRuntime.js";
import { loadFixtures } from "../oracle/fixtures.js";
import { attentionCases } from "../reference/arbitraries.js";
import { referenceAttention } from "../reference/attention.js";
import { tolerance } from "./close.js";
import { runs, variantRuntime, variants } from "./variants.js";

describe.each(variants)("norms in $name", (variant) => {
  let runtime: Runtime;
  beforeAll(async () => {
    runtime = await variantRuntime(variant);
  });
  afterAll(() => runtime.dispose());

  it.each(loadFixtures())("agree with the oracle on $name", async ({ spec, x, expected }) => {
    const limit = 10 * tolerance(variant.dtype, referenceAttention(spec, x).largestLogit);
    const layer = runtime.attention(spec);
    const at = await layer.linearize(x);
    const wanted = [
      [Number.POSITIVE_INFINITY, expected.normInfinity],
      [1, expected.normOne],
      ["fro", expected.normFrobenius],
      [2, expected.sigma[0] ?? 0],
    ] as const;
    for (const [order, want] of wanted) {
      expect(Math.abs((await norm(at, order)) - want)).toBeLessThanOrEqual(limit * want);
    }
    const { norms: blocks } = await blockNorms(at, { rtol: 1e-6 });
    compareBlocks(blocks, expected.jacobian, expected.sigma[0] ?? 0, variant.dtype === "f64" ? 1e-6 : limit);
    at.dispose();
    layer.dispose();
  });

  it.each(["dot-product", "l2"] as const)("of random %s layers agree with the dense Jacobian", async (kind) => {
    await fc.assert(
      fc.asyncProperty(attentionCases({ kind, maxTokens: 9, maxWidth: 17 }), ({ spec, x }) =>
        compareNorms(runtime, spec, x, variant.dtype),
      ),
      { numRuns: runs(40), seed: 3 },
    );
  });

  it("agree with the dense Jacobian where the memory must grow for them", async () => {
    const fresh = await variantRuntime(variant);
    const random = new Random(8);
    const gaussian = (rows: number, columns: number) =>
      tensor(random.fillGaussian(new Float64Array(rows * columns), 0.2), [rows, columns]);
    const linear = () => ({ weight: gaussian(50, 48) });
    const output = { weight: gaussian(48, 50) };
    const spec: AttentionSpec = { heads: 4, query: linear(), key: linear(), value: linear(), output, mask: "causal" };
    await compareNorms(fresh, spec, gaussian(10, 50), variant.dtype);
    fresh.dispose();
  });

  it.each(["dot-product", "l2"] as const)("of blocks of random %s layers agree with the dense blocks", async (kind) => {
    await fc.assert(
      fc.asyncProperty(attentionCases({ kind, maxTokens: 12, maxWidth: 10 }), async ({ spec, x }) => {
        const layer = runtime.attention(spec);
        const at = await layer.linearize(x);
        const size = Number(await norm(at, "fro"));
        compareBlocks((await blockNorms(at)).norms, await toDense(at), size, 1e-2);
        at.dispose();
        layer.dispose();
      }),
      { numRuns: runs(15), seed: 4 },
    );
  });

  it("of order 2 that run out of steps say so, and the next call has the steps it needs", async () => {
    const { spec, x } = loadFixtures().find(({ expected }) => expected.sigma[0] > 0 && expected.sigma[1] > 0)!;
    const layer = runtime.attention(spec);
    const at = await layer.linearize(x);
    await expect(norm(at, 2, { maxSteps: 1 })).rejects.toThrow(/norm\(J, 2\): The 1 step allowed/);
    await expect(norm(at, 2, { maxSteps: 0 })).rejects.toThrow(RangeError);
    expect(await norm(at, 2)).toBeGreaterThan(0);
    at.dispose();
    layer.dispose();
  });

  it("refuse another order, an rtol out of range, and a disposed linearization", async () => {
    const [{ spec, x }] = loadFixtures();
    const layer = runtime.attention(spec);
    const at = await layer.linearize(x);
    await expect(norm(at, 3)).rejects.toThrow(/"order": expected 1, 2, Infinity or "fro", got 3/);
    await expect(blockNorms(at, { rtol: 0 })).rejects.toThrow(RangeError);
    await expect(blockNorms(at, { tolerance: 1 } as object)).rejects.toThrow(TypeError);
    const pending = norm(at, 1);
    at.dispose();
    layer.dispose();
    expect(await pending).toBeGreaterThan(0);
    await expect(norm(at, 1)).rejects.toThrow(/disposed/);
    await expect(blockNorms(at)).rejects.toThrow(/disposed/);
    await expect(gradient(at, x, x)).rejects.toThrow(/disposed/);
  });
});

async function compareNorms(runtime: Runtime, spec: AttentionSpec, x: Tensor, dtype: "f32" | "f64"): Promise<void> {
  const layer = runtime.attention(spec);
  const at = await layer.linearize(x);
  const [one, infinity, frobenius] = [
    await norm(at, 1),
    await norm(at, Number.POSITIVE_INFINITY),
    await norm(at, "fro"),
  ];
  const { data, shape } = await toDense(at);
  const [rows, columns] = [new Float64Array(shape[0]), new Float64Array(shape[1])];
  let squares = 0;
  for (let r = 0; r < shape[0]; r++) {
    for (let c = 0; c < shape[1]; c++) {
      const entry = Math.abs(data[r * shape[1] + c]);
      rows[r] += entry;
      columns[c] += entry;
      squares += entry * entry;
    }
  }
  const limit = (dtype === "f64" ? 1e-11 : 3e-5) * Math.max(Math.sqrt(squares), 1e-2);
  const most = Math.sqrt(Math.max(...shape));
  expect(Math.abs(frobenius - Math.sqrt(squares))).toBeLessThan(limit);
  expect(Math.abs(infinity - Math.max(...rows))).toBeLessThan(limit * most);
  expect(Math.abs(one - Math.max(...columns))).toBeLessThan(limit * most);
  at.dispose();
  layer.dispose();
}

/** Within rtol of each dense block's norm, or of what rounding of a Jacobian of this size leaves of it. */
function compareBlocks(blocks: Tensor, jacobian: Tensor, size: number, rtol: number): void {
  const [n] = blocks.shape;
  const [rows, columns] = [jacobian.shape[0] / n, jacobian.shape[1] / n];
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < n; j++) {
      const block = new Float64Array(rows * columns);
      for (let r = 0; r < rows; r++) {
        for (let c = 0; c < columns; c++) {
          block[r * columns + c] = jacobian.data[(i * rows + r) * jacobian.shape[1] + j * columns + c];
        }
      }
      const want = denseNorm(block, rows, columns);
      expect(Math.abs(blocks.data[i * n + j] - want)).toBeLessThanOrEqual(rtol * want + 1e-5 * size);
    }
  }
}

/** By one-sided Jacobi rotations (Hestenes): columns made orthogonal, the longest is the norm. */
function denseNorm(matrix: Float64Array, rows: number, columns: number): number {
  const vectors = Array.from({ length: columns }, (_, c) => matrix.filter((_, at) => at % columns === c));
  const inner = (a: Float64Array, b: Float64Array) => a.reduce((sum, entry, i) => sum + entry * b[i], 0);
  for (let sweep = 0; sweep < 30; sweep++) {
    for (let p = 0; p < columns; p++) {
      for (let q = p + 1; q < columns; q++) {
        const [a, b] = [vectors[p], vectors[q]];
        const off = inner(a, b);
        if (off === 0) continue;
        const zeta = (inner(b, b) - inner(a, a)) / (2 * off);
        const t = (zeta < 0 ? -1 : 1) / (Math.abs(zeta) + Math.hypot(1, zeta));
        const cos = 1 / Math.hypot(1, t);
        for (let r = 0; r < rows; r++) {
          const [x, y] = [a[r], b[r]];
          a[r] = cos * (x - t * y);
          b[r] = cos * (t * x + y);
        }
      }
    }
  }
  return Math.sqrt(Math.max(...vectors.map((vector) => inner(vector, vector))));
}

// U_schur and what it is made of (docs/theory.md, section 8.3b): sums over a token's blocks without any block, and the
// eigenvalues of many matrices through one map.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Random } from "../../src/base/random.js";
import { workspace } from "../../src/device/wasm/workspace.js";
import { schurBound } from "../../src/jacobian/schur.js";
import { ValueSpace } from "../../src/jacobian/valueSpace.js";
import { weightNorms } from "../../src/jacobian/weightNorms.js";
import { hostPrimal, seenTokens } from "../../src/layers/attention/hostPrimal.js";
import { resolveSpec } from "../../src/layers/attention/spec.js";
import { collatzWielandt } from "../../src/linalg/collatzWielandt.js";
import { product } from "../../src/linalg/dense.js";
import { normAbove, transposed } from "../../src/linalg/gram.js";
import { Pencil } from "../../src/linalg/pencil.js";
import { hostWorkspace, part, turned } from "../../src/linalg/workspace.js";
import { attentionCases } from "../reference/arbitraries.js";
import { block, dense } from "./dense.js";

/** What layers may have that the host covers, QK-norm of heads alone. */
const covered = ["softcap", "bias", "sinks"] as const;
const kinds = fc.constantFrom<"dot-product" | "l2">("dot-product", "l2");
const layers = (most: number) =>
  kinds.chain((kind) =>
    attentionCases({ kind, maxTokens: most, maxWidth: 9, modifiers: kind === "l2" ? ["bias"] : covered }),
  );
const workspaces = [
  { name: "plain loops", make: async () => hostWorkspace() },
  { name: "the kernels", make: workspace },
];

describe.each(workspaces)("in $name", ({ make }) => {
  it("products of parts are those of plain loops, accumulated or not", async () => {
    const space = await make();
    await fc.assert(
      fc.asyncProperty(
        fc.tuple(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 70 })),
        fc.boolean(),
        fc.boolean(),
        fc.boolean(),
        fc.nat(),
        async ([m, n, k], flipLeft, flipRight, accumulate, seed) => {
          const random = new Random(seed);
          const [a, b, c] = [space.take(m * k, "a"), space.take(k * n, "b"), space.take(m * (n + 3), "c")];
          const left = random.fillGaussian(new Float64Array(m * k), 1);
          const right = random.fillGaussian(new Float64Array(k * n), 1);
          space.view(a, m * k).set(flipLeft ? transposed(left, m, k) : left);
          space.view(b, k * n).set(flipRight ? transposed(right, k, n) : right);
          space.view(c, m * (n + 3)).fill(5);
          const one = flipLeft ? turned(part(a, m)) : part(a, k);
          const other = flipRight ? turned(part(b, k)) : part(b, n);
          space.multiply(m, n, k, one, other, part(c, n + 3), accumulate);
          const want = product(left, right, m, k, n);
          const got = space.view(c, m * (n + 3));
          for (let r = 0; r < m; r++) {
            for (let q = 0; q < n; q++) {
              const difference = got[r * (n + 3) + q] - want[r * n + q] - (accumulate ? 5 : 0);
              expect(Math.abs(difference)).toBeLessThan(1e-13 * k * 10);
            }
            for (let q = n; q < n + 3; q++) expect(got[r * (n + 3) + q]).toBe(5);
          }
        },
      ),
      { numRuns: 60, seed: 1 },
    );
  });

  it("a token's sum is that of its blocks, weight by weight", async () => {
    await fc.assert(
      fc.asyncProperty(layers(5), fc.nat(), async ({ spec, x, n }, seed) => {
        const primal = hostPrimal(resolveSpec(spec), x.data);
        const random = new Random(seed);
        const space = await make();
        const blocks = new ValueSpace(space, primal);
        const { width } = blocks;
        for (let i = 0; i < n; i++) {
          const keys = seenTokens(primal, i);
          const weights = Float64Array.from({ length: n }, (_, j) => (keys.includes(j) ? 0.2 + random.uniform() : 0));
          if (keys.length === 0) continue;
          const allowance = blocks.assemble(i, weights);
          const want = new Float64Array(width * width);
          for (const j of keys) {
            const b = block(primal, i, j);
            const dIn = b.length / width;
            const gram = product(transposed(b, dIn, width), b, width, dIn, width);
            for (let at = 0; at < want.length; at++) want[at] += gram[at] / weights[j];
          }
          const got = space.view(blocks.sum, width * width);
          const size = Math.max(...want.map(Math.abs));
          for (let r = 0; r < width; r++) {
            for (let c = 0; c <= r; c++) {
              expect(Math.abs(got[r * width + c] - want[r * width + c])).toBeLessThanOrEqual(allowance + 1e-14 * size);
            }
          }
          expect(allowance).toBeLessThan(1e-9 * (size + 1));
        }
      }),
      { numRuns: 40, seed: 2 },
    );
  });

  it("eigenvalues through a map are bounded from above, by some thousandths, for maps of any shape and rank", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 40 }),
        fc.integer({ min: 1, max: 40 }),
        fc.constantFrom(1, 2, 40),
        fc.constantFrom(1, 1e-40, 1e30),
        fc.boolean(),
        fc.nat(),
        async (size, columns, rank, scale, identity, seed) => {
          const random = new Random(seed);
          const space = await make();
          const low = (rows: number, width: number) => {
            const inner = Math.min(rank, rows, width);
            const left = random.fillGaussian(new Float64Array(rows * inner), 1);
            const right = random.fillGaussian(new Float64Array(inner * width), 1);
            return product(left, right, rows, inner, width);
          };
          const map = low(size, columns).map((entry) => entry * scale);
          const a = low(size, size);
          const e = product(a, transposed(a, size, size), size, size, size);
          const squared = normAbove(map, size, columns) ** 2;
          const pencil = new Pencil(space, size, identity ? undefined : { data: map, columns, squared });
          const at = space.take(size * size, "a matrix");
          space.view(at, size * size).set(e);
          const start = random.fillGaussian(new Float64Array(size), 1);
          const { value } = pencil.largestAbove(at, 0, start);
          const through = identity
            ? transposed(a, size, size)
            : product(transposed(a, size, size), map, size, size, columns);
          const want = normAbove(through, size, identity ? size : columns) ** 2;
          expect(value).toBeGreaterThanOrEqual(want * (1 - 1e-10));
          // What the map does not see counts a little.
          const unseen = identity ? 0 : 2e-5 * squared * normAbove(a, size, size) ** 2;
          expect(value).toBeLessThanOrEqual(want * 1.03 + unseen * 1.5);
        },
      ),
      { numRuns: 60, seed: 3 },
    );
  });

  it("the bound is at least the norm of the dense Jacobian, and gets no worse from round to round", async () => {
    let ratio = 0;
    let count = 0;
    await fc.assert(
      fc.asyncProperty(layers(6), fc.constantFrom(0.1, 1, 4), async ({ spec, x, n, dOut, dIn }, stretch) => {
        const primal = hostPrimal(
          resolveSpec(spec),
          x.data.map((entry) => stretch * entry),
        );
        const norm = normAbove(dense(primal), n * dOut, n * dIn);
        const { output } = weightNorms(primal, true);
        const sizes = new Float64Array(n * n);
        const b = dense(primal);
        for (let i = 0; i < n; i++) {
          for (let j = 0; j < n; j++) {
            const at = Float64Array.from({ length: dOut * dIn }, (_, k) => {
              return b[(i * dOut + Math.floor(k / dIn)) * n * dIn + j * dIn + (k % dIn)];
            });
            sizes[i * n + j] = normAbove(at, dOut, dIn);
          }
        }
        let before = Number.POSITIVE_INFINITY;
        for (const rounds of [1, 2, 6]) {
          const bound = await schurBound(primal, await make(), sizes, output, rounds);
          expect(bound).toBeGreaterThanOrEqual(norm * (1 - 1e-10));
          expect(bound).toBeLessThanOrEqual(before);
          before = bound;
        }
        // At its own weights it contains Schur's test on the norms of the blocks.
        expect(before).toBeLessThanOrEqual(1.01 * Math.sqrt(n) * collatzWielandt(sizes, n) + 1e-12);
        if (norm > 1e-9) {
          ratio += Math.log(before / norm);
          count++;
        }
      }),
      { numRuns: 40, seed: 4 },
    );
    expect(Math.exp(ratio / count)).toBeLessThan(1.25);
  });
});

// Norms of blocks by Lanczos processes on matrices of a chosen spectrum: the stated error holds, and no norm is refused.
import fc from "fast-check";
import { expect, it } from "vitest";
import { Random } from "../../src/base/random.js";
import type { BlockProducts } from "../../src/device/operator.js";
import { blockNorms } from "../../src/jacobian/blockNorms.js";
import { normAbove } from "../../src/linalg/gram.js";

/** Products with given matrices [dOut, dIn], (i, j) in order; `noise` is added to each product, relative to 1. */
function productsOf(matrices: Float64Array[], n: number, dIn: number, dOut: number, slots: number, noise = 0) {
  const random = new Random(3);
  const assigned: Float64Array[] = [];
  const products: BlockProducts = {
    slots,
    dIn,
    dOut,
    roundoff: Math.max(noise, 1e-15),
    blocks: matrices.map((_, at) => [Math.floor(at / n), at % n] as const),
    assign(slot, [i, j]) {
      assigned[slot] = matrices[i * n + j];
      return 1;
    },
    apply(x) {
      const y = new Float64Array(slots * dOut);
      for (const [s, a] of assigned.entries()) {
        for (let r = 0; r < dOut; r++) {
          for (let c = 0; c < dIn; c++) y[s * dOut + r] += a[r * dIn + c] * x[s * dIn + c];
          y[s * dOut + r] += noise * (random.uniform() - 0.5);
        }
      }
      return y;
    },
    applyTransposed(y) {
      const x = new Float64Array(slots * dIn);
      for (const [s, a] of assigned.entries()) {
        for (let c = 0; c < dIn; c++) {
          for (let r = 0; r < dOut; r++) x[s * dIn + c] += a[r * dIn + c] * y[s * dOut + r];
          x[s * dIn + c] += noise * (random.uniform() - 0.5);
        }
      }
      return x;
    },
  };
  return products;
}

/** Of rank `rank` and size `size`. */
function matrix(random: Random, dIn: number, dOut: number, rank: number, size: number): Float64Array {
  const a = new Float64Array(dOut * dIn);
  for (let k = 0; k < rank; k++) {
    const left = random.fillGaussian(new Float64Array(dOut), 1);
    const right = random.fillGaussian(new Float64Array(dIn), 1);
    for (let at = 0; at < a.length; at++) a[at] += size * left[Math.floor(at / dIn)] * right[at % dIn];
  }
  return a;
}

it("are within the stated error of the truth, for blocks of any rank and size", async () => {
  let wrong = 0;
  let total = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 9 }),
      fc.integer({ min: 1, max: 9 }),
      fc.constantFrom(0, 1, 2, 9),
      fc.constantFrom(1, 1e-9, 1e-150, 1e-290, 1e30),
      fc.constantFrom(1e-2, 1e-6),
      fc.nat(),
      async (dIn, dOut, rank, size, rtol, seed) => {
        const random = new Random(seed);
        const matrices = Array.from({ length: 9 }, () => matrix(random, dIn, dOut, rank, size));
        const { norms, error, floor } = await blockNorms(productsOf(matrices, 3, dIn, dOut, 4), 3, { rtol });
        expect(error).toBe(rtol);
        for (const [at, a] of matrices.entries()) {
          const want = normAbove(a, dOut, dIn);
          expect(norms[at]).toBeLessThanOrEqual(want * (1 + 1e-9));
          total++;
          if (want - norms[at] > error * norms[at] + floor) wrong++;
        }
      },
    ),
    { numRuns: 150, seed: 5 },
  );
  expect(wrong).toBeLessThanOrEqual(0.05 * total);
});

it("of blocks that are rounding alone come out as small as that, and end", async () => {
  const random = new Random(9);
  const noise = 1e-6;
  for (const size of [0, 1e-30, 1e-8, 1e-6]) {
    const matrices = Array.from({ length: 4 }, () => matrix(random, 8, 8, 8, size));
    const { norms, floor } = await blockNorms(productsOf(matrices, 2, 8, 8, 3, noise), 2);
    expect(floor).toBe(noise);
    for (const [at, a] of matrices.entries()) expect(Math.abs(norms[at] - normAbove(a, 8, 8))).toBeLessThan(30 * noise);
  }
});

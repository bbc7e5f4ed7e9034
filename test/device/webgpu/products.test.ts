// The matrix product kernels alone, on ragged shapes, against sums in doubles.
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Random } from "../../../src/base/random.js";
import { type Gemm, MULTIPLY, MULTIPLY_TRANSPOSED, multiply, readsByFours } from "../../../src/device/webgpu/gemm.js";
import type { Gpu } from "../../../src/device/webgpu/gpu.js";
import type { WebGpuRuntime } from "../../../src/device/webgpu/runtime.js";
import { relativeError, tolerance } from "../close.js";
import { webgpuRuntime } from "../webgpuRuntime.js";

interface Shape {
  readonly rows: number;
  readonly columns: number;
  readonly depth: number;
}

const products: [string, Gemm, boolean][] = [
  ["A·B", MULTIPLY, false],
  ["A·Bᵀ", MULTIPLY_TRANSPOSED, true],
];

describe("matrix products on WebGPU", () => {
  let runtime: WebGpuRuntime;
  let gpu: Gpu;
  beforeAll(async () => {
    runtime = (await webgpuRuntime()) as WebGpuRuntime;
    gpu = runtime.gpu;
  });
  afterAll(() => runtime.dispose());

  async function relativeErrorOf(gemm: Gemm, transposed: boolean, { rows, columns, depth }: Shape, biased: boolean) {
    const random = new Random(rows + 1000 * columns + depth);
    const gaussian = (count: number) => random.fillGaussian(new Float32Array(count), 1);
    const [a, b, bias] = [gaussian(rows * depth), gaussian(depth * columns), gaussian(columns)];
    const want = new Float64Array(rows * columns);
    for (let i = 0; i < rows; i++) {
      for (let j = 0; j < columns; j++) {
        let sum = biased ? bias[j] : 0;
        for (let k = 0; k < depth; k++) sum += a[i * depth + k] * b[transposed ? j * depth + k : k * columns + j];
        want[i * columns + j] = sum;
      }
    }
    const region = gpu.region();
    // What lies beyond a matrix must not be read into it: the result starts out wrong, and its neighbour is not zero.
    const views = {
      a: region.upload(a, "a"),
      b: region.upload(b, "b"),
      c: region.upload(gaussian(rows * columns), "c"),
    };
    const added = biased ? region.upload(bias, "bias") : undefined;
    const shape = { rows, columns, depth };
    multiply(gpu.batch, gemm, shape, { ...views, bias: added });
    const [got] = await gpu.flush([views.c]);
    region.free();
    return relativeError(got, want);
  }

  it.each(products)("%s on ragged shapes", async (_, gemm, transposed) => {
    const shape = fc.record({
      rows: fc.integer({ min: 1, max: 70 }),
      columns: fc.integer({ min: 1, max: 70 }),
      depth: fc.integer({ min: 1, max: 40 }),
    });
    await fc.assert(
      fc.asyncProperty(shape, fc.boolean(), async (size, biased) => {
        expect(await relativeErrorOf(gemm, transposed, size, biased)).toBeLessThan(tolerance("f32", 0));
      }),
      { numRuns: 25 },
    );
  });

  it.each(products)(
    "%s where rows begin at multiples of 16 bytes, beyond one tile and slab",
    async (_, gemm, transposed) => {
      const fours = fc.integer({ min: 1, max: 40 }).map((count) => 4 * count);
      const shape = fc.record({ rows: fc.integer({ min: 1, max: 70 }), columns: fours, depth: fours });
      await fc.assert(
        fc.asyncProperty(shape, fc.boolean(), async (size, biased) => {
          expect(readsByFours(gemm, size)).toBe(true);
          expect(await relativeErrorOf(gemm, transposed, size, biased)).toBeLessThan(tolerance("f32", 0));
        }),
        { numRuns: 25 },
      );
    },
  );

  it.each(products)("%s of many rows and columns", async (_, gemm, transposed) => {
    for (const size of [
      { rows: 1030, columns: 961, depth: 17 },
      { rows: 1, columns: 16_400, depth: 4 },
      { rows: 1030, columns: 964, depth: 20 },
    ]) {
      expect(await relativeErrorOf(gemm, transposed, size, true)).toBeLessThan(tolerance("f32", 0));
    }
  });
});

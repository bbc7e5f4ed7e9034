// The kernels of norms, activations and linear maps on panels of tokens: values, products with J and Jᵀ, second order.
import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { Random } from "../../../src/base/random.js";
import { Heap, Region } from "../../../src/device/wasm/heap.js";
import { instantiateKernels, type Kernels } from "../../../src/device/wasm/kernels.js";
import * as layout from "../../../src/device/wasm/layout.js";
import { resolveActivation } from "../../../src/layers/activation.js";
import table from "../../oracle/activations.json" with { type: "json" };
import { kernelBytes } from "../kernelBytes.js";
import { variants } from "../variants.js";

const onWasm = variants.filter(({ simd }) => simd !== "none");

describe.each(onWasm)("in $name", ({ dtype, simd }) => {
  const heap = new Heap(dtype, Number.POSITIVE_INFINITY, 2 ** 28);
  const limit = dtype === "f32" ? 3e-6 : 1e-12;
  let kernels: Kernels;
  beforeAll(async () => {
    const bytes = kernelBytes(dtype, simd as "simd" | "relaxed");
    ({ kernels } = await instantiateKernels(dtype, heap, bytes));
    kernels.setEdgeTile(heap.allocate(512, "a tile"));
  });

  /** Panels of [n, d] with these numbers. */
  function panels(region: Region, data: ArrayLike<number>, n: number, d: number): number {
    const at = region.reals(layout.panelSize(heap, n, d), "a matrix");
    layout.writePanels(heap, at, data, n, d);
    return at;
  }
  /** Reads [n, d], and fails where an unused lane is not zero. */
  function matrix(at: number, n: number, d: number): number[] {
    const whole = layout.readPanels(heap, at, Math.ceil(n / layout.tileColumns(heap)) * layout.tileColumns(heap), d);
    expect(Array.from(whole.subarray(n * d)).every((rest) => rest === 0)).toBe(true);
    return Array.from(whole.subarray(0, n * d));
  }
  /** As the kernels hold them. */
  const round = (x: number) => (dtype === "f32" ? Math.fround(x) : x);

  it.each(Object.entries(table))("%s and its derivatives keep their digits, in both tails", (name, rows) => {
    const region = new Region(heap);
    const numbers = { kind: "xielu", alphaP: 0.8, alphaN: 0.75, beta: 0.5, epsilon: -1e-6 };
    const { index, numbers: given } = resolveActivation("activation", name === "xielu" ? numbers : name);
    const n = rows.length;
    const [x, y, slope, curve] = [0, 1, 2, 3].map(() => panels(region, new Float64Array(n), n, 1));
    layout.writePanels(
      heap,
      x,
      rows.map(([at]) => at),
      n,
      1,
    );
    const struct = region.bytes(layout.ACTIVATION.bytes, "an activation");
    const [a, b, c, e] = given;
    const fields = { kind: index, n, d: 1, slope, curve };
    layout.writeStruct(heap, struct, layout.ACTIVATION, { ...fields, ":a": a, ":b": b, ":c": c, ":e": e });
    kernels.activate(struct, x, y);
    const got = [matrix(y, n, 1), layout.readPanels(heap, slope, n, 1), layout.readPanels(heap, curve, n, 1)];
    for (const [i, row] of rows.entries()) {
      // What rounding x to f32 changes.
      const moved = Math.abs(round(row[0]) - row[0]);
      for (const order of [0, 1, 2]) {
        const want = row[order + 1];
        const conditioned = Math.abs(row[order + 2] ?? row[0] * want) * moved + 1e-6 * moved;
        const scale = dtype === "f32" ? 2e-7 : Math.abs(row[0]) > 5 ? 5e-13 : 1e-13;
        // Below the normal numbers of f32 no digits are left to keep; near a zero of f′ or f″ those of its terms.
        const least = dtype === "f32" ? 1e-38 : 1e-300;
        const terms = Math.abs(row[0]) < 5 ? 2e-16 + (dtype === "f32" ? 1e-7 * Math.abs(row[order + 1]) : 0) : 0;
        const allowed = scale * Math.abs(want) + 4 * conditioned + least + terms;
        expect(Math.abs(got[order][i] - want), `order ${order} at ${row[0]}: ${got[order][i]}`).toBeLessThan(allowed);
      }
    }
    region.free();
  });

  it("an activation leaves NaN and infinities to be seen, and is finite far out", () => {
    const region = new Region(heap);
    const far = dtype === "f32" ? 3e38 : 1e308;
    const [x, y, slope, curve] = [0, 1, 2, 3].map(() => panels(region, new Float64Array(3), 3, 1));
    for (const kind of ["gelu", "gelu-tanh", "quick-gelu", "silu", "tanh", "mish", "sigmoid", "gelu-10", "relu6"]) {
      layout.writePanels(heap, x, [Number.NaN, far, -far], 3, 1);
      const struct = region.bytes(layout.ACTIVATION.bytes, "an activation");
      const fields = { kind: resolveActivation("activation", kind).index, n: 3, d: 1, slope, curve };
      layout.writeStruct(heap, struct, layout.ACTIVATION, fields);
      kernels.activate(struct, x, y);
      const [nothing, right, left] = layout.readPanels(heap, y, 3, 1);
      expect(nothing).toBeNaN();
      const limits: Record<string, number> = { tanh: 1, sigmoid: 1, "gelu-10": 10, relu6: 6 };
      expect(right).toBe(round(limits[kind] ?? far));
      expect(left).toBeCloseTo(kind === "tanh" ? -1 : 0, 12);
      for (const derivative of [slope, curve]) {
        const [, onRight, onLeft] = layout.readPanels(heap, derivative, 3, 1);
        expect(onRight).toBeCloseTo(derivative === slope && limits[kind] === undefined ? 1 : 0, 12);
        expect(onLeft).toBeCloseTo(0, 12);
      }
    }
    region.free();
  });

  const sizes = fc.record({ n: fc.integer({ min: 1, max: 13 }), d: fc.integer({ min: 2, max: 20 }), seed: fc.nat() });

  it.each(["layer", "rms"])("%s norm, its products and its second order agree with plain sums", (kind) => {
    fc.assert(
      fc.property(sizes, fc.boolean(), fc.boolean(), ({ n, d, seed }, gained, biased) => {
        const region = new Region(heap);
        const random = new Random(seed);
        const draw = (count: number, mean = 0) => {
          const data = new Float64Array(count);
          random.fillGaussian(data, 1);
          return data.map((value) => round(mean + value));
        };
        const [x, u, v] = [draw(n * d, 3), draw(n * d), draw(n * d)];
        const gain = gained ? draw(d) : undefined;
        const bias = biased && kind === "layer" ? draw(d) : undefined;
        const epsilon = 0.1;
        const vector = (data?: Float64Array) => {
          if (!data) return 0;
          const at = region.reals(data.length, "weights");
          heap.reals(at, data.length).set(data);
          return at;
        };
        const zeros = () => panels(region, new Float64Array(n * d), n, d);
        const columns = layout.tileColumns(heap);
        const deviation = region.reals(Math.ceil(n / columns) * columns, "deviations");
        const struct = region.bytes(layout.NORM.bytes, "a norm");
        const fields = { n, d, centred: kind === "layer" ? 1 : 0, gain: vector(gain), bias: vector(bias) };
        layout.writeStruct(heap, struct, layout.NORM, { ...fields, z: zeros(), deviation, ":epsilon": epsilon });
        const at = (data: Float64Array) => panels(region, data, n, d);
        const [y, forward, back, second] = [zeros(), zeros(), zeros(), zeros()];
        kernels.applyNorm(struct, at(x), y);
        kernels.normJvp(struct, at(u), forward);
        kernels.normVjp(struct, at(v), back);
        kernels.normGradient(struct, at(u), at(v), second);
        const want = plainNorm({ n, d, centred: kind === "layer", gain, bias, epsilon, x, u, v });
        close(matrix(y, n, d), want.y);
        close(matrix(forward, n, d), want.jvp);
        close(matrix(back, n, d), want.vjp);
        close(matrix(second, n, d), want.gradient, Math.max(limit, 1e-10));
        region.free();
      }),
      { numRuns: 25, seed: 3 },
    );
  });

  it("a norm of tokens far from the origin loses no more than rounding x does", () => {
    const region = new Region(heap);
    const [n, d] = [5, 33];
    const base = dtype === "f32" ? 2 ** 12 : 2 ** 30;
    const x = new Float64Array(n * d).map((_, i) => base + ((i * 7) % 13) / 8);
    const struct = region.bytes(layout.NORM.bytes, "a norm");
    const fields = { n, d, centred: 1, gain: 0, bias: 0, z: 0, deviation: 0, ":epsilon": 1e-5 };
    layout.writeStruct(heap, struct, layout.NORM, fields);
    const at = panels(region, x, n, d);
    kernels.applyNorm(struct, at, at);
    const shifted = x.map((value) => value - base);
    const want = plainNorm({ n, d, centred: true, epsilon: 1e-5, x: shifted, u: shifted, v: shifted });
    close(matrix(at, n, d), want.y, dtype === "f32" ? 2e-7 : 1e-14);
    region.free();
  });

  it("a norm without deviation gives zero to unused lanes, and what is not finite to a constant token", () => {
    const region = new Region(heap);
    const [n, d] = [3, 4];
    const z = panels(region, new Float64Array(n * d), n, d);
    const deviation = region.reals(layout.tileColumns(heap), "deviations");
    const struct = region.bytes(layout.NORM.bytes, "a norm");
    layout.writeStruct(heap, struct, layout.NORM, { n, d, centred: 1, gain: 0, bias: 0, z, deviation, ":epsilon": 0 });
    const x = panels(region, [1, 2, 3, 4, 5, 5, 5, 5, 4, 3, 2, 1], n, d);
    const y = panels(region, new Float64Array(n * d), n, d);
    kernels.applyNorm(struct, x, y);
    expect(matrix(y, n, d).map(Number.isFinite)).toEqual([0, 1, 2].flatMap((i) => Array(d).fill(i !== 1)));
    const tangent = panels(region, [1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1], n, d);
    kernels.normJvp(struct, tangent, y);
    matrix(y, n, d);
    region.free();
  });

  it("a linear map and both its products agree with plain sums on ragged shapes", () => {
    fc.assert(
      fc.property(sizes, fc.integer({ min: 1, max: 40 }), fc.boolean(), ({ n, d: dIn, seed }, dOut, biased) => {
        const region = new Region(heap);
        const random = new Random(seed);
        const draw = (count: number) => {
          const data = new Float64Array(count);
          random.fillGaussian(data, 1);
          return data.map(round);
        };
        const [x, v, weight, bias] = [draw(n * dIn), draw(n * dOut), draw(dIn * dOut), draw(dOut)];
        const raw = region.reals(weight.length, "weights");
        heap.reals(raw, weight.length).set(weight);
        const strips = (m: number, k: number) => region.reals(layout.stripSize(heap, m, k), "strips");
        const fields = { dIn, dOut, weight: strips(dOut, dIn), back: strips(dIn, dOut), bias: 0 };
        if (biased) {
          fields.bias = region.reals(dOut, "a bias");
          heap.reals(fields.bias, dOut).set(bias);
        }
        const { word } = heap;
        kernels.packStrips(dOut, dIn, raw, word, dOut * word, fields.weight);
        kernels.packStrips(dIn, dOut, raw, dOut * word, word, fields.back);
        const struct = region.bytes(layout.LINEAR.bytes, "a linear map");
        layout.writeStruct(heap, struct, layout.LINEAR, fields);
        const count = Math.ceil(n / layout.tileColumns(heap));
        const zeros = (d: number) => panels(region, new Float64Array(n * d), n, d);
        const [y, forward, back] = [zeros(dOut), zeros(dOut), zeros(dIn)];
        const input = panels(region, x, n, dIn);
        kernels.linearJvp(struct, count, input, forward);
        kernels.linearVjp(struct, count, panels(region, v, n, dOut), back);
        const product = new Float64Array(n * dOut);
        const transposed = new Float64Array(n * dIn);
        for (let i = 0; i < n; i++) {
          for (let c = 0; c < dIn; c++) {
            for (let o = 0; o < dOut; o++) {
              product[i * dOut + o] += x[i * dIn + c] * weight[c * dOut + o];
              transposed[i * dIn + c] += v[i * dOut + o] * weight[c * dOut + o];
            }
          }
        }
        close(matrix(forward, n, dOut), product);
        close(matrix(back, n, dIn), transposed);
        kernels.applyLinear(struct, count, input, y);
        const got = layout.readPanels(heap, y, n, dOut);
        close(Array.from(got), biased ? product.map((value, i) => value + bias[i % dOut]) : product);
        region.free();
      }),
      { numRuns: 25, seed: 4 },
    );
  });

  function close(got: readonly number[], want: ArrayLike<number>, within = limit): void {
    let [worst, scale] = [0, 0];
    for (let i = 0; i < want.length; i++) {
      worst = Math.max(worst, Math.abs(got[i] - want[i]));
      scale = Math.max(scale, Math.abs(want[i]));
    }
    expect(worst).toBeLessThanOrEqual(within * scale);
  }
});

interface NormCase {
  n: number;
  d: number;
  centred: boolean;
  gain?: Float64Array;
  bias?: Float64Array;
  epsilon: number;
  x: Float64Array;
  u: Float64Array;
  v: Float64Array;
}

/** Row by row: the value, J u, Jᵀ v from the dense Jacobian, and ∇⟨v, J u⟩ by differences of it in complex steps' place. */
function plainNorm({ n, d, centred, gain, bias, epsilon, x, u, v }: NormCase) {
  const value = (row: Float64Array) => {
    const mean = centred ? row.reduce((sum, entry) => sum + entry, 0) / d : 0;
    const s = Math.sqrt(row.reduce((sum, entry) => sum + (entry - mean) ** 2, 0) / d + epsilon);
    return { z: row.map((entry) => (entry - mean) / s), s };
  };
  /** The Jacobian's rows, gain included. */
  const jacobian = (row: Float64Array) => {
    const { z, s } = value(row);
    return Array.from({ length: d }, (_, i) =>
      z.map((zj, j) => ((gain?.[i] ?? 1) * ((i === j ? 1 : 0) - (centred ? 1 / d : 0) - (z[i] * zj) / d)) / s),
    );
  };
  const form = (row: Float64Array, tangent: Float64Array, cotangent: Float64Array) =>
    jacobian(row).reduce(
      (sum, line, i) => sum + cotangent[i] * line.reduce((all, entry, j) => all + entry * tangent[j], 0),
      0,
    );
  const out = {
    y: new Float64Array(n * d),
    jvp: new Float64Array(n * d),
    vjp: new Float64Array(n * d),
    gradient: new Float64Array(n * d),
  };
  for (let from = 0; from < n * d; from += d) {
    const part = (data: Float64Array) => data.subarray(from, from + d);
    const { z } = value(part(x));
    const dense = jacobian(part(x));
    for (let i = 0; i < d; i++) {
      out.y[from + i] = z[i] * (gain?.[i] ?? 1) + (bias?.[i] ?? 0);
      for (let j = 0; j < d; j++) {
        out.jvp[from + i] += dense[i][j] * part(u)[j];
        out.vjp[from + j] += dense[i][j] * part(v)[i];
      }
      // Richardson's extrapolation of central differences: their error is of sixth order.
      const difference = (h: number) => {
        const [more, less] = [part(x).slice(), part(x).slice()];
        more[i] += h;
        less[i] -= h;
        return (form(more, part(u), part(v)) - form(less, part(u), part(v))) / (2 * h);
      };
      const [a, b, c] = [difference(0.02), difference(0.01), difference(0.005)];
      out.gradient[from + i] = (64 * c - 20 * b + a) / 45;
    }
  }
  return out;
}

// Layers of a block and their compositions against plain loops on doubles: output, J u, Jᵀ v, the gradient, sigma, memory.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Random } from "../../src/base/random.js";
import { type Tensor, tensor } from "../../src/base/tensor.js";
import type { LinearizableLayer } from "../../src/device/linearization.js";
import { createRuntime, type Runtime } from "../../src/index.js";
import { blockNorms } from "../../src/jacobian/blockNormsOf.js";
import { gradient } from "../../src/jacobian/gradient.js";
import { norm } from "../../src/jacobian/norm.js";
import { toDense } from "../../src/jacobian/toDense.js";
import { upperBound } from "../../src/jacobian/upperBoundOf.js";
import type { AttentionSpec } from "../../src/layers/attention/spec.js";
import type { FeedForwardSpec } from "../../src/layers/feedForward.js";
import type { NormSpec } from "../../src/layers/norm.js";
import { dot } from "../../src/linalg/vector.js";
import { spectralNorm } from "../../src/spectral/spectralNorm.js";
import { type ReferenceLayer, reference } from "../reference/layers.js";
import { dense } from "../spectral/operators.js";
import { relativeError } from "./close.js";
import { onWebGpu, variantRuntime, variants } from "./variants.js";

/** A layer of a runtime, made of parts that are disposed of at once, and the same in plain loops. */
interface Case {
  dIn: number;
  dOut: number;
  make(runtime: Runtime): LinearizableLayer;
  want: ReferenceLayer;
}

interface Weights {
  d: number;
  wide: number;
  attention: AttentionSpec;
  layerNorm: NormSpec;
  rmsNorm: NormSpec;
  plain: FeedForwardSpec;
  gated: FeedForwardSpec;
  toWide: { weight: Tensor; bias: Tensor };
}

function weightsOf(seed: number): Weights {
  const random = new Random(seed);
  const [d, wide] = [4 + (seed % 3) * 5, 7 + (seed % 5) * 4];
  const gaussian = (std: number, ...shape: number[]) =>
    tensor(random.fillGaussian(new Float64Array(shape.reduce((a, b) => a * b)), std), shape);
  const linear = (from: number, to: number) => ({
    weight: gaussian(1 / Math.sqrt(from), from, to),
    bias: gaussian(0.3, to),
  });
  const gain = () =>
    tensor(
      gaussian(0.2, d).data.map((value) => 1 + value),
      [d],
    );
  return {
    d,
    wide,
    attention: {
      heads: 2,
      query: linear(d, 8),
      key: linear(d, 8),
      value: linear(d, 10),
      output: linear(10, d),
      mask: seed % 2 ? "causal" : "none",
      ...(seed % 3 === 0 ? { rope: { base: 100 } } : {}),
    },
    layerNorm: { kind: "layer", gain: gain(), bias: gaussian(0.3, d), epsilon: 1e-2 },
    rmsNorm: { kind: "rms", gain: gain(), epsilon: 1e-3 },
    plain: { up: linear(d, wide), down: linear(wide, d), activation: "gelu" },
    gated: { up: linear(d, wide), gate: linear(d, wide), down: linear(wide, d), activation: "silu" },
    toWide: linear(d, wide),
  };
}

/** `compose` on layers that are let go as soon as the composition is made. */
function of(parts: LinearizableLayer[], compose: (parts: LinearizableLayer[]) => LinearizableLayer): LinearizableLayer {
  const layer = compose(parts);
  for (const part of parts) part.dispose();
  return layer;
}

const { attention, activation, chain, feedForward, linear, norm: normOf, residual, sum } = reference;

const cases: Record<string, (weights: Weights) => Case> = {
  "a linear map": ({ d, wide, toWide }) => ({
    dIn: d,
    dOut: wide,
    make: (runtime) => runtime.linear(toWide),
    want: linear(toWide),
  }),
  "a layer norm": ({ d, layerNorm }) => ({
    ...{ dIn: d, dOut: d },
    make: (runtime) => runtime.norm(layerNorm),
    want: normOf(layerNorm),
  }),
  "an RMS norm": ({ d, rmsNorm }) => ({
    ...{ dIn: d, dOut: d },
    make: (runtime) => runtime.norm(rmsNorm),
    want: normOf(rmsNorm),
  }),
  "a norm without weights, of two widths": ({ d, wide, toWide }) => ({
    ...{ dIn: d, dOut: wide },
    make: (runtime) =>
      of([runtime.norm({ kind: "rms", epsilon: 0.1 }), runtime.linear(toWide)], ([plain, map]) =>
        runtime.chain([plain, map, plain]),
      ),
    want: chain([normOf({ kind: "rms", epsilon: 0.1 }), linear(toWide), normOf({ kind: "rms", epsilon: 0.1 })]),
  }),
  "an activation": ({ d }) => ({
    ...{ dIn: d, dOut: d },
    make: (runtime) => runtime.activation("gelu-tanh"),
    want: activation("gelu-tanh"),
  }),
  "a plain feed-forward layer": ({ d, plain }) => ({
    ...{ dIn: d, dOut: d },
    make: (runtime) => runtime.feedForward(plain),
    want: feedForward(plain),
  }),
  "a gated feed-forward layer": ({ d, gated }) => ({
    ...{ dIn: d, dOut: d },
    make: (runtime) => runtime.feedForward(gated),
    want: feedForward(gated),
  }),
  "a norm before attention": ({ d, layerNorm, attention: spec }) => ({
    ...{ dIn: d, dOut: d },
    make: (runtime) => of([runtime.norm(layerNorm), runtime.attention(spec)], (parts) => runtime.chain(parts)),
    want: chain([normOf(layerNorm), attention(spec)]),
  }),
  "a branch with its norm and the path around it": ({ d, rmsNorm, gated }) => ({
    ...{ dIn: d, dOut: d },
    make: (runtime) =>
      of([of([runtime.norm(rmsNorm), runtime.feedForward(gated)], (parts) => runtime.chain(parts))], ([branch]) =>
        runtime.residual(branch),
      ),
    want: residual(chain([normOf(rmsNorm), feedForward(gated)])),
  }),
  "parallel branches": ({ d, attention: spec, plain }) => ({
    ...{ dIn: d, dOut: d },
    make: (runtime) =>
      of([runtime.attention(spec), runtime.feedForward(plain), runtime.activation("tanh")], (parts) =>
        runtime.sum(parts),
      ),
    want: sum([attention(spec), feedForward(plain), activation("tanh")]),
  }),
  "a whole block": ({ d, layerNorm, rmsNorm, attention: spec, gated }) => ({
    ...{ dIn: d, dOut: d },
    make(runtime) {
      const branch = (parts: LinearizableLayer[]) =>
        of([of(parts, (these) => runtime.chain(these))], ([whole]) => runtime.residual(whole));
      return of(
        [
          branch([runtime.norm(layerNorm), runtime.attention(spec)]),
          branch([runtime.norm(rmsNorm), runtime.feedForward(gated)]),
        ],
        (parts) => runtime.chain(parts),
      );
    },
    want: chain([
      residual(chain([normOf(layerNorm), attention(spec)])),
      residual(chain([normOf(rmsNorm), feedForward(gated)])),
    ]),
  }),
};

const seeds = onWebGpu ? [1, 2] : [1, 2, 3, 4, 5];

describe.each(variants)("compositions in $name", (variant) => {
  let runtime: Runtime;
  beforeAll(async () => {
    runtime = await variantRuntime(variant);
  });
  afterAll(() => runtime.dispose());

  const limit = variant.dtype === "f64" ? 1e-10 : 2e-5;

  describe.each(Object.keys(cases))("%s", (name) => {
    it.each(seeds)("has the output, the products and the gradient of plain loops (seed %d)", async (seed) => {
      const { dIn, dOut, make, want } = cases[name](weightsOf(seed));
      const random = new Random(seed + 100);
      const n = 1 + ((seed * 7) % 19);
      const gaussian = (width: number) => tensor(random.fillGaussian(new Float64Array(n * width)), [n, width]);
      const [x, u, direction, v] = [gaussian(dIn), gaussian(dIn), gaussian(dIn), gaussian(dOut)];
      const before = runtime.memoryUsed;
      const layer = make(runtime);
      const expected = want(x);
      expect(relativeError((await layer.forward(x)).data, expected.output.data)).toBeLessThan(limit);
      const at = await layer.linearize(x);
      layer.dispose();
      expect([at.inShape, at.outShape]).toEqual([x.shape, v.shape]);
      expect(relativeError(at.output.data, expected.output.data)).toBeLessThan(limit);
      const [pushed, pulled] = [await at.jvp(u), await at.vjp(v)];
      expect(relativeError(pushed.data, expected.jvp(u).data)).toBeLessThan(limit);
      expect(relativeError(pulled.data, expected.vjp(v).data)).toBeLessThan(limit);

      const size = Math.sqrt(dot(pushed.data, pushed.data) * dot(v.data, v.data));
      expect(Math.abs(dot(pushed.data, v.data) - dot(u.data, pulled.data))).toBeLessThan(limit * (size + 1));

      const slope = dot((await gradient(at, u, v)).data, direction.data);
      const step = 1e-5;
      const [ahead, behind] = [step, -step].map((h) => {
        const moved = tensor(
          Float64Array.from(x.data, (value, i) => value + h * direction.data[i]),
          x.shape,
        );
        return dot(want(moved).jvp(u).data, v.data);
      });
      const largest = (size + 1) * Math.sqrt(dot(direction.data, direction.data));
      expect(Math.abs(slope - (ahead - behind) / (2 * step))).toBeLessThan(
        (variant.dtype === "f64" ? 1e-7 : 1e-4) * largest,
      );
      at.dispose();
      expect(runtime.memoryUsed).toBe(before);
    });
  });

  it("have sigma, norms and block norms of their dense Jacobian", async () => {
    const { make } = cases["a whole block"](weightsOf(3));
    const layer = make(runtime);
    const n = onWebGpu ? 4 : 7;
    const x = tensor(new Random(1).fillGaussian(new Float64Array(n * layer.dIn)), [n, layer.dIn]);
    const at = await layer.linearize(x);
    const { data, shape } = await toDense(at);
    expect(shape).toEqual([n * layer.dOut, n * layer.dIn]);
    const matrix = dense(tensor(Float64Array.from(data), shape), at.inShape, at.outShape);
    const { sigma } = await spectralNorm(matrix, { rtol: 1e-9, maxSteps: 400 });
    const rtol = variant.dtype === "f64" ? 1e-8 : 1e-4;
    const found = await spectralNorm(at, { rtol });
    expect(Math.abs(found.sigma / sigma - 1)).toBeLessThan(10 * rtol);
    expect(Math.abs((await norm(at, 2)) / sigma - 1)).toBeLessThan(10 * rtol);
    for (const order of [1, Number.POSITIVE_INFINITY, "fro"] as const) {
      expect(Math.abs((await norm(at, order)) / (await norm(matrix, order)) - 1)).toBeLessThan(limit);
    }
    for (const kind of ["spectral", "frobenius"] as const) {
      const blocks = await blockNorms(at, { kind, rtol: 1e-6 });
      expect(blocks).toMatchObject({ kind, way: "rows" });
      const wanted = await blockNorms(matrix, { kind, rtol: 1e-6 });
      expect(relativeError(blocks.norms.data, wanted.norms.data)).toBeLessThan(2e-5);
    }
    await expect(upperBound(at)).rejects.toThrow(/expected the linearization of an attention layer alone/);
    at.dispose();
    layer.dispose();
  });

  it("refuse what does not fit, by name, and leave no memory behind", async () => {
    const { layerNorm, toWide, attention: spec, d, wide } = weightsOf(1);
    const before = runtime.memoryUsed;
    const other = await createRuntime({ device: "wasm" });
    const [normed, map, foreign] = [runtime.norm(layerNorm), runtime.linear(toWide), other.attention(spec)];
    const used = runtime.memoryUsed;
    expect(() => runtime.chain([normed, foreign])).toThrow('"layers[1]": expected a layer of this runtime');
    expect(() => runtime.residual(foreign)).toThrow('"layer": expected a layer of this runtime');
    expect(() => runtime.chain([map, normed])).toThrow(`"layers[1]": expected a layer of dIn ${wide}`);
    expect(() => runtime.residual(map)).toThrow(`"layer": expected as many features out as in, got dIn ${d}`);
    expect(() => runtime.sum([normed, map])).toThrow(`"layers[1]": expected a layer of dOut ${d}`);
    const bent = runtime.activation("gelu");
    expect(() => runtime.sum([map, bent])).toThrow(
      `"layers[1]": expected a layer of dOut ${wide}, as the first, got ${d}`,
    );
    expect(() => runtime.sum([bent, map])).toThrow(
      `"layers[1]": expected a layer of dOut ${d}, as the first, got ${wide}`,
    );
    expect(runtime.sum([bent, bent])).toMatchObject({ dIn: -1, dOut: -1 });
    expect(() => runtime.chain([])).toThrow(TypeError);
    expect(() => runtime.chain([{ ...spec } as never])).toThrow(TypeError);
    expect(() => runtime.feedForward({ up: toWide, down: toWide, activation: "gelu" })).toThrow(
      "feedForward.down.weight",
    );
    map.dispose();
    expect(() => runtime.chain([map])).toThrow(/disposed/);
    expect(runtime.memoryUsed).toBeLessThan(used);
    normed.dispose();
    expect(runtime.memoryUsed).toBe(before);
    other.dispose();
  });
});

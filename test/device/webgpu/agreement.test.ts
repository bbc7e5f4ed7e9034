// WebGPU beside WebAssembly, both in f32: the same layers, on random ragged shapes, under every mask.

import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Layer } from "../../../src/device/linearization.js";
import { gradient } from "../../../src/jacobian/gradient.js";
import type { Mask } from "../../../src/layers/attention/mask.js";
import { createRuntime, type Runtime } from "../../../src/measure/createRuntime.js";
import { spectralNorm } from "../../../src/spectral/spectralNorm.js";
import { attentionCases } from "../../reference/arbitraries.js";
import { referenceAttention } from "../../reference/attention.js";
import { relativeError, scaledError, tolerance } from "../close.js";
import { webgpuRuntime } from "../webgpuRuntime.js";

const masks: [string, (n: number) => Mask][] = [
  ["none", () => "none"],
  ["causal", () => "causal"],
  ["a window", () => ({ window: { left: 6, right: 2 } })],
  ["a window without an end", () => ({ window: { left: 3, right: Number.POSITIVE_INFINITY } })],
  ["chunks", () => ({ chunk: { size: 5, left: 1, right: 1 } })],
  ["pairs one by one", (n) => ({ allowed: Uint8Array.from({ length: n * n }, (_, at) => Number((at * at) % 7 < 4)) })],
  ["rows of nothing", (n) => ({ allowed: Uint8Array.from({ length: n * n }, (_, at) => Math.floor(at / n) % 2) })],
  ["all of several", () => ({ all: ["causal", { chunk: { size: 9 } }, { window: { left: 4, right: 4 } }] })],
];
const kinds = ["dot-product", "l2"] as const;

describe("WebGPU agrees with WebAssembly", () => {
  let runtimes: Runtime[];
  beforeAll(async () => {
    runtimes = [await webgpuRuntime(), await createRuntime({ device: "wasm" })];
  });
  afterAll(() => {
    for (const runtime of runtimes) runtime.dispose();
  });

  /** What WebGPU gives, and what WebAssembly gives. */
  async function onBoth<T>(use: (runtime: Runtime) => Promise<T>): Promise<[T, T]> {
    return [await use(runtimes[0]), await use(runtimes[1])];
  }

  it.each(masks.flatMap(([name, mask]) => kinds.map((kind) => ({ name, mask, kind }))))(
    "on $kind attention, mask: $name",
    async ({ mask, kind }) => {
      await fc.assert(
        fc.asyncProperty(attentionCases({ kind, maxTokens: 70 }), async ({ spec: drawn, x, u, g, n }) => {
          const spec = { ...drawn, mask: mask(n) };
          const [gpu, wasm] = await onBoth(async (runtime) => {
            const layer = runtime.attention(spec);
            const at = await layer.linearize(x);
            layer.dispose();
            const found = [at.output, await at.jvp(u), await at.vjp(g), await gradient(at, u, g)];
            const { sigma, lower, upper } = await spectralNorm(at, { maxSteps: 40 });
            at.dispose();
            return { found: found.map(({ data }) => data), sigma, lower, upper };
          });
          const limit = 10 * tolerance("f32", referenceAttention(spec, x).largestLogit);
          const [output, jvp, vjp, slope] = gpu.found;
          expect(relativeError(output, wasm.found[0])).toBeLessThan(limit);
          expect(scaledError(jvp, wasm.found[1], 1e-2)).toBeLessThan(limit);
          expect(scaledError(vjp, wasm.found[2], 1e-2)).toBeLessThan(limit);
          expect(scaledError(slope, wasm.found[3], 1)).toBeLessThan(10 * limit);
          // Both brackets hold the same sigma.
          expect(gpu.lower).toBeLessThanOrEqual(wasm.upper);
          expect(wasm.lower).toBeLessThanOrEqual(gpu.upper);
          expect(Math.abs(gpu.sigma - wasm.sigma)).toBeLessThanOrEqual(3e-4 * wasm.sigma + 1e-6);
        }),
        { numRuns: 3, seed: 17 },
      );
    },
  );

  it("on linear maps, norms and activations", async () => {
    const shapes = fc.record({
      n: fc.integer({ min: 1, max: 90 }),
      dIn: fc.integer({ min: 1, max: 90 }),
      dOut: fc.integer({ min: 1, max: 90 }),
    });
    await fc.assert(
      fc.asyncProperty(shapes, fc.nat(), async ({ n, dIn, dOut }, turn) => {
        const wave = (...shape: number[]) => ({
          data: Float64Array.from({ length: shape.reduce((a, b) => a * b) }, (_, i) => Math.sin(turn + i * i)),
          shape,
        });
        const x = wave(n, dIn);
        const made: ((runtime: Runtime) => Layer)[] = [
          (runtime) => runtime.linear({ weight: wave(dIn, dOut), bias: wave(dOut) }),
          (runtime) => runtime.norm({ kind: "layer", gain: wave(dIn), bias: wave(dIn), epsilon: 1e-3 }),
          (runtime) => runtime.norm({ kind: "rms", gain: wave(dIn), epsilon: 1e-3 }),
        ];
        for (const make of made) {
          const [gpu, wasm] = await onBoth(async (runtime) => {
            const layer = make(runtime);
            const { data } = await layer.forward(x);
            layer.dispose();
            return data;
          });
          expect(scaledError(gpu, wasm, 1)).toBeLessThan(1e-5);
        }
        for (const kind of ["gelu", "gelu-tanh", "silu"] as const) {
          const [gpu, wasm] = await onBoth((runtime) => runtime.activate(kind, x));
          expect(relativeError(gpu.data, wasm.data)).toBeLessThan(1e-5);
        }
      }),
      { numRuns: 6, seed: 3 },
    );
  });
});

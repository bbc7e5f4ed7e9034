// Norms of queries and keys, caps, biases, sinks and gates, each alone and all together, against plain loops on doubles.
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Tensor, tensor } from "../../src/base/tensor.js";
import { WasmRuntime } from "../../src/device/wasm/runtime.js";
import { gradient } from "../../src/jacobian/gradient.js";
import type { Modifier } from "../../src/layers/attention/modifiers.js";
import type { Runtime } from "../../src/measure/createRuntime.js";
import { localLipschitz } from "../../src/measure/localLipschitz.js";
import { attentionCases } from "../reference/arbitraries.js";
import { referenceAttention } from "../reference/attention.js";
import { scaledError, tolerance } from "./close.js";
import { onWebGpu, runs, variantRuntime, variants } from "./variants.js";

const all: Modifier[] = ["angles", "queryNorm", "keyNorm", "softcap", "bias", "sinks", "gate"];
const mechanisms = [...all.map((name) => [name]), ["queryNorm", "keyNorm"] as Modifier[], all];

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

describe.each(variants)("attention in $name", (variant) => {
  let runtime: Runtime;
  beforeAll(async () => {
    runtime = await variantRuntime(variant);
  });
  afterAll(() => runtime.dispose());

  describe.each(mechanisms.map((modifiers) => ({ modifiers })))("with $modifiers", ({ modifiers }) => {
    // Each mixture has kernels of its own, which a software GPU takes long to make.
    const onSoftware = modifiers.length > 2 ? 1 : 6;
    it("has the output, jvp and vjp of the reference", async () => {
      await fc.assert(
        fc.asyncProperty(attentionCases({ modifiers, maxTokens: 30, maxWidth: 16 }), async ({ spec, x, u, g }) => {
          const layer = runtime.attention(spec);
          const at = await layer.linearize(x);
          const want = referenceAttention(spec, x);
          const limit = 10 * tolerance(variant.dtype, want.largestLogit);
          expect(scaledError(at.output.data, want.output.data, 1)).toBeLessThan(limit);
          expect(scaledError((await at.jvp(u)).data, want.jvp(u).data, 1)).toBeLessThan(limit);
          expect(scaledError((await at.vjp(g)).data, want.vjp(g).data, 1)).toBeLessThan(limit);
          expect(scaledError((await layer.probabilities(x)).data, want.probabilities.data, 1)).toBeLessThan(limit);
          at.dispose();
          layer.dispose();
        }),
        { numRuns: runs(40, onSoftware), seed: 6 },
      );
    });

    it("has a gradient that is the slope of ⟨v, J u⟩ in any direction", async () => {
      const cases = attentionCases({ modifiers, maxTokens: 12, maxWidth: 10 });
      await fc.assert(
        fc.asyncProperty(cases, fc.nat(), async ({ spec, x, u, g }, turn) => {
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
          const limit = (variant.dtype === "f64" ? 1e-5 : 3e-4) * size;
          expect(Math.abs(slope - (ahead.value - behind.value) / (2 * h))).toBeLessThan(limit);
        }),
        { numRuns: runs(40, onSoftware), seed: 7 },
      );
    });

    it("has heads that add up to the whole, without the output's bias", async () => {
      await fc.assert(
        fc.asyncProperty(attentionCases({ modifiers, maxTokens: 10, maxWidth: 10 }), async ({ spec, x, u }) => {
          if (!spec.output) return;
          const layer = runtime.attention(spec);
          const whole = await layer.linearize(x);
          const sum = new Float64Array(whole.output.data.length);
          for (let h = 0; h < spec.heads; h++) {
            const head = layer.head(h);
            const at = await head.linearize(x);
            for (const [i, entry] of (await at.jvp(u)).data.entries()) sum[i] += entry;
            at.dispose();
            head.dispose();
          }
          const limit = variant.dtype === "f64" ? 1e-9 : 1e-4;
          expect(scaledError(sum, (await whole.jvp(u)).data, 1)).toBeLessThan(limit);
          whole.dispose();
          layer.dispose();
        }),
        { numRuns: runs(15, onSoftware), seed: 8 },
      );
    });
  });
});

describe.skipIf(onWebGpu).each(["f32", "f64"] as const)("in %s, with everything", (dtype) => {
  it("two threads and streamed scores give the bits of one thread", async () => {
    const options = { requested: "wasm", dtype, worthSharing: 0 } as const;
    const runtimes = [
      await WasmRuntime.create(options),
      await WasmRuntime.create({ ...options, threads: 2 }),
      await WasmRuntime.create({ ...options, scoreBudget: 0 }),
      await WasmRuntime.create({ ...options, threads: 2, scoreBudget: 0 }),
    ];
    await fc.assert(
      fc.asyncProperty(attentionCases({ modifiers: all, maxTokens: 60 }), async ({ spec, x, u, g }) => {
        const found = [];
        for (const runtime of runtimes) {
          const layer = runtime.attention(spec);
          const at = await layer.linearize(x);
          found.push([at.output, await at.jvp(u), await at.vjp(g), await gradient(at, u, g)].map(({ data }) => data));
          at.dispose();
          layer.dispose();
        }
        for (const other of found.slice(1)) expect(other).toEqual(found[0]);
      }),
      { numRuns: 25, seed: 9 },
    );
    for (const runtime of runtimes) runtime.dispose();
  });

  it("several inputs in lockstep have the sigma of each alone", async () => {
    const runtime = await WasmRuntime.create({ requested: "wasm", dtype });
    const [{ spec, x }] = fc.sample(
      attentionCases({ modifiers: all, maxTokens: 20 }).filter(({ spec, n }) => spec.mask === "causal" && n > 8),
      { numRuns: 1, seed: 10 },
    );
    const other = tensor(
      x.data.map((entry, i) => entry * Math.cos(i)),
      x.shape,
    );
    const layer = runtime.attention(spec);
    const { localLipschitzBatch } = await import("../../src/measure/localLipschitzBatch.js");
    const together = await localLipschitzBatch(layer, [x, other]);
    for (const [i, at] of [x, other].entries()) {
      const alone = await localLipschitz(layer, at, { seed: together[i].seed });
      expect(Math.abs(together[i].sigma / alone.sigma - 1)).toBeLessThan(1e-6);
    }
    runtime.dispose();
  });
});

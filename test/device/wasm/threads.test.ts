// Several threads give what one gives, to the last bit; where they cannot be had, the error says why.

import { execFileSync } from "node:child_process";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { DeviceError } from "../../../src/base/errors.js";
import { Random } from "../../../src/base/random.js";
import { type Tensor, tensor } from "../../../src/base/tensor.js";
import type { LinearizableLayer } from "../../../src/device/linearization.js";
import type { KernelSource } from "../../../src/device/wasm/kernels.js";
import { WasmRuntime } from "../../../src/device/wasm/runtime.js";
import { multiplyAdds } from "../../../src/device/wasm/space.js";
import type { LayerSizes } from "../../../src/device/wasm/weights.js";
import { gradient } from "../../../src/jacobian/gradient.js";
import type { FeedForwardSpec } from "../../../src/layers/feedForward.js";
import { type Attention, createRuntime } from "../../../src/measure/createRuntime.js";
import { localLipschitz } from "../../../src/measure/localLipschitz.js";
import { spectralNorm } from "../../../src/spectral/spectralNorm.js";
import { type AttentionCase, attentionCases } from "../../reference/arbitraries.js";
import { kernelBytes } from "../kernelBytes.js";
import { type Dtype, variants } from "../variants.js";

interface Options {
  dtype: Dtype;
  kernels?: KernelSource;
  threads?: number;
  scoreBudget?: number;
}

/** Shares everything, however small. */
const runtimeWith = (options: Options) => WasmRuntime.create({ requested: "wasm", worthSharing: 0, ...options });

/** All that a layer can be asked. */
async function everything(layer: Attention, { x, u, g }: AttentionCase) {
  const at = await layer.linearize(x);
  try {
    const vectors = [at.output, await at.jvp(u), await at.vjp(g), await gradient(at, u, g), await at.jvp(u)];
    const lanczos = await spectralNorm(at, { maxSteps: 6 });
    const power = await spectralNorm(at, { method: "power", maxSteps: 4 });
    return { vectors, lanczos, power, probabilities: await layer.probabilities(x), forward: await layer.forward(x) };
  } finally {
    at.dispose();
  }
}

describe.each(variants.filter(({ simd }) => simd !== "none"))("in $name", ({ dtype, simd }) => {
  describe.each([2, 3])("%i threads", (threads) => {
    let alone: WasmRuntime;
    let together: WasmRuntime;
    let streaming: WasmRuntime;
    beforeAll(async () => {
      const kernels = kernelBytes(dtype, `${simd as "simd" | "relaxed"}-threads`);
      alone = await runtimeWith({ dtype, kernels: kernelBytes(dtype, simd as "simd" | "relaxed") });
      together = await runtimeWith({ dtype, kernels, threads });
      streaming = await runtimeWith({ dtype, kernels, threads, scoreBudget: 0 });
    });
    afterAll(() => {
      for (const runtime of [alone, together, streaming]) runtime.dispose();
    });

    it.each(["dot-product", "l2"] as const)("%s attention has the bits of one thread", async (kind) => {
      await fc.assert(
        fc.asyncProperty(attentionCases({ kind, maxTokens: 40 }), async (drawn) => {
          const layers = [alone, together, streaming].map((runtime) => runtime.attention(drawn.spec));
          const [expected, ...others] = await Promise.all(layers.map((layer) => everything(layer, drawn)));
          for (const other of others) expect(other).toEqual(expected);
          for (const layer of layers) layer.dispose();
        }),
        { numRuns: 6, seed: 5 },
      );
    });

    it("linear maps, norms and activations have the bits of one thread, on few tokens and on many", async () => {
      const random = new Random(7);
      const draw = (...shape: number[]) => {
        const data = new Float64Array(shape.reduce((product, size) => product * size));
        random.fillGaussian(data, 1);
        return tensor(data, shape);
      };
      const [weight, bias, gain] = [draw(19, 35), draw(35), draw(19)];
      const feedForward = {
        up: { weight, bias },
        gate: { weight },
        down: { weight: draw(35, 19) },
        activation: "gelu",
      };
      /** Products and second order of a gated branch with its norm. */
      const derivatives = async (runtime: WasmRuntime, x: Tensor) => {
        const branch = runtime.chain([
          runtime.norm({ kind: "layer", gain, epsilon: 1e-5 }),
          runtime.feedForward(feedForward as FeedForwardSpec),
        ]);
        const at = await runtime.residual(branch).linearize(x);
        try {
          return [at.output, await at.jvp(x), await at.vjp(x), await gradient(at, x, x)];
        } finally {
          at.dispose();
        }
      };
      for (const n of [1, 9, 70]) {
        const x = draw(n, 19);
        const of = async (runtime: WasmRuntime) => [
          await runtime.linear({ weight, bias }).forward(x),
          await runtime.norm({ kind: "layer", gain, epsilon: 1e-5 }).forward(x),
          await runtime.activate("gelu", x),
        ];
        expect(await of(together)).toEqual(await of(alone));
        expect(await derivatives(together, x)).toEqual(await derivatives(alone, x));
      }
    });

    it("a block has the bits of one thread: output, products, gradient and sigma", async () => {
      const random = new Random(8);
      const draw = (...shape: number[]) =>
        tensor(random.fillGaussian(new Float64Array(shape.reduce((product, size) => product * size)), 0.4), shape);
      const map = (from: number, to: number) => ({ weight: draw(from, to), bias: draw(to) });
      const spec = { heads: 3, query: map(18, 18), key: map(18, 18), value: map(18, 18), output: map(18, 18) };
      const feedForward = { up: map(18, 31), gate: map(18, 31), down: map(31, 18), activation: "silu" } as const;
      const norm = { kind: "layer", gain: draw(18), epsilon: 1e-5 } as const;
      for (const n of [3, 37]) {
        const [x, u, g] = [draw(n, 18), draw(n, 18), draw(n, 18)];
        const of = async (runtime: WasmRuntime) => {
          const branch = (layer: LinearizableLayer) => runtime.residual(runtime.chain([runtime.norm(norm), layer]));
          const block = runtime.chain([branch(runtime.attention(spec)), branch(runtime.feedForward(feedForward))]);
          const at = await block.linearize(x);
          const products = [at.output, await at.jvp(u), await at.vjp(g), await gradient(at, u, g)];
          return { products, sigma: await spectralNorm(at, { maxSteps: 5 }) };
        };
        expect(await of(together)).toEqual(await of(alone));
      }
    });

    it("a long basis is combined and orthogonalised with the bits of one thread", async () => {
      const { spec, x } = gaussianCase(256, 64, 4);
      const options = { rtol: 1e-15, maxSteps: 20 };
      const sigmas = [alone, together].map((runtime) => localLipschitz(runtime.attention(spec), x, options));
      const [one, several] = await Promise.all(sigmas);
      expect(one.steps).toBeGreaterThan(8);
      expect(several).toEqual(one);
    });
  });
});

describe("threads", () => {
  it("are what the runtime says it has", async () => {
    using runtime = await createRuntime({ device: "wasm", threads: 3 });
    expect(runtime.info).toMatchObject({ device: "wasm", threads: 3 });
    expect(runtime.info.reason).toBeUndefined();
  });

  it("share what is worth it, and leave a few tokens to one", async () => {
    using runtime = await WasmRuntime.create({ requested: "wasm", dtype: "f32", threads: 2 });
    const members = (n: number, d: number) =>
      runtime.kernels.membersFor(
        multiplyAdds(
          { heads: 2, kvHeads: 2, dHead: d / 2, dValue: d / 2, dIn: d, dOut: d, gateWidth: 0 } as LayerSizes,
          n,
        ),
      );
    expect(members(1024, 768)).toBe(2);
    expect(members(8, 16)).toBe(1);
  });

  it("can be interrupted between steps, and go on", async () => {
    using runtime = await runtimeWith({ dtype: "f32", threads: 2 });
    const { spec, x } = gaussianCase(64, 16, 2);
    const layer = runtime.attention(spec);
    const aborter = new AbortController();
    const onProgress = ({ step }: { step: number }) => {
      if (step === 2) aborter.abort(new Error("enough"));
    };
    await expect(localLipschitz(layer, x, { rtol: 1e-15, signal: aborter.signal, onProgress })).rejects.toThrow(
      "enough",
    );
    expect((await localLipschitz(layer, x)).status).toBe("converged");
  });

  it("are refused by a disposed runtime instead of being waited for", async () => {
    const runtime = await runtimeWith({ dtype: "f32", threads: 2 });
    const { spec, x } = gaussianCase(16, 8, 2);
    const at = await runtime.attention(spec).linearize(x);
    runtime.dispose();
    await expect(at.jvp(x)).rejects.toThrow(/runtime was disposed of/);
  });
});

describe("the process", () => {
  const program = (end: string) => `
    import { createRuntime } from "./dist/index.js";
    const runtime = await createRuntime({ device: "wasm", threads: 3 });
    ${end}
    console.log("done");`;
  it.each([
    ["after dispose()", "runtime.dispose();"],
    ["and does not wait for idle threads", ""],
  ])("ends %s", (_, end) => {
    const args = ["--input-type=module", "--eval", program(end)];
    expect(execFileSync(process.execPath, args, { encoding: "utf8", timeout: 20_000 })).toBe("done\n");
  });
});

describe("where threads cannot be had", () => {
  const without = async (name: string, value: unknown, use: () => Promise<void>) => {
    vi.stubGlobal(name, value);
    try {
      await use();
    } finally {
      vi.unstubAllGlobals();
    }
  };
  const refusals: [string, string, unknown, RegExp][] = [
    ["a page that is not isolated", "crossOriginIsolated", false, /Cross-Origin-Opener-Policy: same-origin/],
    ["a runtime without shared memory", "SharedArrayBuffer", undefined, /no memory that threads can share/],
    ["a runtime without Workers", "process", { ...process, getBuiltinModule: undefined }, /no Workers/],
  ];

  it.each(refusals)("%s refuses them and says why", async (_, name, value, why) => {
    await without(name, value, async () => {
      const refused = createRuntime({ device: "wasm", threads: 2 });
      await expect(refused).rejects.toThrow(why);
      await expect(refused).rejects.toThrow(/^"threads": 2 cannot be had: .*; use 1 or "auto"$/);
      await expect(refused).rejects.toBeInstanceOf(DeviceError);
    });
  });

  it.each(refusals)('on %s "auto" takes one, and says why', async (_, name, value, why) => {
    await without(name, value, async () => {
      using runtime = await createRuntime({ device: "wasm", threads: "auto" });
      expect(runtime.info.threads).toBe(1);
      expect(runtime.info.reason).toMatch(why);
    });
  });

  it("kernels of one thread are refused by name, and those of threads where there is one", async () => {
    const cases = [
      { threads: 2, kernels: kernelBytes("f32", "simd") },
      { threads: 1, kernels: kernelBytes("f32", "simd-threads") },
    ];
    for (const options of cases) {
      await expect(createRuntime({ device: "wasm", ...options })).rejects.toThrow(/`-threads.wasm` files/);
    }
  });

  it.each([0, 1.5, 65, -1])("%d threads are a RangeError", async (threads) => {
    await expect(createRuntime({ threads })).rejects.toThrow(RangeError);
  });

  it("a number as text is a TypeError", async () => {
    await expect(createRuntime({ threads: "2" as never })).rejects.toThrow(TypeError);
  });
});

function gaussianCase(n: number, d: number, heads: number) {
  const random = new Random(3);
  const gaussian = (rows: number, columns: number, std: number) =>
    tensor(random.fillGaussian(new Float64Array(rows * columns), std), [rows, columns]);
  const map = () => ({ weight: gaussian(d, d, 1 / Math.sqrt(d)) });
  return { spec: { heads, query: map(), key: map(), value: map(), output: map() }, x: gaussian(n, d, 1) };
}

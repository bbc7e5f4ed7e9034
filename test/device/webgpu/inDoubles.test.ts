// The lower end of the bracket, computed in f64 on the CPU for vectors that a GPU found in f32.
import { afterEach, describe, expect, it, vi } from "vitest";
import { DeviceError } from "../../../src/base/errors.js";
import { Random } from "../../../src/base/random.js";
import { type Tensor, tensor } from "../../../src/base/tensor.js";
import { WasmRuntime } from "../../../src/device/wasm/runtime.js";
import { fitsCpu } from "../../../src/device/webgpu/inDoubles.js";
import type { AttentionSpec } from "../../../src/layers/attention/spec.js";
import { createRuntime } from "../../../src/measure/createRuntime.js";
import { localLipschitz } from "../../../src/measure/localLipschitz.js";
import { spectralNorm } from "../../../src/spectral/spectralNorm.js";
import { webgpuRuntime } from "../webgpuRuntime.js";

const random = new Random(4);

function gaussian(rows: number, columns: number, std: number): Tensor {
  return tensor(random.fillGaussian(new Float32Array(rows * columns), std), [rows, columns]);
}

/** Scales that are no powers of two, and widths that differ. */
const specs: [string, AttentionSpec][] = [
  ["dot-product", { heads: 3, query: linear(7, 15), key: linear(7, 15), value: linear(7, 6), output: linear(6, 11) }],
  ["dot-product of a narrow range", { heads: 1, query: linear(7, 5), key: linear(7, 5), value: linear(7, 2) }],
  ["l2 with a mask", { kind: "l2", heads: 1, query: linear(7, 6), value: linear(7, 4), mask: "causal" }],
];

function linear(dIn: number, dOut: number) {
  return { weight: gaussian(dIn, dOut, 0.7) };
}

/** A layer of GPT-2 small, as far as what it takes goes. */
const gpt2 = {
  dIn: 768,
  dOut: 768,
  heads: 12,
  kvHeads: 12,
  dHead: 64,
  dValue: 64,
  kind: "dot-product",
  mask: "none",
  gateWidth: 0,
} as const;

describe("what is quickly done on the CPU", () => {
  it("is a GPT-2 layer at some hundred tokens, and not at thousands", () => {
    expect(fitsCpu(gpt2, 256)).toBe(true);
    expect(fitsCpu(gpt2, 1024)).toBe(false);
    // Few operations, but more memory than is well spent on it.
    expect(fitsCpu({ ...gpt2, dIn: 8192, dOut: 8192, heads: 64, kvHeads: 64, dHead: 128, dValue: 128 }, 1)).toBe(false);
  });
});

describe("the lower end on WebGPU", () => {
  afterEach(() => vi.restoreAllMocks());

  it.each(specs)("is that of the f64 runtime at the same vector: %s", async (_, spec) => {
    const x = gaussian(9, 7, 1);
    const runtime = await webgpuRuntime();
    const layer = runtime.attention(spec);
    const found = await localLipschitz(layer, x, { rtol: 1e-3, start: "random" });
    const doubles = await createRuntime({ device: "wasm", dtype: "f64" });
    const at = await doubles.attention(spec).linearize(x);
    // The solver iterates from the smaller side, whose vector is the one that proves something.
    const fromRange = at.outShape[1] < at.inShape[1];
    const stretched = await (fromRange ? at.vjp(found.left) : at.jvp(found.right));
    const truth = norm(stretched) / norm(fromRange ? found.left : found.right);
    const { sigma } = await spectralNorm(at);
    expect(found.certified).toBe(true);
    // Less what the weights' rounding to f32 may have moved.
    expect(Math.abs(found.lower / truth - 1)).toBeLessThan(1e-5);
    expect(found.lower).toBeLessThanOrEqual(truth);
    expect(found.lower).toBeLessThanOrEqual(found.sigma);
    expect(found.sigma).toBeLessThanOrEqual(sigma * (1 + 1e-5));
    expect(found.upper).toBeGreaterThanOrEqual(sigma);
    for (const held of [layer, at, runtime, doubles]) held.dispose();
  });

  it("is left in f32, and said to be, where the CPU has no WebAssembly", async () => {
    vi.spyOn(WasmRuntime, "create").mockRejectedValue(new DeviceError("no WebAssembly here"));
    const runtime = await webgpuRuntime();
    const layer = runtime.attention(specs[0][1]);
    const found = await localLipschitz(layer, gaussian(9, 7, 1));
    expect(found.certified).toBe(false);
    expect(found.lower).toBeLessThanOrEqual(found.sigma * (1 - 5e-6));
    expect(found.lower).toBeGreaterThan(found.sigma * (1 - 5e-5));
    layer.dispose();
    runtime.dispose();
  });
});

function norm({ data }: Tensor): number {
  return Math.hypot(...data);
}

// The heap of WebAssembly: given back after use, after an abort, and where it runs out.

import { describe, expect, it } from "vitest";
import { tensor } from "../../../src/base/tensor.js";
import { toDense } from "../../../src/jacobian/toDense.js";
import { createRuntime } from "../../../src/measure/createRuntime.js";
import { localLipschitz } from "../../../src/measure/localLipschitz.js";
import { spectralNorm } from "../../../src/spectral/spectralNorm.js";
import { loadFixtures } from "../../oracle/fixtures.js";
import { variantRuntime, variants } from "../variants.js";

describe("memory of WebAssembly", () => {
  it("is given back to the last byte by dispose, in any order", async () => {
    const runtime = await variantRuntime(variants[0]);
    const heap = (runtime as unknown as { heap: { used: number } }).heap;
    const before = heap.used;
    const { spec, x } = loadFixtures()[1];
    const layer = runtime.attention(spec);
    const at = await layer.linearize(x);
    layer.dispose();
    await spectralNorm(at);
    await toDense(at);
    at.dispose();
    at.dispose();
    expect(heap.used).toBe(before);
    await expect(layer.forward(x)).rejects.toThrow(/disposed/);
    await expect(at.jvp(x)).rejects.toThrow(/disposed/);
    runtime.dispose();
    expect(() => runtime.attention(spec)).toThrow(/disposed/);
  });
});

describe("aborting", () => {
  it("is honoured between steps, by a timer too, and leaves the runtime usable and no memory behind", async () => {
    // In f64 power iteration needs very many steps to tell this layer's two leading values apart.
    const runtime = await createRuntime({ device: "wasm", dtype: "f64" });
    const heap = (runtime as unknown as { heap: { used: number } }).heap;
    const slow = loadFixtures().find(({ name }) => name === "paper-adversarial-configuration")!;
    const { spec, x } = slow;
    const layer = runtime.attention(spec);
    const before = heap.used;
    const controller = new AbortController();
    const timer = setInterval(() => controller.abort(new Error("enough")), 30);
    const endless = { rtol: 0, method: "power", maxSteps: 1e9, signal: controller.signal } as const;
    await expect(localLipschitz(layer, x, endless)).rejects.toThrow("enough");
    clearInterval(timer);
    expect(heap.used).toBe(before);
    expect((await localLipschitz(layer, x)).sigma).toBeGreaterThan(0);
    runtime.dispose();
  });
});

describe("memory that runs out", () => {
  it("names the bytes needed and the limit, and gives back what was taken", async () => {
    const { spec, x } = loadFixtures()[1];
    const runtime = await createRuntime({ device: "wasm", memoryLimit: 20_000 });
    const heap = (runtime as unknown as { heap: { used: number } }).heap;
    const layer = runtime.attention({ ...spec, mask: "causal" });
    const before = heap.used;
    const long = tensor(new Float64Array(400 * x.shape[1]), [400, x.shape[1]]);
    await expect(layer.linearize(long)).rejects.toThrow(
      /out of memory: .* needs \d+ bytes in all, the limit is 20000 bytes/,
    );
    expect(heap.used).toBe(before);
    runtime.dispose();
  });
});

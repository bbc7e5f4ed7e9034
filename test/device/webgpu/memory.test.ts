// No buffer grows as n²: scores are never stored, whatever is asked of a linearization.

import { describe, expect, it } from "vitest";
import { Random } from "../../../src/base/random.js";
import { tensor } from "../../../src/base/tensor.js";
import { gradient } from "../../../src/jacobian/gradient.js";
import type { AttentionSpec } from "../../../src/layers/attention/spec.js";
import { createRuntime } from "../../../src/measure/createRuntime.js";
import { spectralNorm } from "../../../src/spectral/spectralNorm.js";
import { sharedDevice, webgpuRuntime } from "../webgpuRuntime.js";
import { watchBuffers } from "./buffers.js";
import { plannedDevice } from "./plannedDevice.js";

const MASKS = ["causal", { window: { left: 20, right: 3 } }, { chunk: { size: 24, left: 1 } }] as const;

function layerOf(width: number, heads: number, random = new Random(3)): AttentionSpec {
  const map = () => ({
    weight: tensor(random.fillGaussian(new Float32Array(width * width), 1 / width), [width, width]),
  });
  return { heads, query: map(), key: map(), value: map(), output: map(), mask: "causal" };
}

/** The largest buffer for each purpose that measuring at n tokens makes. */
async function largestAt(n: number, mask: AttentionSpec["mask"]) {
  const device = await sharedDevice();
  const runtime = await webgpuRuntime();
  const watched = watchBuffers(device);
  try {
    const layer = runtime.attention({ ...layerOf(8, 2), mask });
    const x = tensor(new Random(4).fillGaussian(new Float32Array(8 * n), 1), [n, 8]);
    const at = await layer.linearize(x);
    await at.jvp(x);
    await at.vjp(at.output);
    await gradient(at, x, at.output);
    await spectralNorm(at, { rtol: 0, maxSteps: 3 });
  } finally {
    watched.stop();
    runtime.dispose();
  }
  expect(watched.alive.size).toBe(0);
  const largest = new Map<string, number>();
  for (const { label, size } of watched.made) largest.set(label, Math.max(size, largest.get(label) ?? 0));
  return largest;
}

describe("memory on WebGPU", () => {
  it.each(MASKS)("grows as n, whatever a buffer is for, with mask %j", async (mask) => {
    const small = await largestAt(64, mask);
    const large = await largestAt(256, mask);
    expect([...large.keys()]).toEqual([...small.keys()]);
    for (const [label, size] of large) expect(size, label).toBeLessThanOrEqual(4 * small.get(label)!);
  });

  it("has a mask given entry by entry as one bit a pair, an eighth of the caller's own", async () => {
    const n = 256;
    const byEntry = await largestAt(n, { allowed: new Uint8Array(n * n).fill(1) });
    const byRule = await largestAt(n, "none");
    expect(byEntry.get("the mask")).toBeLessThan((n * n) / 8 + 16 * n);
    expect([...byEntry].filter(([label]) => label !== "the mask")).toEqual(
      [...byRule].filter(([label]) => label !== "the mask"),
    );
  });

  it("one application at n = 8192 with 12 heads stays within 1 GiB, and each buffer within default limits", async () => {
    const [n, width] = [8192, 768];
    const { device, peak } = plannedDevice();
    const runtime = await createRuntime({ device: "webgpu", gpuDevice: device });
    const layer = runtime.attention(layerOf(width, 12));
    const x = tensor(new Float32Array(n * width), [n, width]);
    const at = await layer.linearize(x);
    await at.vjp(await at.jvp(x));
    // Queries, keys and values alone, and their tangents, take this much: the plan was counted.
    expect(peak()).toBeGreaterThan(2 * 3 * n * width * 4);
    expect(peak()).toBeLessThan(2 ** 30);
    runtime.dispose();
  });
});

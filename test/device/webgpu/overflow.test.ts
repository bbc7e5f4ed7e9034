// Scores beyond f32: a shader need not keep NaN or infinity, so they must be told without relying on either.
import { describe, expect, it } from "vitest";
import { tensor } from "../../../src/base/tensor.js";
import { onWebGpu } from "../variants.js";
import { webgpuRuntime } from "../webgpuRuntime.js";

const value = { weight: tensor(Float32Array.of(1, 0, 0, 1), [2, 2]) };
const huge = { weight: tensor(Float32Array.of(1e20, 0, 0, 1e20), [2, 2]) };

describe.skipIf(!onWebGpu)("scores that overflow f32 on WebGPU (npm run test:webgpu)", () => {
  it.each([
    ["to infinity", { query: huge, key: huge, value }, [1, 1, 3, 1]],
    ["to minus infinity", { kind: "l2", query: huge, key: huge, value }, [1, 1, -1, 1]],
    ["to NaN, of two infinities", { query: huge, key: huge, value }, [1, 1, 1, -1]],
    ["already in the queries", { query: huge, key: value, value }, [1e30, 0, 0, 1e30]],
  ] as const)("%s are refused", async (_, maps, entries) => {
    const runtime = await webgpuRuntime();
    const layer = runtime.attention({ heads: 1, ...maps });
    const x = tensor(Float32Array.from(entries), [2, 2]);
    await expect(layer.linearize(x)).rejects.toThrow(RangeError);
    await expect(layer.linearize(x)).rejects.toThrow(/"x": the attention scores overflow f32/);
    runtime.dispose();
  });
});

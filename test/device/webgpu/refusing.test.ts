// What a device refuses, and what goes on after it: work that is not valid, buffers that it has no room for.
import { describe, expect, it } from "vitest";
import { DeviceError, OutOfMemoryError } from "../../../src/base/errors.js";
import { Random } from "../../../src/base/random.js";
import { tensor } from "../../../src/base/tensor.js";
import type { GPUDeviceLike } from "../../../src/device/webgpu/api.js";
import type { WebGpuRuntime } from "../../../src/device/webgpu/runtime.js";
import { localLipschitz } from "../../../src/measure/localLipschitz.js";
import { loadFixtures } from "../../oracle/fixtures.js";
import { sharedDevice, webgpuRuntime } from "../webgpuRuntime.js";
import { DEFAULT_LIMITS } from "./plannedDevice.js";
import { replaced } from "./replaced.js";

const weight = tensor(new Random(1).fillGaussian(new Float32Array(12), 1), [3, 4]);
const x = tensor(new Random(2).fillGaussian(new Float32Array(6), 1), [2, 3]);

/** Until it is called off, every error scope of a device tells of a buffer that there was no room for. */
function withoutRoom(device: GPUDeviceLike): () => void {
  const { popErrorScope } = device;
  return replaced(device, "popErrorScope", async () => {
    await popErrorScope.call(device);
    return { message: "no room" };
  });
}

describe("a WebGPU device", () => {
  it("of default limits is what all these tests run on", async () => {
    const { limits } = await sharedDevice();
    for (const [name, value] of Object.entries(DEFAULT_LIMITS)) {
      expect(limits[name as keyof typeof DEFAULT_LIMITS], name).toBe(value);
    }
  });

  it("whose buffers may not be that large is asked for none: the error names what, and the limit", async () => {
    const device = await sharedDevice();
    const putBack = replaced(device, "limits", { ...DEFAULT_LIMITS, maxStorageBufferBindingSize: 2 ** 16 });
    const runtime = (await webgpuRuntime()) as WebGpuRuntime;
    try {
      const { spec, x: input } = loadFixtures()[1];
      const layer = runtime.attention({ ...spec, mask: "causal" });
      const before = runtime.gpu.memory.used;
      const long = tensor(new Float64Array(5000 * input.shape[1]), [5000, input.shape[1]]);
      await expect(layer.linearize(long)).rejects.toThrow(OutOfMemoryError);
      await expect(layer.linearize(long)).rejects.toThrow(/the limit is 65536 bytes for one buffer of this GPU/);
      expect(runtime.gpu.memory.used).toBe(before);
      expect((await layer.forward(input)).shape[0]).toBe(input.shape[0]);
    } finally {
      putBack();
      runtime.dispose();
    }
  });

  it("that refuses work rejects that call alone", async () => {
    const runtime = (await webgpuRuntime()) as WebGpuRuntime;
    const region = runtime.gpu.region();
    const small = region.words(4, "a small buffer");
    const beyond = { ...small, offset: 1024 };
    runtime.gpu.batch.copy(region.words(4, "another"), beyond);
    const refused = runtime.gpu.flush([small]);
    await expect(refused).rejects.toThrow(DeviceError);
    await expect(refused).rejects.toThrow(/WebGPU (refused the work|could not give results): \S/);
    const linear = runtime.linear({ weight });
    expect((await linear.forward(x)).shape).toEqual([2, 4]);
    runtime.dispose();
  });

  it("that has no room for weights says so when they are used, and the runtime goes on", async () => {
    const runtime = await webgpuRuntime();
    const roomAgain = withoutRoom(await sharedDevice());
    const refused = runtime.linear({ weight });
    roomAgain();
    await expect(refused.forward(x)).rejects.toThrow(OutOfMemoryError);
    await expect(refused.forward(x)).rejects.toThrow(
      /out of memory: the weights needs .* \(the GPU refuses: no room\)/,
    );
    expect((await runtime.linear({ weight }).forward(x)).shape).toEqual([2, 4]);
    runtime.dispose();
  });

  it("that has no room for a linearization rejects it, and holds no more than before", async () => {
    const runtime = (await webgpuRuntime()) as WebGpuRuntime;
    const { spec, x: input } = loadFixtures()[1];
    const layer = runtime.attention(spec);
    const first = await layer.forward(input);
    const before = runtime.gpu.memory.used;
    const roomAgain = withoutRoom(await sharedDevice());
    const refused = layer.linearize(input);
    await expect(refused).rejects.toThrow(OutOfMemoryError);
    roomAgain();
    expect(runtime.gpu.memory.used).toBe(before);
    expect(await layer.forward(input)).toEqual(first);
    runtime.dispose();
  });

  it("keeps to memoryLimit, and gives back what was taken", async () => {
    const { spec, x: input } = loadFixtures()[1];
    const runtime = (await webgpuRuntime({ memoryLimit: 60_000 })) as WebGpuRuntime;
    const layer = runtime.attention({ ...spec, mask: "causal" });
    const before = runtime.gpu.memory.used;
    const long = tensor(new Float64Array(400 * input.shape[1]), [400, input.shape[1]]);
    await expect(layer.linearize(long)).rejects.toThrow(/out of memory: .* the limit is 60000 bytes/);
    expect(runtime.gpu.memory.used).toBe(before);
    runtime.dispose();
  });

  it("is usable after an abort", async () => {
    const runtime = await webgpuRuntime();
    const { spec, x: input } = loadFixtures()[1];
    const layer = runtime.attention(spec);
    const controller = new AbortController();
    const stop = () => controller.abort(new Error("enough"));
    const endless = { rtol: 0, method: "power", maxSteps: 1e9, signal: controller.signal, onProgress: stop } as const;
    await expect(localLipschitz(layer, input, endless)).rejects.toThrow("enough");
    expect((await localLipschitz(layer, input)).sigma).toBeGreaterThan(0);
    runtime.dispose();
  });
});

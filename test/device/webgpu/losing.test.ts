// What becomes of calls and buffers when a device is lost, refuses work or memory, or is somebody else's.
import { describe, expect, it } from "vitest";
import type { GPUBufferLike, GPUDeviceLike } from "../../../src/device/webgpu/api.js";
import type { WebGpuRuntime } from "../../../src/device/webgpu/runtime.js";
import { DeviceError, OutOfMemoryError } from "../../../src/errors.js";
import { localLipschitz } from "../../../src/localLipschitz.js";
import { Random } from "../../../src/random.js";
import { createRuntime } from "../../../src/runtime.js";
import { spectralNorm } from "../../../src/spectral/spectralNorm.js";
import { tensor } from "../../../src/tensor.js";
import { loadFixtures } from "../../oracle/fixtures.js";
import { onWebGpu } from "../variants.js";
import { adapter, webgpuRuntime } from "../webgpuRuntime.js";

const weight = tensor(new Random(1).fillGaussian(new Float32Array(12), 1), [3, 4]);
const x = tensor(new Random(2).fillGaussian(new Float32Array(6), 1), [2, 3]);

async function ownDevice(): Promise<GPUDeviceLike> {
  return (await adapter()).requestDevice();
}

/** A device of its own, and how many of its buffers are not destroyed. */
async function countedDevice() {
  const device = await ownDevice();
  const alive = new Set<GPUBufferLike>();
  const create = device.createBuffer.bind(device);
  device.createBuffer = (descriptor) => {
    const buffer = create(descriptor);
    const destroy = buffer.destroy.bind(buffer);
    buffer.destroy = () => {
      alive.delete(buffer);
      destroy();
    };
    alive.add(buffer);
    return buffer;
  };
  return { device, alive };
}

describe.skipIf(!onWebGpu)("a WebGPU device (npm run test:webgpu)", () => {
  it("that is lost rejects the pending call and later ones, and another runtime can be made", async () => {
    const device = await ownDevice();
    const runtime = await createRuntime({ device: "webgpu", gpuDevice: device });
    const linear = runtime.linear({ weight });
    await linear.forward(x);
    const pending = linear.forward(x);
    device.destroy();
    await expect(pending).rejects.toThrow(DeviceError);
    await expect(pending).rejects.toThrow(/the WebGPU device was lost: .+; make a new runtime/);
    await expect(linear.forward(x)).rejects.toThrow(/was lost/);
    expect(() => runtime.linear({ weight })).toThrow(/was lost/);
    runtime.dispose();
    const again = await webgpuRuntime();
    expect((await again.linear({ weight }).forward(x)).shape).toEqual([2, 4]);
    again.dispose();
  });

  it("of the caller's outlives the runtime, which destroys every buffer that it made", async () => {
    const { device, alive } = await countedDevice();
    const runtime = (await createRuntime({ device: "webgpu", gpuDevice: device })) as WebGpuRuntime;
    const linear = runtime.linear({ weight });
    const first = await linear.forward(x);
    expect(alive.size).toBe(runtime.gpu.memory.count);
    linear.dispose();
    // What remains are the buffers for parameters and for small results, which the next submit uses again.
    expect(alive.size).toBe(2);
    runtime.linear({ weight });
    runtime.dispose();
    expect(alive.size).toBe(0);
    await expect(linear.forward(x)).rejects.toThrow(/disposed/);
    expect(() => runtime.linear({ weight })).toThrow(/disposed/);
    const second = await createRuntime({ device: "webgpu", gpuDevice: device });
    expect(await second.linear({ weight }).forward(x)).toEqual(first);
    second.dispose();
    device.destroy();
  });

  it("gives back what layers and linearizations held, in any order", async () => {
    const runtime = (await webgpuRuntime()) as WebGpuRuntime;
    const { spec, x: input } = loadFixtures()[1];
    const layer = runtime.attention(spec);
    const at = await layer.linearize(input);
    layer.dispose();
    await spectralNorm(at);
    await at.gradient(input, at.output);
    at.dispose();
    at.dispose();
    expect(runtime.gpu.memory.count).toBe(2);
    await expect(layer.forward(input)).rejects.toThrow(/disposed/);
    await expect(at.jvp(input)).rejects.toThrow(/disposed/);
    runtime.dispose();
    expect(runtime.gpu.memory.used).toBe(0);
  });

  it("that refuses work rejects that call alone", async () => {
    const runtime = (await webgpuRuntime()) as WebGpuRuntime;
    const region = runtime.gpu.region();
    const small = region.words(4, "a small buffer");
    const beyond = { ...small, offset: 1024 };
    await expect(runtime.gpu.run((batch) => batch.copy(small, beyond), [small])).rejects.toThrow(
      /WebGPU (refused the work|could not give results)/,
    );
    const linear = runtime.linear({ weight });
    expect((await linear.forward(x)).shape).toEqual([2, 4]);
    runtime.dispose();
  });

  it("that has no room for a buffer says which, and the runtime goes on", async () => {
    const device = await ownDevice();
    const runtime = await createRuntime({ device: "webgpu", gpuDevice: device });
    const pop = device.popErrorScope.bind(device);
    device.popErrorScope = async () => {
      await pop();
      return { message: "no room" };
    };
    const refused = runtime.linear({ weight });
    device.popErrorScope = pop;
    await expect(refused.forward(x)).rejects.toThrow(OutOfMemoryError);
    await expect(refused.forward(x)).rejects.toThrow(
      /out of memory: the weights needs .* \(the GPU refuses: no room\)/,
    );
    expect((await runtime.linear({ weight }).forward(x)).shape).toEqual([2, 4]);
    runtime.dispose();
    device.destroy();
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

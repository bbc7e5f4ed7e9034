// What becomes of calls, buffers and the device itself when a device is lost, or is somebody else's.

import { describe, expect, it } from "vitest";
import { DeviceError } from "../../../src/base/errors.js";
import { Random } from "../../../src/base/random.js";
import { tensor } from "../../../src/base/tensor.js";
import type { GPUDeviceLike } from "../../../src/device/webgpu/api.js";
import type { WebGpuRuntime } from "../../../src/device/webgpu/runtime.js";
import { gradient } from "../../../src/jacobian/gradient.js";
import { createRuntime } from "../../../src/measure/createRuntime.js";
import { localLipschitz } from "../../../src/measure/localLipschitz.js";
import { spectralNorm } from "../../../src/spectral/spectralNorm.js";
import { loadFixtures } from "../../oracle/fixtures.js";
import { adapter, sharedDevice, webgpuRuntime } from "../webgpuRuntime.js";
import { watchBuffers } from "./buffers.js";
import { replaced } from "./replaced.js";

const weight = tensor(new Random(1).fillGaussian(new Float32Array(12), 1), [3, 4]);
const x = tensor(new Random(2).fillGaussian(new Float32Array(6), 1), [2, 3]);

async function ownDevice(): Promise<GPUDeviceLike> {
  return (await adapter()).requestDevice();
}

/** Counts the calls of device.destroy, and lets them through. */
function countEnds(device: GPUDeviceLike) {
  const ends = { count: 0 };
  const destroy = device.destroy.bind(device);
  device.destroy = () => {
    ends.count++;
    destroy();
  };
  return ends;
}

describe("a WebGPU device", () => {
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
    const device = await ownDevice();
    const { alive } = watchBuffers(device);
    const ends = countEnds(device);
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
    expect(ends.count).toBe(0);
    device.destroy();
  });

  it("of the runtime's own ends with it", async () => {
    const found = await adapter();
    const made: { count: number }[] = [];
    const requestDevice = async (descriptor?: object) => {
      const device = await found.requestDevice(descriptor);
      made.push(countEnds(device));
      return device;
    };
    const gpu = { requestAdapter: async () => ({ info: found.info, limits: found.limits, requestDevice }) };
    const runtime = await createRuntime({ device: "webgpu", gpu, allowSoftware: true });
    expect(made).toEqual([{ count: 0 }]);
    runtime.dispose();
    expect(made).toEqual([{ count: 1 }]);
  });

  it("that is lost while sigma is measured rejects the measurement", async () => {
    // The loss is told by the device's promise, as WebGPU tells it, and the device that the tests share lives on.
    const device = await sharedDevice();
    let lose = (_: { reason: string; message: string }) => {};
    const lost = new Promise((resolve) => {
      lose = resolve;
    });
    const putBack = replaced(device, "lost", lost);
    const runtime = await webgpuRuntime();
    putBack();
    const { spec, x: input } = loadFixtures()[1];
    let steps = 0;
    const onProgress = () => {
      if (++steps === 3) lose({ reason: "unknown", message: "the driver was reset" });
    };
    const endless = { rtol: 0, method: "power", maxSteps: 1e9, onProgress } as const;
    const measured = localLipschitz(runtime.attention(spec), input, endless);
    await expect(measured).rejects.toThrow(DeviceError);
    await expect(measured).rejects.toThrow(/the WebGPU device was lost: the driver was reset; make a new runtime/);
    runtime.dispose();
    const again = await webgpuRuntime();
    expect((await localLipschitz(again.attention(spec), input)).sigma).toBeGreaterThan(0);
    again.dispose();
  });

  it("gives back what layers and linearizations held, in any order", async () => {
    const runtime = (await webgpuRuntime()) as WebGpuRuntime;
    const { spec, x: input } = loadFixtures()[1];
    const layer = runtime.attention(spec);
    const at = await layer.linearize(input);
    layer.dispose();
    await spectralNorm(at);
    await gradient(at, input, at.output);
    at.dispose();
    at.dispose();
    expect(runtime.gpu.memory.count).toBe(2);
    await expect(layer.forward(input)).rejects.toThrow(/disposed/);
    await expect(at.jvp(input)).rejects.toThrow(/disposed/);
    runtime.dispose();
    expect(runtime.gpu.memory.used).toBe(0);
  });
});

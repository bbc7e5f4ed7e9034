// What a solver's step costs in calls of WebGPU: a submit and a readback, and once warm nothing new.
import { describe, expect, it } from "vitest";
import { Random } from "../../../src/base/random.js";
import { tensor } from "../../../src/base/tensor.js";
import type { GPUDeviceLike } from "../../../src/device/webgpu/api.js";
import { createRuntime } from "../../../src/measure/createRuntime.js";
import { DeviceKrylovSpace } from "../../../src/spectral/krylovSpace.js";
import { adapter } from "../webgpuRuntime.js";

/** A device of its own that counts calls. */
async function countingDevice() {
  const device: GPUDeviceLike = await (await adapter()).requestDevice();
  const calls = { buffers: 0, groups: 0, pipelines: 0, submits: 0, readbacks: 0 };
  const createBuffer = device.createBuffer.bind(device);
  device.createBuffer = (descriptor) => {
    calls.buffers++;
    const buffer = createBuffer(descriptor);
    const mapAsync = buffer.mapAsync.bind(buffer);
    buffer.mapAsync = (mode) => {
      calls.readbacks++;
      return mapAsync(mode);
    };
    return buffer;
  };
  const counted = <A extends unknown[], R>(name: keyof typeof calls, call: (...args: A) => R) => {
    return (...args: A): R => {
      calls[name]++;
      return call(...args);
    };
  };
  device.createBindGroup = counted("groups", device.createBindGroup.bind(device));
  device.createComputePipelineAsync = counted("pipelines", device.createComputePipelineAsync.bind(device));
  device.queue.submit = counted("submits", device.queue.submit.bind(device.queue));
  return { device, calls };
}

describe("a solver's step on WebGPU", () => {
  it("is one submit and one readback, and makes no buffer and no pipeline once warm", async () => {
    const { device, calls } = await countingDevice();
    const runtime = await createRuntime({ device: "webgpu", gpuDevice: device });
    const random = new Random(1);
    const gaussian = (rows: number, columns: number) =>
      tensor(random.fillGaussian(new Float32Array(rows * columns), 1), [rows, columns]);
    const map = () => ({ weight: gaussian(6, 6) });
    const layer = runtime.attention({ heads: 2, query: map(), key: map(), value: map(), output: map() });
    const at = await layer.linearize(gaussian(9, 6));
    const { operator } = at.onDevice!;
    const start = random.fillGaussian(new Float64Array(54), 1);
    const soFar = () => ({ ...calls });

    const space = new DeviceKrylovSpace(operator, { transposed: false, maxSteps: 12 });
    await space.begin(start);
    await space.bidiagonalize(0);
    await space.bidiagonalize(1);
    const warm = soFar();
    for (let k = 2; k < 12; k++) await space.bidiagonalize(k);
    const { groups, ...others } = calls;
    const { groups: made, ...before } = warm;
    expect(others).toEqual({ ...before, submits: before.submits + 10, readbacks: before.readbacks + 10 });
    // Bind groups are of vectors: those of a step are made when its vectors are first used, and then kept.
    const ofAStep = (groups - made) / 10;
    expect(ofAStep).toBeLessThan(20);
    await space.begin(start);
    const again = soFar();
    for (let k = 0; k < 12; k++) await space.bidiagonalize(k);
    expect(calls).toEqual({ ...again, submits: again.submits + 12, readbacks: again.readbacks + 12 });
    space.dispose();

    const power = new DeviceKrylovSpace(operator, { transposed: false, maxSteps: 1 });
    await power.begin(start);
    await power.iterate();
    await power.iterate();
    const iterated = soFar();
    for (let step = 0; step < 5; step++) await power.iterate();
    expect(calls).toEqual({ ...iterated, submits: iterated.submits + 5, readbacks: iterated.readbacks + 5 });
    power.dispose();

    const { pipelines } = calls;
    const second = await createRuntime({ device: "webgpu", gpuDevice: device });
    await (await second.attention({ heads: 2, query: map(), key: map(), value: map() }).linearize(gaussian(9, 6))).jvp(
      gaussian(9, 6),
    );
    expect(calls.pipelines).toBe(pipelines);
    second.dispose();
    runtime.dispose();
    device.destroy();
  });
});

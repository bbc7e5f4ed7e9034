// Which device a runtime gets, and what it says when it is not the one that was asked for.
import { describe, expect, it } from "vitest";
import { DeviceError } from "../../../src/base/errors.js";
import { createRuntime, type RuntimeOptions } from "../../../src/measure/createRuntime.js";
import { gpuObject } from "../gpuObject.js";
import { adapter } from "../webgpuRuntime.js";
import { replaced } from "./replaced.js";

const none = { requestAdapter: async () => null };

async function reasonFor(options: RuntimeOptions): Promise<string | undefined> {
  const runtime = await createRuntime(options);
  expect(runtime.info).toMatchObject({ device: "wasm", requested: "auto" });
  runtime.dispose();
  return runtime.info.reason;
}

describe("without a GPU", () => {
  it.each<[string, RuntimeOptions, RegExp]>([
    ["f64", { dtype: "f64" }, /WebGPU has no f64/],
    ["no adapter", { gpu: none }, /WebGPU finds no adapter here/],
  ])("%s: auto takes WASM and says why, webgpu rejects", async (_, options, message) => {
    expect(await reasonFor(options)).toMatch(message);
    const wanted = createRuntime({ ...options, device: "webgpu" });
    await expect(wanted).rejects.toThrow(DeviceError);
    await expect(createRuntime({ ...options, device: "webgpu" })).rejects.toThrow(message);
    await expect(createRuntime({ ...options, device: "webgpu" })).rejects.toThrow(/use device "wasm" or "auto"/);
  });

  it("no navigator.gpu: auto takes WASM and says where to get one", async () => {
    const putBack = replaced(globalThis, "navigator", {});
    try {
      expect(await reasonFor({})).toMatch(/this JavaScript runtime has no navigator\.gpu .*webgpu package/);
      await expect(createRuntime({ device: "webgpu" })).rejects.toThrow(/no navigator\.gpu/);
    } finally {
      putBack();
    }
  });

  it("an adapter of too small limits, or that gives no device, is refused by name", async () => {
    const limits = { maxStorageBuffersPerShaderStage: 4 };
    const weak = { requestAdapter: async () => ({ limits, info: {} }) };
    expect(await reasonFor({ gpu: weak })).toMatch(/maxStorageBuffersPerShaderStage is 4, and 8 is needed/);
    const busy = {
      requestAdapter: async () => ({
        limits: {
          maxStorageBuffersPerShaderStage: 8,
          maxComputeWorkgroupStorageSize: 16384,
          maxComputeInvocationsPerWorkgroup: 256,
        },
        requestDevice: async () => {
          throw new Error("in use");
        },
      }),
    };
    expect(await reasonFor({ gpu: busy })).toMatch(/gives no device: in use/);
  });

  it.each<[string, object]>([
    ["gpu", { gpu: {} }],
    ["gpuDevice", { gpuDevice: {} }],
    ["allowSoftware", { gpu: none, allowSoftware: 1 }],
  ])("a %s of a wrong kind is a TypeError, under auto too", async (name, options) => {
    await expect(createRuntime(options)).rejects.toThrow(TypeError);
    await expect(createRuntime(options)).rejects.toThrow(new RegExp(`"${name}": expected`));
  });
});

describe("with an adapter", () => {
  it("a software one is taken only where it is allowed", async () => {
    const gpu = await gpuObject();
    if (!(await adapter()).info?.isFallbackAdapter) return;
    expect(await reasonFor({ gpu })).toMatch(/software one \(.+\), slower than WebAssembly; allowSoftware accepts it/);
    await expect(createRuntime({ device: "webgpu", gpu })).rejects.toThrow(/software/);
  });

  it("info names it", async () => {
    const runtime = await createRuntime({ gpu: await gpuObject(), allowSoftware: true });
    expect(runtime.info).toMatchObject({ device: "webgpu", requested: "auto", dtype: "f32", threads: 1 });
    expect(runtime.info.adapter).toMatch(/\w/);
    expect(runtime.info.reason).toBeUndefined();
    runtime.dispose();
  });
});

// Which GPU a runtime gets, or why it gets none.
import { wrongKind } from "../../base/check.js";
import { DeviceError } from "../../base/errors.js";
import type { GPUAdapterInfoLike, GPUAdapterLike, GPUDeviceLike, GPULike, GPULimitsLike } from "./api.js";

export interface GpuOptions {
  /** Default navigator.gpu. */
  readonly gpu?: object;
  /** Used as it is, and never destroyed. */
  readonly gpuDevice?: object;
  readonly allowSoftware?: boolean;
}

export interface ChosenGpu {
  readonly device: GPUDeviceLike;
  readonly owned: boolean;
  readonly adapter: string;
  /** The GPU object: with Dawn in Node the device must not outlive it. */
  readonly source?: object;
}

/** What the kernels ask of a device: no more than WebGPU's default limits. */
const NEEDS: Partial<GPULimitsLike> = {
  maxStorageBuffersPerShaderStage: 8,
  maxComputeWorkgroupStorageSize: 16384,
  maxComputeInvocationsPerWorkgroup: 128,
};
/** Limits worth having as large as the adapter gives them: they bound the longest input. */
const WANTS = ["maxBufferSize", "maxStorageBufferBindingSize"] as const;

/** @throws DeviceError saying why there is none; TypeError for options of a wrong kind. */
export async function chooseGpu(options: GpuOptions): Promise<ChosenGpu> {
  const { gpu, gpuDevice, allowSoftware = false } = options;
  if (typeof allowSoftware !== "boolean") throw wrongKind("allowSoftware", "true or false", allowSoftware);
  if (gpuDevice !== undefined) {
    if (typeof (gpuDevice as Partial<GPUDeviceLike> | null)?.createComputePipelineAsync !== "function") {
      throw wrongKind("gpuDevice", "a GPUDevice", gpuDevice);
    }
    const device = gpuDevice as GPUDeviceLike;
    checkLimits(device.limits);
    return { device, owned: false, adapter: nameOf(device.adapterInfo) };
  }
  const source = gpuOf(gpu);
  const adapter = await requestAdapter(source);
  if (isSoftware(adapter) && !allowSoftware) {
    throw new DeviceError(
      `the only WebGPU adapter is a software one (${nameOf(adapter.info)}), slower than WebAssembly; allowSoftware accepts it`,
    );
  }
  checkLimits(adapter.limits);
  const requiredLimits = Object.fromEntries(WANTS.map((name) => [name, adapter.limits[name]]));
  try {
    const device = await adapter.requestDevice({ requiredLimits });
    return { device, owned: true, adapter: nameOf(adapter.info), source };
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause);
    throw new DeviceError(`the WebGPU adapter gives no device: ${message}`, { cause });
  }
}

function gpuOf(given: object | undefined): GPULike {
  const { navigator } = globalThis as { navigator?: { gpu?: GPULike } };
  const gpu = given ?? navigator?.gpu;
  if (gpu === undefined) {
    throw new DeviceError(
      "this JavaScript runtime has no navigator.gpu (in Node and Bun pass `gpu: create([])` of the webgpu package)",
    );
  }
  if (typeof (gpu as Partial<GPULike> | null)?.requestAdapter !== "function") {
    throw wrongKind("gpu", "a GPU object with requestAdapter", gpu);
  }
  return gpu as GPULike;
}

async function requestAdapter(gpu: GPULike): Promise<GPUAdapterLike> {
  const adapter = await gpu.requestAdapter({ powerPreference: "high-performance" });
  if (!adapter) throw new DeviceError("WebGPU finds no adapter here: no GPU, or no driver for it");
  return adapter;
}

function isSoftware({ info, isFallbackAdapter }: GPUAdapterLike): boolean {
  return info?.isFallbackAdapter ?? isFallbackAdapter ?? false;
}

function checkLimits(limits: GPULimitsLike): void {
  for (const [name, needed] of Object.entries(NEEDS)) {
    const has = limits[name as keyof GPULimitsLike];
    if (!(has >= needed)) throw new DeviceError(`the WebGPU device's ${name} is ${has}, and ${needed} is needed`);
  }
}

function nameOf(info: GPUAdapterInfoLike | undefined): string {
  // The description may be of the driver alone.
  const { description, device, vendor, architecture } = info ?? {};
  return device || [vendor, architecture].filter(Boolean).join(" ") || description || "an unnamed adapter";
}

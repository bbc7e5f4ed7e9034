// What the device tests run on: the four kernel binaries, or, by `npm run test:webgpu`, WebGPU.
import { createRuntime } from "../../src/measure/createRuntime.js";
import { webgpuRuntime } from "./webgpuRuntime.js";

export type Dtype = "f32" | "f64";

export interface Variant {
  readonly name: string;
  readonly dtype: Dtype;
  readonly simd: "simd" | "relaxed" | "none";
}

export const onWebGpu = process.env.HOWSMOOTH_TEST_DEVICE === "webgpu";

const wasm: Variant[] = (["f32", "f64"] as const).flatMap((dtype) =>
  (["simd", "relaxed"] as const).map((simd) => ({ name: `${dtype} ${simd}`, dtype, simd })),
);

export const variants: Variant[] = onWebGpu ? [{ name: "f32 WebGPU", dtype: "f32", simd: "none" }] : wasm;

/** Runs of a property; fewer on WebGPU, since a software GPU is slow. */
export function runs(count: number, onSoftware = 12): number {
  return onWebGpu ? Math.min(count, onSoftware) : count;
}

export async function variantRuntime({ dtype, simd }: Variant) {
  if (simd === "none") return webgpuRuntime();
  const { kernelBytes } = await import("./kernelBytes.js");
  return createRuntime({ device: "wasm", dtype, kernels: kernelBytes(dtype, simd) });
}

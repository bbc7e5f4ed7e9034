// The four kernel binaries, each as a runtime.
import { readFileSync } from "node:fs";
import { createRuntime } from "../../src/runtime.js";

export type Dtype = "f32" | "f64";

export const variants = (["f32", "f64"] as const).flatMap((dtype) =>
  (["simd", "relaxed"] as const).map((simd) => ({ name: `${dtype} ${simd}`, dtype, simd })),
);

export function kernelBytes(dtype: Dtype, simd: "simd" | "relaxed"): Uint8Array<ArrayBuffer> {
  return new Uint8Array(readFileSync(new URL(`../../build/kernels/${dtype}-${simd}.wasm`, import.meta.url)));
}

export function variantRuntime(variant: { dtype: Dtype; simd: "simd" | "relaxed" }) {
  const { dtype, simd } = variant;
  return createRuntime({ device: "wasm", dtype, kernels: kernelBytes(dtype, simd) });
}

// The kernel binaries as they are built.
import { readFileSync } from "node:fs";

export function kernelBytes(
  dtype: "f32" | "f64",
  simd: "simd" | "relaxed" | "simd-threads" | "relaxed-threads",
): Uint8Array<ArrayBuffer> {
  return new Uint8Array(readFileSync(new URL(`../../build/kernels/${dtype}-${simd}.wasm`, import.meta.url)));
}

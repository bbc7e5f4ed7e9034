// The kernels where WebAssembly may not be compiled from bytes (workerd, Vercel's edge): static imports, which the
// platform's bundler turns into compiled modules. The edge builds have this in the place of embeddedKernels.ts.

import type { KernelName } from "./compile.js";
import f32Relaxed from "./f32-relaxed.wasm";
import f32Simd from "./f32-simd.wasm";
import f64Relaxed from "./f64-relaxed.wasm";
import f64Simd from "./f64-simd.wasm";
import type { WasmModule } from "./webassembly.js";

const modules: Record<KernelName, WasmModule> = {
  "f32-simd": f32Simd,
  "f32-relaxed": f32Relaxed,
  "f64-simd": f64Simd,
  "f64-relaxed": f64Relaxed,
};

export async function loadKernels(name: KernelName): Promise<WasmModule> {
  return modules[name];
}

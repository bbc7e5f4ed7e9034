// The kernels of teams of threads, as embeddedKernels.ts has those of one thread.

import type { KernelName } from "./compile.js";
import { compileEmbedded } from "./embeddedKernels.js";
import type { WasmModule } from "./webassembly.js";

const binaries = {
  "f32-simd": () => import("./kernels/f32-simd-threads.js"),
  "f32-relaxed": () => import("./kernels/f32-relaxed-threads.js"),
  "f64-simd": () => import("./kernels/f64-simd-threads.js"),
  "f64-relaxed": () => import("./kernels/f64-relaxed-threads.js"),
};

export async function loadThreadedKernels(name: KernelName): Promise<WasmModule> {
  return compileEmbedded(await binaries[name]());
}

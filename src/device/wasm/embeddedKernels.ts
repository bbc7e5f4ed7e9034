// The kernels as the package carries them: base64, decoded and compiled at first use.
import { compile, type KernelName } from "./compile.js";
import type { WasmModule } from "./webassembly.js";

/** Each binary is a chunk of its own, so that a first measurement loads one of the four. */
const binaries = {
  "f32-simd": () => import("./kernels/f32-simd.js"),
  "f32-relaxed": () => import("./kernels/f32-relaxed.js"),
  "f64-simd": () => import("./kernels/f64-simd.js"),
  "f64-relaxed": () => import("./kernels/f64-relaxed.js"),
};

export async function loadKernels(name: KernelName): Promise<WasmModule> {
  return compileEmbedded(await binaries[name]());
}

export function compileEmbedded({ default: base64 }: { default: string }): Promise<WasmModule> {
  return compile(decodeBase64(base64));
}

function decodeBase64(text: string): Uint8Array {
  const { atob } = globalThis as unknown as { atob(text: string): string };
  const binary = atob(text);
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = binary.charCodeAt(i);
  return bytes;
}

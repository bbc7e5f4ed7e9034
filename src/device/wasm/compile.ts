// Bytes to a compiled module to an instance, or an error that says what the page or the runtime must allow.
import { DeviceError } from "../../base/errors.js";
import { type WasmModule, WebAssembly } from "./webassembly.js";

/** The binaries of scripts/kernels.mjs. */
export type KernelName = "f32-simd" | "f32-relaxed" | "f64-simd" | "f64-relaxed";

/** The namespace, or an error that says what is missing. */
export function webAssembly(): NonNullable<typeof WebAssembly> {
  if (!WebAssembly) throw new DeviceError("this JavaScript runtime has no WebAssembly");
  return WebAssembly;
}

export async function compile(bytes: Uint8Array): Promise<WasmModule> {
  const api = webAssembly();
  return api.compile(bytes).catch(refused);
}

/** The exports of an instance. WebKit compiles under any Content-Security-Policy and refuses only here. */
export async function instantiate(module: WasmModule, imports: object): Promise<unknown> {
  const api = webAssembly();
  return (await api.instantiate(module, imports).catch(refused)).exports;
}

function refused(cause: unknown): never {
  const message = (cause instanceof Error ? cause.message : String(cause)).replace(/\s+/g, " ").trim();
  throw new DeviceError(`the WebAssembly kernels cannot be used here: ${message} (${remedy(message)})`, {
    cause,
  });
}

function remedy(message: string): string {
  if (/disallowed by embedder/i.test(message)) {
    return "this runtime takes WebAssembly only as a file of the bundle: import `howsmooth/kernels.wasm` statically and pass it as `kernels`, or bundle with the condition `workerd`";
  }
  if (/content.security.policy|unsafe-eval|code generation|unsafe-wasm|blocked by csp/i.test(message)) {
    return "the page's Content-Security-Policy must allow 'wasm-unsafe-eval' in script-src";
  }
  if (/\bshared\b|\bwake\b/i.test(message)) {
    return "`kernels` must be one of the `-threads.wasm` files where there are threads, and none of them elsewhere";
  }
  return "it needs WebAssembly SIMD; `kernels`, where given, must be those of this version of howsmooth";
}

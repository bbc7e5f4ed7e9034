// The part of the WebAssembly namespace that we use, declared here so that no DOM types are needed.

export type WasmModule = object;

export interface WasmMemory {
  readonly buffer: ArrayBuffer;
  grow(pages: number): number;
}

interface WebAssemblyNamespace {
  readonly Module: new (bytes: Uint8Array) => WasmModule;
  readonly Memory: new (descriptor: { initial: number; maximum?: number; shared?: boolean }) => WasmMemory;
  validate(bytes: Uint8Array): boolean;
  compile(bytes: Uint8Array): Promise<WasmModule>;
  instantiate(module: WasmModule, imports: object): Promise<{ exports: unknown }>;
}

/** The runtime's WebAssembly, or undefined where there is none. */
export const WebAssembly = (globalThis as { WebAssembly?: WebAssemblyNamespace }).WebAssembly;

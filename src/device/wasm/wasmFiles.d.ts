declare module "*.wasm" {
  const module: import("./webassembly.js").WasmModule;
  export default module;
}

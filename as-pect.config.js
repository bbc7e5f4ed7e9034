import v8 from "node:v8";

// Node 20 has relaxed SIMD behind a flag, and `asp` starts a plain node.
v8.setFlagsFromString("--experimental-wasm-relaxed-simd");

export default {
  entries: ["assembly/__tests__/**/*.spec.ts"],
  include: [],
  disclude: [/node_modules/],
  async instantiate(memory, createImports, instantiate, binary) {
    return instantiate(binary, createImports({ env: { memory } }));
  },
  outputBinary: false,
};

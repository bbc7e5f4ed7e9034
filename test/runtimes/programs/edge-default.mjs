// The default build where WebAssembly may not be compiled from bytes: answers with its error.
import { createRuntime } from "./node_modules/howsmooth/dist/index.js";

export default {
  async fetch() {
    const runtime = createRuntime({ device: "wasm" });
    return new Response(await runtime.then(JSON.stringify, ({ message }) => message));
  },
};

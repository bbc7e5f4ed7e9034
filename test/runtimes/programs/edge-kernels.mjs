// The default build where WebAssembly may not be compiled from bytes, handed the kernels as a file of the bundle.
import kernels from "howsmooth/kernels.wasm";
import * as howsmooth from "./node_modules/howsmooth/dist/index.js";
import { prove } from "./proof.mjs";

export default {
  async fetch() {
    return Response.json(await prove(howsmooth, { kernels }, ["f32"]));
  },
};

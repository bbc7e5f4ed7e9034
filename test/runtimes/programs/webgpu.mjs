// WebGPU outside of browsers: the runtime's own, or where it has none, that of the package whose address is given.
import * as howsmooth from "howsmooth";
import { prove } from "./proof.mjs";

const gpu = globalThis.navigator?.gpu ?? (await import(process.argv[2])).create([]);
console.log(JSON.stringify(await prove(howsmooth, { device: "webgpu", gpu, allowSoftware: true }, ["f32"])));
process.exit();

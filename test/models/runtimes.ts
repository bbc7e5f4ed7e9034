// The runtimes that models are tested on, each with the relative accuracy to hold it to.
import type { Runtime } from "../../src/measure/createRuntime.js";
import { createRuntime } from "../../src/measure/createRuntime.js";
import { referenceRuntime } from "../reference/runtime.js";

export interface RuntimeCase {
  name: string;
  make: () => Promise<Runtime>;
  accuracy: number;
}

export const runtimes: RuntimeCase[] = [
  { name: "the reference", make: async () => referenceRuntime(), accuracy: 1e-9 },
  { name: "WASM f64", make: () => createRuntime({ device: "wasm", dtype: "f64" }), accuracy: 1e-9 },
  { name: "WASM f32", make: () => createRuntime({ device: "wasm", dtype: "f32" }), accuracy: 3e-5 },
];

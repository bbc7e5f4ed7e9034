// What the command needs of the library, so that tests can give it a model that lives in memory.
import type { Measure } from "../analysis/measureRow.js";
import type { Pool } from "../analysis/workers/pool.js";
import type { Runtime } from "../measure/createRuntime.js";
import type { LoadOptions, RandomArchitecture, RandomModelOptions } from "../models/index.js";
import type { Model } from "../models/model.js";

export interface Engine {
  createRuntime(options: { device?: "auto" | "wasm" | "webgpu"; dtype?: "f32" | "f64" }): Promise<Runtime>;
  loadModel(source: string, options: LoadOptions): Promise<Model>;
  randomModel(architecture: RandomArchitecture, options: RandomModelOptions): Model | Promise<Model>;
  measure: Measure;
  /** Workers that measure in place of `measure`. */
  createPool(threads: number, dtype: "f32" | "f64"): Pool;
}

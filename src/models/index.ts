// howsmooth/models: checkpoints and randomly initialised models, and the inputs of their attention layers.
export { type LoadEvent, type LoadOptions, loadModel, type ModelSource } from "./load.js";
export type {
  Model,
  ModelConfig,
  ModelOrigin,
  Tokenizer,
  Trace,
  TraceOptions,
  WalkOptions,
  WalkStep,
} from "./model.js";
export { type RandomModelOptions, randomModel } from "./random.js";
export type { FileMap } from "./source.js";

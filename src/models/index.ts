// howsmooth/models: checkpoints and randomly initialised models, and the inputs of their attention layers.

export type { RandomArchitecture } from "./initialisation.js";
export { type FileEvent, type LoadEvent, type LoadOptions, loadModel } from "./load.js";
export type {
  ImageSize,
  Model,
  ModelConfig,
  ModelInput,
  ModelOrigin,
  PixelInput,
  Tokenizer,
  Trace,
  TraceOptions,
  WalkOptions,
  WalkStep,
} from "./model.js";
export type { ModelSource, NetworkOptions, SourceOptions } from "./openSource.js";
export { type RandomModelOptions, randomModel } from "./random.js";
export type { FileMap } from "./source.js";
export type { ByteCache, DownloadEvent } from "./web/webSource.js";

// howsmooth/models: checkpoints and randomly initialised models, and the inputs of their attention layers.

export type { ModelSource, NetworkOptions, SourceOptions } from "./files/openSource.js";
export type { FileMap } from "./files/source.js";
export type { ByteCache, DownloadEvent } from "./files/web/webSource.js";
export type { PartName } from "./forward/partName.js";
export { makePart, type PartSpec } from "./forward/plan.js";
export { type FileEvent, type LoadEvent, type LoadOptions, loadModel } from "./load.js";
export type {
  FeatureInput,
  ImageSize,
  Model,
  ModelConfig,
  ModelInput,
  ModelOrigin,
  PairInput,
  PartOptions,
  PixelInput,
  TokenInput,
  Tokenizer,
  Trace,
  TraceOptions,
  WalkOptions,
  WalkStep,
} from "./model.js";
export type { RandomArchitecture } from "./random/initialisation.js";
export { type RandomModelOptions, randomModel } from "./random.js";

// The architectures that can be read, by the model_type of config.json.
import { ModelError } from "../../base/errors.js";
import { excerpt } from "../checkpoint/excerpt.js";
import type { WeightSource } from "../forward/weights.js";
import type { ModelConfig } from "../model.js";
import type { Architecture } from "./architecture.js";
import { bert } from "./bert.js";
import type { ConfigFile } from "./config.js";
import { distilbert } from "./distilbert.js";
import { gemma } from "./gemma.js";
import { gpt2 } from "./gpt2.js";
import { gptNeo } from "./gptNeo.js";
import { llama } from "./llama.js";
import { mistral } from "./mistral.js";
import { qwen2 } from "./qwen2.js";
import { roberta } from "./roberta.js";
import { vit } from "./vit.js";

export type ArchitectureReader = (config: ConfigFile, weights: WeightSource) => Architecture;

const readers: Readonly<Record<ModelConfig["architecture"], ArchitectureReader>> = {
  gpt2,
  gpt_neo: gptNeo,
  llama,
  mistral,
  qwen2,
  gemma,
  bert,
  roberta,
  distilbert,
  vit,
};

/** @throws ModelError for a model_type that isn't implemented; it lists those that are. */
export function architectureOf(config: ConfigFile): ArchitectureReader {
  const { model_type: type, architectures: classes } = config.values;
  if (typeof type === "string" && Object.hasOwn(readers, type)) return readers[type as keyof typeof readers];
  const found = typeof type === "string" ? excerpt(type) : `not given (architectures: ${excerpt(classes ?? null)})`;
  const supported = Object.keys(readers).join(", ");
  throw new ModelError(`${config.file}: "model_type" is ${found}; supported are ${supported}`, "config.json");
}

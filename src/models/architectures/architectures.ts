// The architectures that can be read, by the model_type of config.json.
import { ModelError } from "../../base/errors.js";
import { excerpt } from "../checkpoint/excerpt.js";
import type { WeightSource } from "../forward/weights.js";
import type { Architecture } from "./architecture.js";
import { build } from "./build.js";
import type { ConfigFile } from "./config.js";
import { bert, distilbert, roberta } from "./families/bert.js";
import { gpt2, gptNeo } from "./families/gpt.js";
import { gemma, llama, mistral, qwen2 } from "./families/llama.js";
import { vit } from "./families/vit.js";
import type { Family } from "./family.js";

export type ArchitectureReader = (config: ConfigFile, weights: WeightSource) => Architecture;

/** By model_type. */
export const families: Readonly<Record<string, Family>> = {
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
  if (typeof type === "string" && Object.hasOwn(families, type)) {
    return (file, weights) => build(type, families[type], file, weights);
  }
  const found = typeof type === "string" ? excerpt(type) : `not given (architectures: ${excerpt(classes ?? null)})`;
  const supported = Object.keys(families).join(", ");
  throw new ModelError(`${config.file}: "model_type" is ${found}; supported are ${supported}`, "config.json");
}

// The architectures that can be read, by the model_type of config.json.
import { ModelError } from "../errors.js";
import type { Architecture } from "./architecture.js";
import type { ConfigFile } from "./config.js";
import { gpt2 } from "./gpt2.js";
import { llama } from "./llama.js";
import type { WeightSource } from "./weights.js";

export type ArchitectureReader = (config: ConfigFile, weights: WeightSource) => Architecture;

const readers: Readonly<Record<string, ArchitectureReader>> = { gpt2, llama };

/** @throws ModelError for a model_type that isn't implemented; it lists those that are. */
export function architectureOf(config: ConfigFile): ArchitectureReader {
  const { model_type: type, architectures: classes } = config.values;
  if (typeof type === "string" && Object.hasOwn(readers, type)) return readers[type];
  const found =
    typeof type === "string" ? `"${type}"` : `not given (architectures: ${JSON.stringify(classes ?? null)})`;
  const supported = Object.keys(readers).join(", ");
  throw new ModelError(`${config.file}: "model_type" is ${found}; supported are ${supported}`, "config.json");
}

// Fields of a family that depend on the configuration, or on the layer.
import type { ConfigFile } from "./config.js";

/** The same for all configurations, or a function of one. */
export type Of<T> = T | ((config: ConfigFile) => T);
/** The same for all layers, or a function of the configuration and the layer. */
export type OfLayer<T> = T | ((config: ConfigFile, layer: number) => T);

/** The value of a field for a configuration. */
export function of<T>(field: Of<T>, config: ConfigFile): T {
  return typeof field === "function" ? (field as (config: ConfigFile) => T)(config) : field;
}

/** The value of a field for a layer. */
export function ofLayer<T>(field: OfLayer<T>, config: ConfigFile, layer: number): T {
  return typeof field === "function" ? (field as (config: ConfigFile, layer: number) => T)(config, layer) : field;
}

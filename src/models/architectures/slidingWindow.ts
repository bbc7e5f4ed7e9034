// Attention to the last tokens only, in all layers or in some.
import type { Mask } from "../../layers/attention/mask.js";
import type { ConfigFile } from "./config.js";

/** A token sees itself and the size − 1 tokens before it (Hugging Face's masks: i − size < j ≤ i). */
export function slidingWindow(size: number): Mask {
  return { window: { left: size - 1, right: 0 } };
}

export interface SlidingLayers {
  /** Default of use_sliding_window. */
  inUse: boolean;
  /** The layers with a window where layer_types is absent. */
  slides(layer: number): boolean;
}

/** The mask of each layer by sliding_window, use_sliding_window and layer_types. */
export function slidingMasks(config: ConfigFile, { inUse, slides }: SlidingLayers): (layer: number) => Mask {
  const used = config.flag("use_sliding_window", inUse) && config.values["sliding_window"] != null;
  const window = used ? slidingWindow(config.count("sliding_window")) : "causal";
  const types = layerTypes(config);
  if (types?.includes("sliding_attention") && !used) {
    throw config.unsupported("layer_types", "in need of a sliding_window in use");
  }
  return (layer) => ((types ? types[layer] === "sliding_attention" : slides(layer)) ? window : "causal");
}

/** Refuses windows for a family whose attention has none. */
export function refuseSlidingWindows(config: ConfigFile): void {
  if (config.values["sliding_window"] != null && config.flag("use_sliding_window", true)) {
    throw config.unsupported("sliding_window", "not implemented for this architecture, and would change results");
  }
  if (layerTypes(config)?.includes("sliding_attention")) {
    throw config.unsupported("layer_types", 'not implemented for this architecture; only "full_attention" is');
  }
}

function layerTypes(config: ConfigFile): string[] | undefined {
  const layers = config.count("num_hidden_layers");
  const types = config.values["layer_types"] ?? undefined;
  if (types === undefined) return undefined;
  const known = ["full_attention", "sliding_attention"];
  if (!Array.isArray(types) || types.some((type) => !known.includes(type))) {
    throw config.unsupported("layer_types", `not implemented; ${known.join(" and ")} are`);
  }
  if (types.length !== layers) throw config.wrong("layer_types", `one entry for each of ${layers} layers`);
  return types;
}

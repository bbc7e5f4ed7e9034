// Which layers have a window, and what tokens see.
import type { Mask } from "../../layers/attention/mask.js";
import type { ConfigFile } from "./config.js";
import type { Family } from "./family.js";
import { of } from "./of.js";
import { layerKeys } from "./sizes.js";

/** layer_types where it is there, else the rule: the windowed layers. */
export function typed(rule: (config: ConfigFile, layer: number) => boolean, type = "sliding_attention") {
  return (config: ConfigFile, layer: number): boolean => {
    const types = layerTypes(config, type);
    return types ? types[layer] === type : rule(config, layer);
  };
}

/** All layers but each n-th: the number under `key`, or `absent`. */
export function allButEach(key: string, absent: number) {
  return typed((config, layer) => (layer + 1) % config.count(key, absent) !== 0);
}

/** What the tokens of a layer see. */
export function maskOf(config: ConfigFile, family: Family, layer: number): Mask {
  const bothSides = of(family.bothSides ?? false, config);
  const size = windowOf(config, family, layer);
  const kind = of(family.windowKind ?? "before", config);
  if (size !== undefined && kind === "chunks") return { all: ["causal", { chunk: { size } }] };
  const notCausal = bothSides || ((family.stack ?? "decoder") === "decoder" && !config.flag("is_causal", true));
  if (size === undefined) return notCausal ? "none" : "causal";
  if (kind === "half") {
    const left = Math.floor(size / 2);
    return { window: { left, right: bothSides ? left : 0 } };
  }
  return notCausal ? { window: { left: size, right: size } } : { window: { left: size - 1, right: 0 } };
}

/** The size of a layer's window, if it has one. */
function windowOf(config: ConfigFile, family: Family, layer: number): number | undefined {
  const { windowed, window } = family;
  if (!windowed || !window) return undefined;
  const none = config.value(window.key) === null || (!config.has(window.key) && window.absent === undefined);
  const slides = windowed(config, layer);
  if (!slides) return undefined;
  if (!none) return config.count(window.key, window.absent);
  if ((config.value("layer_types") ?? undefined) !== undefined) {
    throw config.unsupported("layer_types", `in need of a ${window.key}`);
  }
  return undefined;
}

/** Refuses windows for a family whose attention has none. */
export function refuseWindows(config: ConfigFile): void {
  if ((config.value("sliding_window") ?? undefined) !== undefined && config.flag("use_sliding_window", true)) {
    throw config.unsupported("sliding_window", "not implemented for this architecture, and would change results");
  }
  if (layerTypes(config)?.some((type) => type !== "full_attention")) {
    throw config.unsupported("layer_types", 'not implemented for this architecture; only "full_attention" is');
  }
}

/** The kind of each layer, full or with a window. */
function layerTypes(config: ConfigFile, windowed = "sliding_attention"): string[] | undefined {
  const types = config.value("layer_types") ?? undefined;
  if (types === undefined) return undefined;
  const known = ["full_attention", windowed];
  if (!Array.isArray(types) || types.some((type) => !known.includes(type))) {
    throw config.unsupported("layer_types", `not implemented; ${known.join(" and ")} are`);
  }
  const layers = config.count(config.name(layerKeys));
  if (types.length !== layers) throw config.wrong("layer_types", `one entry for each of ${layers} layers`);
  return types;
}

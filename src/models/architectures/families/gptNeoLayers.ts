// "global" or "local" by layer: attention_layers, else attention_types, which says [[kinds, times], …].
import type { ConfigFile } from "../config.js";
import { layerKeys } from "../sizes.js";

/** The kind of each layer of a GPT-Neo. */
export function kinds(config: ConfigFile): readonly unknown[] {
  const layersKey = config.name(layerKeys);
  const layers = config.count(layersKey);
  const key = (config.value("attention_layers") ?? null) === null ? "attention_types" : "attention_layers";
  const value = config.value(key) ?? [[["global", "local"], 12]];
  const found = key === "attention_types" ? expand(value, layers) : value;
  if (!Array.isArray(found) || found.length !== layers || found.some((kind) => kind !== "global" && kind !== "local")) {
    throw config.wrong(key, `"global" or "local" for each of ${layersKey} = ${layers} layers`, value);
  }
  return found;
}

/** The kinds of [[kinds, times], …], one after the other; undefined where it isn't that, or more than `most`. */
function expand(types: unknown, most: number): unknown[] | undefined {
  if (!Array.isArray(types)) return undefined;
  const kinds: unknown[] = [];
  for (const entry of types) {
    const [group, times] = Array.isArray(entry) ? entry : [];
    if (!Array.isArray(group) || !Number.isInteger(times) || kinds.length + times * group.length > most)
      return undefined;
    for (let i = 0; i < times; i++) kinds.push(...group);
  }
  return kinds;
}

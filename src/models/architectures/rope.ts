// Rotary positions (Su et al. 2021) as config.json sets them: base, share of the head that turns, slowed frequencies.

import { excerpt } from "../checkpoint/excerpt.js";
import type { ConfigFile } from "./config.js";

/** Keys of rope_scaling, or rope_parameters, and those that a type adds. */
const commonKeys = ["rope_type", "type", "rope_theta", "partial_rotary_factor"];
const ownKeys: Readonly<Record<string, readonly string[]>> = {
  default: [],
  linear: ["factor"],
  llama3: ["factor", "low_freq_factor", "high_freq_factor", "original_max_position_embeddings"],
};

/** Frequencies are made before any weights have shown that heads are so wide. */
const largestHead = 2 ** 16;

/**
 * The angle per position of each pair (c, c + number of pairs) of a head; the channels behind the pairs don't turn.
 * From rope_theta and partial_rotary_factor, with rope_scaling (type "default", "linear", "llama3"), or from all of
 * them in rope_parameters (transformers 5).
 * @throws ModelError for any other type, or a key that such a type hasn't got
 */
export function rotaryFrequencies(config: ConfigFile, headSize: number): number[] {
  const { key, settings, type } = readSettings(config);
  const number = (name: string, fallback?: number) => {
    const value = settings[name] ?? fallback;
    if (typeof value === "number" && Number.isFinite(value) && value > 0) return value;
    throw config.wrong(key, `an object whose "${name}" is a number above 0`, value);
  };
  const base = settings["rope_theta"] == null ? config.positive("rope_theta", 10000) : number("rope_theta");
  const share = number("partial_rotary_factor", config.positive("partial_rotary_factor", 1));
  const rotated = Math.floor(headSize * share);
  if (share > 1) throw config.wrong("partial_rotary_factor", "a share of the head, at most 1", share);
  if (rotated < 2 || rotated % 2 !== 0) {
    if (share === 1) throw config.wrong("head_dim", "an even number, for rotary positions", headSize);
    throw config.wrong("partial_rotary_factor", `an even number of the ${headSize} channels of a head`, share);
  }
  if (headSize > largestHead) throw config.wrong("head_dim", `at most ${largestHead}, for rotary positions`, headSize);
  const frequencies = Array.from({ length: rotated / 2 }, (_, c) => base ** ((-2 * c) / rotated));
  const scaled = scale(frequencies);
  const lost = scaled.find((frequency) => !Number.isFinite(frequency));
  if (lost !== undefined) throw config.wrong("rope_theta", "a base and factors that keep frequencies finite", lost);
  return scaled;

  function scale(frequencies: number[]): number[] {
    if (type === "linear") return frequencies.map((frequency) => frequency / number("factor"));
    if (type !== "llama3") return frequencies;
    const low = number("low_freq_factor");
    const high = number("high_freq_factor");
    if (high <= low) throw config.wrong(key, '"high_freq_factor" above "low_freq_factor"', high);
    return slowed(frequencies, number("factor"), low, high, number("original_max_position_embeddings"));
  }
}

/**
 * Llama 3.1's scaling: pairs that turn fewer than `low` times over the original context are slowed by `factor`, those
 * that turn more than `high` times keep their frequency, and in between both are blended.
 */
function slowed(frequencies: number[], factor: number, low: number, high: number, context: number): number[] {
  return frequencies.map((frequency) => {
    const turns = (context * frequency) / (2 * Math.PI);
    const kept = Math.min(Math.max((turns - low) / (high - low), 0), 1);
    return kept * frequency + ((1 - kept) * frequency) / factor;
  });
}

function readSettings(config: ConfigFile): { key: string; settings: Record<string, unknown>; type: string } {
  const { rope_scaling: scaling, rope_parameters: parameters } = config.values;
  if (scaling != null && parameters != null) {
    throw config.unsupported("rope_scaling", "given beside rope_parameters; one of them must go");
  }
  const key = parameters == null ? "rope_scaling" : "rope_parameters";
  const settings = (parameters ?? scaling ?? {}) as Record<string, unknown>;
  if (typeof settings !== "object") throw config.wrong(key, "an object or null");
  const type = settings["rope_type"] ?? settings["type"] ?? "default";
  if (typeof type !== "string" || !Object.hasOwn(ownKeys, type)) {
    throw config.unsupported(key, `not implemented; the types ${Object.keys(ownKeys).join(", ")} are`);
  }
  const unknown = Object.keys(settings).find((name) => !commonKeys.includes(name) && !ownKeys[type].includes(name));
  if (unknown !== undefined) throw config.unsupported(key, `not implemented: type "${type}" with ${excerpt(unknown)}`);
  return { key, settings, type };
}

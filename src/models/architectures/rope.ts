// Rotary positions (Su et al. 2021) as config.json sets them: base, share of the head that turns, slowed frequencies.

import { excerpt } from "../checkpoint/excerpt.js";
import type { ConfigFile } from "./config.js";
import { attentionFactor, frequencies, regime, type Scaling, yarnScale } from "./ropeScaling.js";

/** How a family reads its rotary positions; what is left out is Llama's way. */
export interface RopeRule {
  /** Base where the keys are silent; default 10000. */
  readonly theta?: number;
  /** Keys of the base; default rope_theta. */
  readonly thetaKeys?: readonly string[];
  /** The share of a head that turns where the keys are silent, for a family that reads partial_rotary_factor. */
  readonly share?: number;
  /** Further names of that share. */
  readonly shareKeys?: readonly string[];
  /** An odd number of channels that turn is rounded up (GPT-NeoX). */
  readonly odd?: boolean;
  /** The number of channels that turn, for a family that reads no share. */
  readonly width?: (config: ConfigFile) => number;
  /** No key but `width`'s is read. */
  readonly fixed?: boolean;
  /** Pairs are neighbours (2c, 2c + 1) of a head, not (c, c + number of pairs). */
  readonly neighbours?: boolean | ((config: ConfigFile) => boolean);
  /** The pairs stand at the end of a head. */
  readonly last?: boolean;
  /** The settings where there are neither rope_scaling nor rope_parameters. */
  readonly settings?: Readonly<Record<string, unknown>>;
  /** Layers with a window have a base of their own, without scaling: its key, and its value where that is absent. */
  readonly windowed?: { readonly key?: string; readonly theta: number };
  /** The original context where original_max_position_embeddings isn't at the top: what is inside isn't read (Phi-3). */
  readonly original?: number;
  /** Further names of the type "longrope". */
  readonly longrope?: readonly string[];
  /** YaRN's mscale_all_dim scales the scores (DeepSeek). */
  readonly yarnScores?: boolean;
  /** The library keeps the frequencies in single precision, whatever the model's (ESM). */
  readonly single?: boolean;
  /** Further keys that a family reads inside. */
  readonly keys?: readonly string[];
}

/** The rotary positions of a layer. */
export interface Rotary {
  /** Channels of a head that turn; an even number. */
  readonly width: number;
  /** Angles a position, [width / 2], of a sequence of `tokens`. */
  frequencies(tokens: number): number[];
  /** Sequences whose number is the same have the same frequencies. */
  regime(tokens: number): number;
  /** The longest sequence that the positions are made for. */
  readonly longest: number;
  /** On the scores of the channels that turn. */
  readonly rotatedGain: number;
  /** On all scores. */
  readonly gain: number;
}

/** Keys of rope_scaling, or rope_parameters, and those that a type adds. */
const commonKeys = ["rope_type", "type", "rope_theta", "partial_rotary_factor", "finetuned"];
const lengthKeys = ["factor", "original_max_position_embeddings"];
const yarnKeys = ["beta_fast", "beta_slow", "mscale", "mscale_all_dim"];
const ownKeys: Readonly<Record<Scaling["type"], readonly string[]>> = {
  default: [],
  linear: lengthKeys,
  dynamic: [...lengthKeys, ...yarnKeys, "alpha"],
  llama3: [...lengthKeys, "low_freq_factor", "high_freq_factor"],
  yarn: [...lengthKeys, ...yarnKeys, "attention_factor", "truncate"],
  longrope: [...lengthKeys, "short_factor", "long_factor", "attention_factor"],
};

/** Frequencies are made before any weights have shown that heads are so wide. */
const largestHead = 2 ** 16;

/**
 * The rotary positions of the layers with a window, or of those without.
 * @param context of max_position_embeddings, or its default
 * @throws ModelError for a type that isn't known, or a key that such a type hasn't got
 */
export function rotary(
  config: ConfigFile,
  rule: RopeRule,
  headSize: number,
  context: number,
  windowed = false,
): Rotary {
  const { key, settings } = settingsOf(config, rule, windowed);
  const type = typeOf(config, rule, key, settings);
  const has = (name: string) => (settings[name] ?? undefined) !== undefined && settings[name] !== 0;
  const number = (name: string, fallback?: number) => {
    const value = settings[name] ?? fallback;
    if (typeof value === "number" && Number.isFinite(value) && value > 0) return value;
    throw config.wrong(key, `an object whose "${name}" is a number above 0`, value);
  };
  const theta = thetaOf();
  if (headSize > largestHead) throw config.wrong("head_dim", `at most ${largestHead}, for rotary positions`, headSize);
  const { width, exponents } = turning(config, rule, key, settings, headSize, type);
  const original = originalContext();
  const scaling: Scaling = {
    type,
    theta,
    exponents,
    original,
    context,
    factor: type === "linear" || type === "llama3" ? number("factor") : number("factor", context / original),
    number,
    list(name) {
      const value = settings[name];
      const fits = Array.isArray(value) && value.length === exponents.length && value.every((entry) => entry > 0);
      if (!fits) throw config.wrong(key, `an object whose "${name}" has ${exponents.length} numbers above 0`, value);
      return value;
    },
    flag(name, fallback) {
      const value = settings[name] ?? fallback;
      if (typeof value !== "boolean") throw config.wrong(key, `an object whose "${name}" is true or false`, value);
      return value;
    },
    has,
  };
  if (type === "llama3" && number("high_freq_factor") <= number("low_freq_factor")) {
    throw config.wrong(key, '"high_freq_factor" above "low_freq_factor"', number("high_freq_factor"));
  }
  const at = (tokens: number) => {
    const made = frequencies(scaling, tokens);
    const lost = made.find((frequency) => !Number.isFinite(frequency));
    if (lost !== undefined) throw config.wrong("rope_theta", "a base and factors that keep frequencies finite", lost);
    return rule.single ? made.map(Math.fround) : made;
  };
  at(1);
  return {
    width,
    frequencies: at,
    regime: (tokens) => regime(scaling, tokens),
    longest: type === "dynamic" && !has("alpha") ? Math.ceil(context * scaling.factor) : context,
    rotatedGain: attentionFactor(scaling) ** 2,
    gain: rule.yarnScores && has("mscale_all_dim") ? yarnScale(scaling.factor, number("mscale_all_dim")) ** 2 : 1,
  };

  function thetaOf(): number {
    if (rule.fixed) return rule.theta ?? 10000;
    const keys = rule.thetaKeys ?? ["rope_theta"];
    const inside = keys.concat("rope_theta").find((name) => (settings[name] ?? undefined) !== undefined);
    return inside ? number(inside) : config.positive(config.name(keys), rule.theta ?? 10000);
  }

  function originalContext(): number {
    const inside = has("original_max_position_embeddings") ? number("original_max_position_embeddings") : context;
    if (rule.fixed || rule.windowed) return inside;
    return config.positive("original_max_position_embeddings", rule.original ?? inside);
  }
}

/** The keys that apply to a layer, and under which name they stand. */
function settingsOf(config: ConfigFile, rule: RopeRule, windowed: boolean) {
  if (rule.fixed) return { key: "rope_scaling", settings: {} as Record<string, unknown> };
  const object = (key: string): Record<string, unknown> | undefined => {
    const value = config.value(key) ?? undefined;
    if (value !== undefined && (typeof value !== "object" || Array.isArray(value))) {
      throw config.wrong(key, "an object or null");
    }
    return value as Record<string, unknown> | undefined;
  };
  const scaling = object("rope_scaling");
  const parameters = object("rope_parameters");
  if (!rule.windowed) {
    const key = scaling || !parameters ? "rope_scaling" : "rope_parameters";
    return { key, settings: scaling ?? parameters ?? { ...rule.settings } };
  }
  const nested = parameters?.[windowed ? "sliding_attention" : "full_attention"];
  const own = nested !== null && typeof nested === "object" ? (nested as Record<string, unknown>) : {};
  if (windowed) {
    const { key, theta } = rule.windowed;
    return { key: "rope_parameters", settings: { rope_theta: key ? config.positive(key, theta) : theta, ...own } };
  }
  const { type: _, ...old } = scaling ?? {};
  return { key: scaling ? "rope_scaling" : "rope_parameters", settings: { ...own, ...old } };
}

function typeOf(
  config: ConfigFile,
  rule: RopeRule,
  key: string,
  settings: Readonly<Record<string, unknown>>,
): Scaling["type"] {
  const named = settings["rope_type"] ?? settings["type"] ?? "default";
  const type = rule.longrope?.includes(named as string) ? "longrope" : named;
  if (typeof type !== "string" || !Object.hasOwn(ownKeys, type)) {
    throw config.unsupported(key, `not implemented; the types ${Object.keys(ownKeys).join(", ")} are`);
  }
  const known = [
    ...commonKeys,
    ...(rule.thetaKeys ?? []),
    ...(rule.shareKeys ?? []),
    ...(rule.keys ?? []),
    ...ownKeys[type as Scaling["type"]],
  ];
  const unknown = Object.keys(settings).find((name) => !known.includes(name) && (settings[name] ?? null) !== null);
  if (unknown !== undefined) throw config.unsupported(key, `not implemented: type "${type}" with ${excerpt(unknown)}`);
  return type as Scaling["type"];
}

/** How many channels of a head turn, and the exponents of their frequencies. */
function turning(
  config: ConfigFile,
  rule: RopeRule,
  key: string,
  settings: Readonly<Record<string, unknown>>,
  headSize: number,
  type: string,
): { width: number; exponents: number[] } {
  const channels = rule.width ? rule.width(config) : Math.floor(headSize * shareOf());
  const whole = channels === headSize;
  if (channels > headSize) {
    throw config.wrong("rotary_dim", `at most the ${headSize} channels of a head, for rotary positions`, channels);
  }
  if (channels < 2 || (channels % 2 !== 0 && !rule.odd)) {
    if (whole) throw config.wrong("head_dim", "an even number, for rotary positions", headSize);
    throw config.wrong("partial_rotary_factor", `an even number of the ${headSize} channels of a head`, channels);
  }
  const exponents = Array.from({ length: Math.ceil(channels / 2) }, (_, c) => (2 * c) / channels);
  if (2 * exponents.length > headSize) {
    throw config.wrong("partial_rotary_factor", `an even number of the ${headSize} channels of a head`, channels);
  }
  return { width: 2 * exponents.length, exponents };

  function shareOf(): number {
    const names = ["partial_rotary_factor", ...(rule.shareKeys ?? [])];
    const inside = names.find((name) => (settings[name] ?? undefined) !== undefined);
    const name = inside ?? config.name(names);
    const value = inside ? settings[inside] : (config.value(name) ?? rule.share ?? 1);
    if (typeof value !== "number" || !(value > 0)) throw config.wrong(name, "a number above 0", value);
    if (value > 1) throw config.wrong(name, "a share of the head, at most 1", value);
    if (value !== 1 && rule.share === undefined && type === "default") {
      throw inside
        ? config.unsupported(key, `not implemented: ${excerpt(name)} for this architecture, whose library ignores it`)
        : config.unsupported(name, "not implemented for this architecture, whose library ignores it");
    }
    return value;
  }
}

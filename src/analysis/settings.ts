// The settings of a measurement: what they are, once for the options of `sweep`, the flags of the command, the
// provenance of a report and its reader.
import { object, type Reader, since } from "../base/schema.js";
import type { ModelConfig } from "../models/model.js";
import { type PartName, partNames } from "./parts.js";
import { choice, integer, integers, positive, type Setting, several, toggle } from "./settingKinds.js";
import type { WindowRule } from "./windows.js";

/** What a sweep was asked to measure, every default filled in. */
export interface Settings {
  /** The parts measured, side by side; "normed-model" comes with "model" where the model has a final norm. */
  of: PartName[];
  /** In ascending order. */
  layers: number[];
  /** Whether each head was measured alone too, after its whole layer. */
  heads: boolean;
  /** Tokens per window. */
  lengths: number[];
  /** Windows per length. */
  samples: number;
  /** Where in the text the windows lie; `cutWindows` says how. */
  windows: WindowRule;
  /** Of the solver's starts, and of windows at random. */
  seed: number;
  /** As for spectralNorm; null: the solver's default. */
  rtol: number | null;
  /** As for spectralNorm; null: the solver's default. */
  bracket: number | null;
  /** Whether each window began with the model's beginning-of-sequence token. */
  bos: boolean;
  /** Whether each window stood between the special tokens that the model is used with. */
  specialTokens: boolean;
  /** Whether the report holds the words of each window. */
  words: boolean;
}

/** Windows per length; the hidden states of all windows are in memory at once. */
const mostSamples = 100_000;
const everyLayer = ({ layers }: ModelConfig) => Array.from({ length: layers }, (_, layer) => layer);

export const settings: { readonly [K in keyof Settings]: Setting<Settings[K]> } = {
  of: several(
    "parts: attention,normed-attention,feed-forward,block,model (default attention)",
    partNames.filter((part) => part !== "normed-model"),
    partNames,
  ) as Setting<PartName[]>,
  layers: integers(
    "layers, counted from 0 (default: all)",
    ({ layers }) => ({ min: 0, max: layers - 1, words: `this model has layers 0 to ${layers - 1}` }),
    everyLayer,
  ),
  heads: toggle("measure each head alone, too"),
  lengths: integers("tokens per window", ({ context }) => ({
    min: 1,
    max: context,
    words: `this model takes at most ${context} tokens`,
  })),
  samples: integer("windows per length (default 10)", 1, mostSamples, 10),
  windows: choice(
    "where they lie: evenly over the text, at its beginning, or at random (default spread)",
    "spread",
    "first",
    "random",
  ),
  seed: integer(
    "of the solver's starts, of random windows and a random model's weights (default 0)",
    0,
    Number.MAX_SAFE_INTEGER,
    0,
  ),
  rtol: positive("relative accuracy of sigma, with 95 % confidence (default 1e-2)", 1),
  bracket: positive("go on until upper/lower - 1 is at most X (default 0.1)"),
  bos: toggle("begin each window with the model's beginning-of-sequence token, BERT's [CLS]", ({ bosToken }) =>
    bosToken === undefined ? "this model has no beginning-of-sequence token" : undefined,
  ),
  specialTokens: toggle("put the model's special tokens around each window; they count among the n"),
  words: toggle("keep the words of each window in the report"),
};

export type SettingName = keyof Settings;
/** The name of a setting's flag, without its dashes. */
export const flagOf = (name: SettingName) => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);

export const settingNames = Object.keys(settings) as SettingName[];

/**
 * The settings with their defaults, held against the model.
 * @throws TypeError, RangeError
 */
export function checkSettings(given: { [K in SettingName]?: unknown }, model: ModelConfig): Settings {
  const entries = settingNames.map((name) => {
    const setting = settings[name] as Setting<unknown>;
    const value = setting.check(name, given[name], model);
    const objection = setting.objection?.(value, model);
    if (objection !== undefined) throw new RangeError(`"${name}": ${objection}; leave ${name} out`);
    return [name, value];
  });
  const checked = Object.fromEntries(entries) as Settings;
  return { ...checked, layers: checked.layers.sort((a, b) => a - b) };
}

/** What reports of before a setting was there mean. */
const before: { [K in SettingName]?: Settings[K] } = {
  of: ["attention"],
  heads: false,
  windows: "first",
  specialTokens: false,
  words: false,
};

/** Of the settings in a report. */
export const readSettings: Reader<Settings> = object<Settings>(
  Object.fromEntries(
    settingNames.map((name) => {
      const read = settings[name].read as Reader<unknown>;
      return [name, name in before ? since(before[name], read) : read];
    }),
  ) as { [K in SettingName]: Reader<Settings[K]> },
);

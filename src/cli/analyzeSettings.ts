// What `howsmooth analyze` was asked for, from its command line.
import type { Setting } from "../analysis/settingKinds.js";
import { flagOf, type SettingName, type Settings, settingNames, settings } from "../analysis/settings.js";
import type { ModelConfig } from "../models/model.js";
import { analyze, defaultLengths, randomModels } from "./commands.js";
import type { CommandLine } from "./flags.js";
import { suggestion, UsageError } from "./usage.js";

export interface AnalyzeSettings {
  source: string;
  text?: string;
  tokens?: string;
  /** Of the measurement, as far as they were given. */
  asked: Asked;
  /** Of the solver's starts and of a random model's weights. */
  seed: number;
  device?: "auto" | "wasm" | "webgpu";
  dtype?: "f32" | "f64";
  threads: number | "auto";
  out?: string;
  resume: boolean;
  json: boolean;
  failAbove?: number;
  /** Both or neither. */
  baseline?: string;
  failGrowth?: number;
}

export type Asked = { [K in SettingName]?: NonNullable<Settings[K]> };

/** @throws UsageError */
export function readSettings(line: CommandLine): AnalyzeSettings {
  const fail = (message: string): never => {
    throw new UsageError(message, analyze.name);
  };
  const [source, ...rest] = line.operands;
  if (!source) fail("which model? Give a folder, owner/name of the hub, a URL, tiny or random:gpt2");
  if (rest.length > 0) fail(`expected one model, got ${rest.length} more: ${rest.join(" ")}`);
  if (source.startsWith("random:") && !randomModels.includes(source)) {
    fail(`unknown random model ${source}${suggestion(source, randomModels) || `; known: ${randomModels.join(", ")}`}`);
  }
  if (line.has("text") && line.has("tokens")) fail("give either --text or --tokens, not both");
  const asked = readMeasurement(line, fail);
  for (const flag of ["text", "tokens", "out", "baseline"]) {
    if (line.text(flag) === "") fail(`--${flag}: expected a path, got an empty one`);
  }

  if (line.has("resume") && !line.has("out")) fail("--resume goes on from the report in --out DIR; name the folder");
  if (line.has("baseline") !== line.has("fail-growth")) {
    fail("--baseline FILE and --fail-growth X belong together; give both, as in --baseline old.json --fail-growth 1.2");
  }

  return {
    source,
    text: line.text("text"),
    tokens: line.text("tokens"),
    asked,
    seed: asked.seed ?? 0,
    device: line.oneOf("device", "auto", "wasm", "webgpu"),
    dtype: line.oneOf("dtype", "f32", "f64"),
    threads:
      line.text("threads") === "auto"
        ? "auto"
        : (line.number("threads", "auto or an integer from 1 to 256", (value) => {
            return Number.isInteger(value) && value >= 1 && value <= 256;
          }) ?? 1),
    out: line.text("out"),
    resume: line.has("resume"),
    json: line.has("json"),
    failAbove: line.number("fail-above", "a number of at least 0", (value) => value >= 0),
    baseline: line.text("baseline"),
    failGrowth: line.number("fail-growth", "a number above 0", (value) => value > 0),
  };
}

/** The settings of a measurement that were given, by their own description. */
function readMeasurement(line: CommandLine, fail: (message: string) => never): Asked {
  const given = settingNames.filter((name) => line.has(flagOf(name)));
  const entries = given.map((name) => {
    const { expected, fromText } = settings[name] as Setting<unknown>;
    const flag = flagOf(name);
    const text = line.text(flag) ?? "";
    return [name, fromText(text) ?? fail(`--${flag}: expected ${expected}, got ${JSON.stringify(text)}`)];
  });
  const asked = Object.fromEntries(entries) as Asked;
  if (asked.lengths?.includes(0)) fail("--lengths: expected lengths of at least 1, got 0");
  return asked;
}

/**
 * The settings, held against what this model has.
 * @throws UsageError
 */
export function forModel(asked: Asked, config: ModelConfig): Asked & { lengths: number[] } {
  const fail = (message: string): never => {
    throw new UsageError(message, analyze.name);
  };
  if (config.image) {
    fail(
      `this ${config.architecture} model reads images, not text or tokens; ` +
        "measure it in a program, by trace({ pixels }, { layers }) and localLipschitz",
    );
  }
  for (const [name, value] of Object.entries(asked)) {
    const setting = settings[name as SettingName] as Setting<unknown>;
    const flag = flagOf(name as SettingName);
    const problem = outside(setting, value, config);
    if (problem) fail(`--${flag}: ${problem}`);
    const objection = setting.objection?.(value, config);
    if (objection) fail(`--${flag}: ${objection}; leave the flag out`);
  }
  return { ...asked, lengths: asked.lengths ?? defaultLengths.filter((n) => n <= config.context) };
}

/** What is wrong with integers that this model does not have; undefined where nothing is. */
export function outside(setting: Setting<unknown>, value: unknown, config: ModelConfig): string | undefined {
  if (!setting.limits) return undefined;
  const { min, max, words } = setting.limits(config);
  const found = (value as number[]).find((integer) => integer < min || integer > max);
  return found === undefined ? undefined : `${words}, got ${found}`;
}

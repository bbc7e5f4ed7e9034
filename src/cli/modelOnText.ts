// What the commands that set theory beside measurement ask for: a model, a text, layers and lengths.

import { defaultText } from "../analysis/samples/essay.js";
import { settings } from "../analysis/settings.js";
import type { Model, ModelConfig } from "../models/model.js";
import { outside } from "./analyzeSettings.js";
import { randomModels } from "./commands.js";
import type { CommandLine } from "./flags.js";
import { readText, readTokens } from "./input.js";
import { suggestion, UsageError } from "./usage.js";

export interface ModelOnText {
  source: string;
  /** The file, or what it is instead. */
  textName: string;
  layers?: number[];
  lengths?: number[];
  seed: number;
  /** Reads the file, before the model is opened. */
  read(): Promise<(model: Model) => number[]>;
}

/** @throws UsageError */
export function readModelOnText(line: CommandLine, source: string | undefined, command: string): ModelOnText {
  const fail = (message: string): never => {
    throw new UsageError(message, command);
  };
  if (!source) return fail("which model? Give a folder, owner/name of the hub, a URL, tiny or random:gpt2");
  if (source.startsWith("random:") && !randomModels.includes(source)) {
    fail(`unknown random model ${source}${suggestion(source, randomModels) || `; known: ${randomModels.join(", ")}`}`);
  }
  const [text, tokens] = [line.text("text"), line.text("tokens")];
  if (text !== undefined && tokens !== undefined) fail("give either --text or --tokens, not both");
  const lengths = line.integers("lengths");
  if (lengths?.includes(0)) fail("--lengths: expected lengths of at least 1, got 0");
  return {
    source,
    textName: text ?? tokens ?? "a text of ours",
    layers: line.integers("layers"),
    lengths,
    seed: line.number("seed", "an integer from 0", (value) => Number.isSafeInteger(value) && value >= 0) ?? 0,
    async read() {
      if (tokens !== undefined) {
        const ids = await readTokens(tokens);
        return () => ids;
      }
      const content = text === undefined ? defaultText : await readText(text);
      return (model) => model.encode(content);
    },
  };
}

/** The layers and lengths asked for, held against what the model has. */
export function fitToModel(
  { layers, lengths }: ModelOnText,
  config: ModelConfig,
  defaults: { layers: number[]; lengths: number[] },
  command: string,
): { layers: number[]; lengths: number[] } {
  for (const [name, value] of [["layers", layers] as const, ["lengths", lengths] as const]) {
    const problem = value && outside(settings[name], value, config);
    if (problem) throw new UsageError(`--${name}: ${problem}`, command);
  }
  return {
    layers: layers ?? defaults.layers.filter((layer) => layer < config.layers),
    lengths: lengths ?? defaults.lengths.filter((n) => n <= config.context),
  };
}

// What `howsmooth analyze` was asked for, from its command line.
import { analyze } from "./commands.js";
import type { CommandLine } from "./flags.js";
import { suggestion, UsageError } from "./usage.js";

export interface AnalyzeSettings {
  source: string;
  text?: string;
  tokens?: string;
  layers?: number[];
  lengths?: number[];
  samples: number;
  seed: number;
  rtol?: number;
  bracket?: number;
  bos: boolean;
  device?: "auto" | "wasm" | "webgpu";
  dtype?: "f32" | "f64";
  out?: string;
  json: boolean;
  failAbove?: number;
}

const randomModels = ["random:gpt2"];

/** @throws UsageError */
export function readSettings(line: CommandLine): AnalyzeSettings {
  const fail = (message: string): never => {
    throw new UsageError(message, analyze.name);
  };
  const [source, ...rest] = line.operands;
  if (!source) fail("which model? Give a folder or random:gpt2");
  if (rest.length > 0) fail(`expected one model, got ${rest.length} more: ${rest.join(" ")}`);
  if (source.startsWith("random:") && !randomModels.includes(source)) {
    fail(`unknown random model ${source}${suggestion(source, randomModels) || `; known: ${randomModels.join(", ")}`}`);
  }
  if (line.has("text") && line.has("tokens")) fail("give either --text or --tokens, not both");
  const lengths = line.integers("lengths");
  if (lengths?.includes(0)) fail("--lengths: expected lengths of at least 1, got 0");
  for (const flag of ["text", "tokens", "out"]) {
    if (line.text(flag) === "") fail(`--${flag}: expected a path, got an empty one`);
  }

  const isPositive = (value: number) => value > 0;
  return {
    source,
    text: line.text("text"),
    tokens: line.text("tokens"),
    layers: line.integers("layers"),
    lengths,
    samples:
      line.number(
        "samples",
        "an integer from 1 to 100000",
        (value) => Number.isInteger(value) && value >= 1 && value <= 1e5,
      ) ?? 10,
    seed: line.number("seed", "an integer from 0", (value) => Number.isSafeInteger(value) && value >= 0) ?? 0,
    rtol: line.number("rtol", "a number above 0 and below 1", (value) => value > 0 && value < 1),
    bracket: line.number("bracket", "a number above 0", isPositive),
    bos: line.has("bos"),
    device: line.oneOf("device", "auto", "wasm", "webgpu"),
    dtype: line.oneOf("dtype", "f32", "f64"),
    out: line.text("out"),
    json: line.has("json"),
    failAbove: line.number("fail-above", "a number of at least 0", (value) => value >= 0),
  };
}

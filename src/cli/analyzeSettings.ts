// What `howsmooth analyze` was asked for, from its command line.
import { analyze, randomModels } from "./commands.js";
import type { CommandLine } from "./flags.js";
import { suggestion, UsageError } from "./usage.js";

export interface AnalyzeSettings {
  source: string;
  text?: string;
  tokens?: string;
  layers?: number[];
  heads: boolean;
  lengths?: number[];
  samples: number;
  seed: number;
  rtol?: number;
  bracket?: number;
  bos: boolean;
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
  const lengths = line.integers("lengths");
  if (lengths?.includes(0)) fail("--lengths: expected lengths of at least 1, got 0");
  for (const flag of ["text", "tokens", "out", "baseline"]) {
    if (line.text(flag) === "") fail(`--${flag}: expected a path, got an empty one`);
  }

  if (line.has("resume") && !line.has("out")) fail("--resume goes on from the report in --out DIR; name the folder");
  if (line.has("baseline") !== line.has("fail-growth")) {
    fail("--baseline FILE and --fail-growth X belong together; give both, as in --baseline old.json --fail-growth 1.2");
  }

  const isPositive = (value: number) => value > 0;
  return {
    source,
    text: line.text("text"),
    tokens: line.text("tokens"),
    layers: line.integers("layers"),
    heads: line.has("heads"),
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
    failGrowth: line.number("fail-growth", "a number above 0", isPositive),
  };
}

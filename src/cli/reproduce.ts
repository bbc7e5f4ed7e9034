// howsmooth reproduce: a figure of the papers, made again, as JSON, SVG and a paragraph.

import { version } from "../base/version.js";
import type { Figure } from "../figures/figure.js";
import { castinText, figureJSON, figureMarkdown, figureNames, figureSVG, figures } from "../figures/index.js";
import type { Runtime } from "../measure/createRuntime.js";
import { reproduce as command } from "./commands.js";
import type { Engine } from "./engine.js";
import { checkWritable, writeFiles } from "./files.js";
import type { CommandLine } from "./flags.js";
import { exitCode, type IO } from "./io.js";
import { fitToModel, type ModelOnText, readModelOnText } from "./modelOnText.js";
import { openModel } from "./open.js";
import { createProgress, type Progress } from "./progress.js";
import { suggestion, UsageError } from "./usage.js";

const defaultFolder = "figures";
const textLengths = [2, 4, 6, 8, 12, 16, 24, 32, 48, 64, 80, 100];
const modelFlags = ["text", "tokens", "layers", "lengths", "samples"];

interface Settings {
  name: string;
  seed: number;
  quick: boolean;
  samples: number;
  /** castin-text only. */
  model?: ModelOnText;
}

export async function reproduce(line: CommandLine, io: IO, engine: Engine): Promise<number> {
  const settings = readSettings(line);
  const encode = await settings.model?.read();
  const folder = line.text("out") ?? defaultFolder;
  const files = ["json", "md", "svg"].map((ending) => `${settings.name}.${ending}`);
  await checkWritable(folder, files);

  io.keepOn?.();
  const progress = createProgress(io.stderr, io.now);
  const runtime = await engine.createRuntime({ device: "wasm", dtype: "f64" });
  try {
    const figure = encode
      ? await ofModel(settings, encode, runtime, progress, io, engine)
      : await figures[settings.name](runtime, { ...shared(settings, progress), signal: io.signal });
    progress.clear();
    const json = figureJSON(figure, runtime.info, version);
    const markdown = figureMarkdown(figure);
    await writeFiles(folder, {
      [`${figure.name}.json`]: json,
      [`${figure.name}.md`]: markdown,
      [`${figure.name}.svg`]: figureSVG(figure),
    });
    io.stdout.write(line.has("json") ? json : markdown);
    io.stderr.write(`howsmooth: wrote ${files.join(", ")} into ${folder}\n`);
    return judge(figure, io);
  } finally {
    progress.clear();
    runtime.dispose();
  }
}

function readSettings(line: CommandLine): Settings {
  const fail = (message: string): never => {
    throw new UsageError(message, command.name);
  };
  const [name, ...rest] = line.operands;
  if (!name) fail(`which figure? One of ${figureNames.join(", ")}`);
  if (!figureNames.includes(name)) {
    fail(`unknown figure ${name}${suggestion(name, figureNames) || `; known: ${figureNames.join(", ")}`}`);
  }
  if (line.text("out") === "") fail("--out: expected a path, got an empty one");
  const ofText = name === "castin-text";
  const most = ofText ? 1 : 0;
  if (rest.length > most) {
    fail(`expected ${ofText ? "one model" : "no argument"} after ${name}, got ${rest.slice(most).join(" ")}`);
  }
  const misplaced = ofText ? undefined : modelFlags.find((flag) => line.has(flag));
  if (misplaced) fail(`--${misplaced} is of castin-text only; ${name} makes its own layers and inputs`);
  const isCount = (value: number) => Number.isInteger(value) && value >= 1 && value <= 1e4;
  const quick = line.has("quick");
  return {
    name,
    seed: line.number("seed", "an integer from 0", (value) => Number.isSafeInteger(value) && value >= 0) ?? 0,
    quick,
    samples: line.number("samples", "an integer from 1 to 10000", isCount) ?? (quick ? 1 : 3),
    model: ofText ? readModelOnText(line, rest[0], command.name) : undefined,
  };
}

async function ofModel(
  settings: Settings,
  encode: Awaited<ReturnType<ModelOnText["read"]>>,
  runtime: Runtime,
  progress: Progress,
  io: IO,
  engine: Engine,
): Promise<Figure> {
  const asked = settings.model!;
  const model = await openModel(asked, runtime, progress, io, engine);
  try {
    const middle = Math.floor(model.layers / 2);
    const defaults = {
      layers: [...new Set([0, middle])],
      lengths: settings.quick ? [2, 4, 8] : textLengths,
    };
    return await castinText(model, {
      ...fitToModel(asked, model.config, defaults, command.name),
      ...shared(settings, progress),
      tokens: encode(model),
      samples: settings.samples,
      text: asked.textName,
      signal: io.signal,
    });
  } finally {
    model.dispose();
  }
}

function shared({ seed, quick }: Settings, progress: Progress) {
  return {
    seed,
    quick,
    onProgress: ({ fraction, label }: { fraction: number; label: string }) => progress.show(fraction, label),
  };
}

/** A number that is not what it was before is a failure to reproduce. */
function judge({ comparisons }: Figure, io: IO): number {
  const different = comparisons.filter(({ agrees }) => !agrees);
  for (const { quantity, measured, expected, source } of different) {
    const wanted = typeof expected === "number" ? String(expected) : `${expected[0]} to ${expected[1]}`;
    io.stderr.write(`howsmooth: not reproduced: ${quantity} is ${measured}, expected ${wanted} (${source})\n`);
  }
  return different.length > 0 ? exitCode.failed : exitCode.ok;
}

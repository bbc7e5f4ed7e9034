// howsmooth analyze: measure, show rows as they come, write the report, judge by the gate.
import { rowsAbove } from "../analysis/gate.js";
import { assembleReport, isMeasured, type Provenance, type Report, type Row } from "../analysis/report.js";
import { type SweepEvent, type SweepOptions, sweep } from "../analysis/sweep.js";
import type { Model, ModelConfig } from "../models/model.js";
import { toCSV } from "../report/csv.js";
import { toHTML } from "../report/html.js";
import { toJSON } from "../report/json.js";
import { formatNumber } from "../report/numbers.js";
import { toSVG } from "../report/svg.js";
import { formatHeader, formatRow, formatSummary } from "../report/table.js";
import type { Runtime } from "../runtime.js";
import { type AnalyzeSettings, readSettings } from "./analyzeSettings.js";
import type { Engine } from "./engine.js";
import { checkWritable, writeFiles } from "./files.js";
import type { CommandLine } from "./flags.js";
import { readText, readTokens } from "./input.js";
import { exitCode, type IO } from "./io.js";
import { networkOptions } from "./network.js";
import { createProgress } from "./progress.js";
import { defaultText } from "./text.js";
import { UsageError } from "./usage.js";

const reportFiles = ["report.csv", "report.html", "report.json", "report.svg"];
const defaultLengths = [2, 4, 8, 16, 32, 64];

export async function analyze(line: CommandLine, io: IO, engine: Engine): Promise<number> {
  const settings = readSettings(line);
  const input = await readInput(settings);
  if (settings.out !== undefined) await checkWritable(settings.out, reportFiles);

  const runtime = await engine.createRuntime({ device: settings.device, dtype: settings.dtype });
  try {
    const model = await openModel(settings, runtime, io, engine);
    try {
      const options = { ...input, ...sweepSettings(settings, model.config), runtime, signal: io.signal };
      return judge(await measure(model, options, settings, io, engine), settings, io);
    } finally {
      model.dispose();
    }
  } finally {
    runtime.dispose();
  }
}

async function readInput({ text, tokens }: AnalyzeSettings): Promise<{ text: string } | { tokens: number[] }> {
  if (tokens !== undefined) return { tokens: await readTokens(tokens) };
  return { text: text === undefined ? defaultText : await readText(text) };
}

async function openModel({ source, seed }: AnalyzeSettings, runtime: Runtime, io: IO, engine: Engine): Promise<Model> {
  if (source === "random:gpt2") return engine.randomModel("gpt2", { runtime, seed });
  return engine.loadModel(source, { runtime, signal: io.signal, ...networkOptions(io) });
}

/** The settings, held against what this model has. */
function sweepSettings(
  { layers, lengths, samples, seed, rtol, bracket, bos }: AnalyzeSettings,
  config: ModelConfig,
): Omit<SweepOptions, "text" | "tokens"> {
  const layer = layers?.find((layer) => layer >= config.layers);
  if (layer !== undefined) {
    throw new UsageError(`--layers: this model has layers 0 to ${config.layers - 1}, got ${layer}`, "analyze");
  }
  const length = lengths?.find((length) => length > config.context);
  if (length !== undefined) {
    throw new UsageError(`--lengths: this model takes at most ${config.context} tokens, got ${length}`, "analyze");
  }
  if (bos && config.bosToken === undefined) {
    throw new UsageError("--bos: this model has no beginning-of-sequence token; leave the flag out", "analyze");
  }
  return {
    layers,
    lengths: lengths ?? defaultLengths.filter((n) => n <= config.context),
    samples,
    seed,
    rtol,
    bracket,
    bos,
  };
}

/** Sweeps; whatever stops it halfway, the rows so far are delivered as a report marked incomplete. */
async function measure(
  model: Model,
  options: SweepOptions,
  settings: AnalyzeSettings,
  io: IO,
  engine: Engine,
): Promise<Report> {
  const progress = createProgress(io.stderr, io.now);
  const rows: Row[] = [];
  let provenance: Provenance | undefined;
  let total = 0;
  let tokensDone = 0;

  const onProgress = (event: SweepEvent) => {
    if (event.type === "start") {
      ({ provenance, total } = event);
      if (!settings.json) io.stdout.write(`${formatHeader()}\n`);
      progress.show(0, `layer ${provenance.options.layers[0]}`);
      return;
    }
    const { row, done } = event;
    rows.push(row);
    progress.clear();
    if (!settings.json) io.stdout.write(`${formatRow(row)}\n`);
    tokensDone += row.n;
    const { layers, lengths, samples } = provenance!.options;
    const tokens = layers.length * samples * lengths.reduce((sum, n) => sum + n, 0);
    if (done < total) progress.show(tokensDone / tokens, `row ${done} of ${total}, layer ${row.layer}`);
  };

  const report = await sweep(model, { ...options, onProgress }, engine.measure).catch(async (error) => {
    progress.clear();
    if (provenance) {
      await deliver(assembleReport(provenance, rows, false), settings, io);
      if (settings.out !== undefined) {
        io.stderr.write(`howsmooth: ${settings.out} holds a report of the first ${rows.length} of ${total} rows\n`);
      }
    }
    throw error;
  });
  await deliver(report, settings, io);
  return report;
}

async function deliver(report: Report, { json, out }: AnalyzeSettings, io: IO): Promise<void> {
  const text = toJSON(report);
  io.stdout.write(json ? text : `\n${formatSummary(report)}\n`);
  if (out === undefined) return;
  await writeFiles(out, {
    "report.csv": toCSV(report),
    "report.html": toHTML(report),
    "report.svg": toSVG(report),
    "report.json": text,
  });
}

function judge(report: Report, { failAbove }: AnalyzeSettings, io: IO): number {
  const { rows } = report;
  const failed = rows.filter((row) => !isMeasured(row));
  if (failed.length > 0) {
    io.stderr.write(
      `howsmooth: ${failed.length} of ${rows.length} rows failed, the first at ${placeOf(failed[0])}: ${failed[0].error}\n`,
    );
  }
  const above = failAbove === undefined ? [] : rowsAbove(report, failAbove);
  if (failAbove !== undefined && above.length > 0) {
    const [worst] = above;
    const excess = worst.upper - failAbove;
    const percent = failAbove > 0 ? ` (${((100 * excess) / failAbove).toFixed(1)} %)` : "";
    io.stderr.write(
      `howsmooth: --fail-above ${failAbove}: ${above.length} of ${rows.length} rows are above, the most at ` +
        `${placeOf(worst)}: upper bound ${formatNumber(worst.upper)}, ${formatNumber(excess)}${percent} too much\n`,
    );
    return exitCode.gate;
  }
  return failed.length > 0 ? exitCode.failed : exitCode.ok;
}

function placeOf({ layer, n, sample }: Row): string {
  return `layer ${layer}, n ${n}, sample ${sample}`;
}

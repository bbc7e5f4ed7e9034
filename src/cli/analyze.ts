// howsmooth analyze: measure, show rows as they come, write the report, judge by the gate.
import { existsSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import {
  assembleReport,
  isMeasured,
  type Provenance,
  placeOf,
  plannedRows,
  type Report,
  type Row,
} from "../analysis/report.js";
import { defaultText } from "../analysis/samples/essay.js";
import { type SweepEvent, type SweepOptions, sweep } from "../analysis/sweep.js";
import type { Pool } from "../analysis/workers/pool.js";
import type { Runtime } from "../measure/createRuntime.js";
import type { Model } from "../models/model.js";
import { toCSV } from "../report/csv.js";
import { toHTML } from "../report/html.js";
import { toJSON } from "../report/json.js";
import { toSVG } from "../report/svg.js";
import { formatHeader, formatRow, formatSummary } from "../report/table.js";
import { type AnalyzeSettings, forModel, readSettings } from "./analyzeSettings.js";
import { Checkpoint, readCheckpoint } from "./checkpoint.js";
import type { Engine } from "./engine.js";
import { checkWritable, writeFiles } from "./files.js";
import type { CommandLine } from "./flags.js";
import { judge, limitsOf } from "./gate.js";
import { readReport, readText, readTokens } from "./input.js";
import { type IO, ReaderLeft } from "./io.js";
import { openModel } from "./open.js";
import { createProgress, type Progress } from "./progress.js";
import { UsageError } from "./usage.js";

const reportFiles = ["report.csv", "report.html", "report.json", "report.svg"];

export async function analyze(line: CommandLine, io: IO, engine: Engine): Promise<number> {
  const settings = readSettings(line);
  const input = await readInput(settings);
  const { out, baseline } = settings;
  const limits = limitsOf(settings, baseline === undefined ? undefined : await readReport(baseline, "--baseline"));
  const gate = limits.failAbove === undefined && !limits.growth ? undefined : limits;
  if (out !== undefined) await checkWritable(out, reportFiles);
  if (out !== undefined || gate) io.keepOn?.();
  const resume = settings.resume ? await readUnfinished(out!, io) : undefined;

  const progress = createProgress(io.stderr, io.now);
  const runtime = await engine.createRuntime({ device: settings.device, dtype: settings.dtype });
  try {
    const model = await openModel(settings, runtime, progress, io, engine);
    try {
      const options = { ...input, ...forModel(settings.asked, model.config), gate, runtime, resume, signal: io.signal };
      const report = await measure(model, options, settings, progress, io, engine);
      return judge(report, limits, baseline, io);
    } finally {
      model.dispose();
    }
  } finally {
    progress.clear();
    runtime.dispose();
  }
}

/** The report to go on from; none where the folder has none yet, so that the same command line can be run until done. */
async function readUnfinished(out: string, io: IO): Promise<Report | undefined> {
  const killed = await readCheckpoint(out);
  if (killed) return killed;
  const path = join(out, "report.json");
  if (existsSync(path)) return readReport(path, "--resume");
  io.stderr.write(`howsmooth: --resume: no report.json in ${out} yet; starting from the beginning\n`);
  return undefined;
}

async function readInput({ text, tokens }: AnalyzeSettings): Promise<{ text: string } | { tokens: number[] }> {
  if (tokens !== undefined) return { tokens: await readTokens(tokens) };
  return { text: text === undefined ? defaultText : await readText(text) };
}

/** Sweeps; whatever stops it halfway, the rows so far are delivered as a report marked incomplete. */
async function measure(
  model: Model,
  options: SweepOptions & { runtime: Runtime },
  settings: AnalyzeSettings,
  progress: Progress,
  io: IO,
  engine: Engine,
): Promise<Report> {
  const rows: Row[] = [];
  let provenance: Provenance | undefined;
  const shown = { heads: options.heads, parts: options.of !== undefined && String(options.of) !== "attention" };
  const warn = (message: string) => {
    progress.clear();
    io.stderr.write(`howsmooth: ${message}\n`);
  };
  const checkpoint = settings.out === undefined ? undefined : new Checkpoint(settings.out, warn);
  let tokensLeft = 0;
  let tokensDone = 0;

  const onProgress = (event: SweepEvent) => {
    if (event.type === "start") {
      ({ provenance } = event);
      checkpoint?.begin(provenance, options.resume?.rows ?? []);
      tokensLeft = plannedTokens(provenance) - keptTokens(options.resume);
      progress.clear();
      if (!settings.json) io.stdout.write(`${formatHeader(shown)}\n`);
      progress.show(0, `layer ${provenance.options.layers[0]}`);
      return;
    }
    const { row, done, total, resumed } = event;
    rows.push(row);
    checkpoint?.add(row);
    progress.clear();
    if (!settings.json) io.stdout.write(`${formatRow(row, shown)}\n`);
    if (!resumed) tokensDone += row.n;
    if (done < total) progress.show(tokensDone / tokensLeft, `row ${done} of ${total}, layer ${row.layer}`);
  };

  const pool = openPool(settings, options.runtime, engine);
  const concurrency = pool ? rowsAhead * pool.size : 1;
  const swept = async () => {
    try {
      return await sweep(model, { ...options, concurrency, onProgress }, pool?.measure ?? engine.measure);
    } catch (error) {
      progress.clear();
      const worthKeeping = provenance && !(error instanceof ReaderLeft);
      if (worthKeeping) await deliverUnfinished(provenance!, withKept(rows, options.resume), settings, io);
      delivered = true;
      throw error;
    } finally {
      pool?.close();
    }
  };
  let delivered = false;
  try {
    const report = await swept();
    progress.clear();
    await deliver(report, settings, io);
    delivered = true;
    return report;
  } finally {
    await checkpoint?.end(delivered);
  }
}

/** Rows handed to the workers before the first is awaited, for each of them: they differ in cost. */
const rowsAhead = 4;

function openPool({ threads }: AnalyzeSettings, { info }: Runtime, engine: Engine): Pool | undefined {
  const size = threads === "auto" ? availableParallelism() : threads;
  if (size === 1 || (threads === "auto" && info.device !== "wasm")) return undefined;
  if (info.device === "wasm") return engine.createPool(size, info.dtype);
  throw new UsageError(`--threads ${threads}: rows are shared out on wasm only, not on ${info.device}`, "analyze");
}

function plannedTokens(provenance: Provenance): number {
  const { lengths } = provenance.options;
  return (plannedRows(provenance) / lengths.length) * lengths.reduce((sum, n) => sum + n, 0);
}

function keptTokens(resume: Report | undefined): number {
  return resume?.rows.filter(isMeasured).reduce((sum, { n }) => sum + n, 0) ?? 0;
}

/** An interruption loses nothing: rows of the resumed report that did not come up again yet are kept. */
function withKept(rows: readonly Row[], resume: Report | undefined): Row[] {
  const places = new Set(rows.map(placeOf));
  return [...rows, ...(resume?.rows ?? []).filter((row) => !places.has(placeOf(row)))];
}

async function deliverUnfinished(provenance: Provenance, rows: Row[], settings: AnalyzeSettings, io: IO) {
  await deliver(assembleReport(provenance, rows, false), settings, io);
  if (settings.out === undefined) return;
  const total = plannedRows(provenance);
  io.stderr.write(
    `howsmooth: ${settings.out} holds a report of ${rows.length} of ${total} rows; --resume goes on from there\n`,
  );
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

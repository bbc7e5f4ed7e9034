// Measures local Lipschitz constants over layers × lengths × samples of one text.
import { checkInteger, checkKeys, checkNumber, throwIfAborted, wrongKind, wrongValue } from "../check.js";
import type { LinearizableLayer } from "../layer.js";
import { localLipschitz } from "../localLipschitz.js";
import type { Model } from "../models/model.js";
import type { AbortSignalLike } from "../platform.js";
import { deriveSeed } from "../random.js";
import type { RuntimeInfo } from "../runtime.js";
import type { SpectralNorm, SpectralNormOptions } from "../spectral/result.js";
import type { Tensor } from "../tensor.js";
import { turn } from "../turn.js";
import { version } from "../version.js";
import { sha256 } from "./digest.js";
import { assembleReport, type Provenance, type Report, type Row } from "./report.js";
import { cutWindows, type Window, wrapNote } from "./windows.js";

export interface SweepOptions {
  /** The text to cut windows from; this or `tokens`. */
  text?: string;
  tokens?: readonly number[];
  /** Default: all of the model's. */
  layers?: readonly number[];
  /** Tokens per window, each from 1 to the model's context. */
  lengths: readonly number[];
  /** Windows per length, at most 100 000; default 10. */
  samples?: number;
  /** Default 0. */
  seed?: number;
  /** As for spectralNorm. */
  rtol?: number;
  /** As for spectralNorm: go on until upper/lower − 1 is at most this. */
  bracket?: number;
  /** Put the model's beginning-of-sequence token in front of each window (it counts among the n). Default false. */
  bos?: boolean;
  /** The model's runtime, for the report. */
  runtime?: { readonly info: RuntimeInfo };
  /** Any text, for the report, which otherwise holds no date. */
  date?: string;
  onProgress?: (event: SweepEvent) => void;
  signal?: AbortSignalLike;
}

const optionNames = [
  ...["text", "tokens", "layers", "lengths", "samples", "seed", "rtol", "bracket", "bos"],
  ...["runtime", "date", "onProgress", "signal"],
];
/** Windows per length; the hidden states of all windows are in memory at once. */
const mostSamples = 100_000;

/** `start` comes once, before any row; with the rows so far it makes a report by `assembleReport`. */
export type SweepEvent =
  | { type: "start"; provenance: Provenance; total: number }
  | { type: "row"; row: Row; done: number; total: number };

/** Measures one layer at one input; `localLipschitz` unless another is given. */
export type Measure = (layer: LinearizableLayer, x: Tensor, options: SpectralNormOptions) => Promise<SpectralNorm>;

/**
 * Measures each layer asked for on windows of a text: sample s of length n starts at token s·n (see cutWindows).
 * Layer by layer: the first layer's rows come before the weights of later layers are read or generated.
 * A row that fails is recorded with its error and the rest goes on.
 * @throws TypeError, RangeError for wrong options, before any work; the signal's reason on abort. The rows measured
 *   until then were handed to `onProgress`: `assembleReport(provenance, rows, false)` makes a report of them.
 */
export async function sweep(model: Model, options: SweepOptions, measure: Measure = localLipschitz): Promise<Report> {
  const settings = checkOptions(model, options);
  const { layers, lengths, samples, seed, rtol, bracket, bos } = settings;
  const { signal, onProgress } = options;
  throwIfAborted(signal);

  const stream = checkStream(model, options);
  const plan = { lengths, samples, bosToken: bos ? model.config.bosToken : undefined };
  const provenance: Provenance = {
    howsmooth: version,
    ...(options.date === undefined ? {} : { date: options.date }),
    model: describeModel(model),
    runtime: options.runtime ? describeRuntime(options.runtime.info) : null,
    input: {
      kind: options.text === undefined ? "tokens" : "text",
      sha256: await sha256(options.text ?? JSON.stringify(stream)),
      tokens: stream.length,
      wrapped: wrapNote(stream.length, plan),
    },
    options: settings,
  };
  const windows = cutWindows(stream, plan);
  const total = layers.length * windows.length;
  const rows: Row[] = [];
  onProgress?.({ type: "start", provenance, total });

  const solver: SpectralNormOptions = { signal };
  if (rtol !== null) solver.rtol = rtol;
  if (bracket !== null) solver.bracket = bracket;
  const walk = model.walk(
    windows.map(({ tokens }) => tokens),
    { layers, signal },
  );
  for await (const { layer, attention, inputs } of walk) {
    for (const [at, window] of windows.entries()) {
      await turn();
      throwIfAborted(signal);
      const rowSeed = deriveSeed(seed, layer, window.n, window.sample);
      const row = await measureRow(measure, attention, inputs[at], layer, window, { ...solver, seed: rowSeed });
      rows.push(row);
      onProgress?.({ type: "row", row, done: rows.length, total });
    }
  }
  return assembleReport(provenance, rows, true);
}

async function measureRow(
  measure: Measure,
  attention: LinearizableLayer,
  x: Tensor,
  layer: number,
  { n, sample, start }: Window,
  options: SpectralNormOptions & { seed: number },
): Promise<Row> {
  const radius = largestTokenNorm(x);
  const place = { layer, n, sample, start, radius: Number.isFinite(radius) ? radius : null, seed: options.seed };
  try {
    const { sigma, lower, upper, failureProbability, status, steps, applications } = await measure(
      attention,
      x,
      options,
    );
    return { ...place, sigma, lower, upper, failureProbability, status, steps, applications };
  } catch (error) {
    throwIfAborted(options.signal);
    return {
      ...place,
      sigma: null,
      lower: null,
      upper: null,
      failureProbability: null,
      status: "failed",
      steps: null,
      applications: null,
      error: error instanceof Error ? error.message : String(error),
    };
  }
}

/** The largest Euclidean norm of a row of x [n, d]. */
function largestTokenNorm({ data, shape: [n, d] }: Tensor): number {
  let largest = 0;
  for (let token = 0; token < n; token++) {
    let sum = 0;
    for (let c = token * d; c < (token + 1) * d; c++) sum += data[c] * data[c];
    largest = Math.max(largest, sum);
  }
  return Math.sqrt(largest);
}

function checkOptions(model: Model, options: SweepOptions): Provenance["options"] {
  checkKeys("options", options, optionNames);
  const { layers, lengths, samples = 10, seed = 0, rtol, bracket, bos = false } = options;
  if (typeof bos !== "boolean") throw wrongKind("bos", "true or false", bos);
  if (bos && model.config.bosToken === undefined) {
    throw new RangeError('"bos": this model has no beginning-of-sequence token; leave bos out');
  }
  if (rtol !== undefined) checkNumber("rtol", rtol, 0, 1);
  if (bracket !== undefined) checkNumber("bracket", bracket, 0);
  return {
    layers: layers === undefined ? Array.from({ length: model.layers }, (_, layer) => layer) : checkLayers(),
    lengths: checkList("lengths", lengths, 1, model.config.context),
    samples: checkInteger("samples", samples, 1, mostSamples),
    seed: checkInteger("seed", seed, 0),
    rtol: rtol ?? null,
    bracket: bracket ?? null,
    bos,
  };

  function checkLayers(): number[] {
    return checkList("layers", layers, 0, model.layers - 1).sort((a, b) => a - b);
  }
}

/** A list of different integers of a range; not empty. */
function checkList(label: string, value: unknown, min: number, max: number): number[] {
  if (!Array.isArray(value)) throw wrongKind(label, "an array of integers", value);
  if (value.length === 0) throw wrongValue(label, "at least one integer", value);
  const seen = new Set<number>();
  for (const [at, entry] of value.entries()) {
    checkInteger(`${label}[${at}]`, entry, min, max);
    if (seen.has(entry)) throw wrongValue(label, "every entry once", `${entry} twice`);
    seen.add(entry);
  }
  return [...seen];
}

function checkStream(model: Model, { text, tokens }: SweepOptions): readonly number[] {
  if ((text === undefined) === (tokens === undefined)) {
    throw new TypeError('expected either "text" or "tokens" among the options');
  }
  if (text !== undefined && typeof text !== "string") throw wrongKind("text", "a string", text);
  if (text?.trim() === "") throw wrongValue("text", "some text", text);
  const stream = text === undefined ? tokens : model.encode(text);
  if (!Array.isArray(stream)) throw wrongKind("tokens", "an array of integers", stream);
  if (stream.length === 0) throw wrongValue("tokens", "at least one token", stream);
  for (let at = 0; at < stream.length; at++) {
    checkInteger(`tokens[${at}]`, stream[at], 0, model.config.vocabulary - 1);
  }
  return stream;
}

function describeModel({ origin, config }: Model): Provenance["model"] {
  const { architecture, layers, width, heads, kvHeads, vocabulary, context } = config;
  return {
    source: origin.source,
    ...(origin.files ? { files: { ...origin.files } } : {}),
    architecture,
    layers,
    width,
    heads,
    kvHeads,
    vocabulary,
    context,
  };
}

function describeRuntime({ device, requested, reason, dtype, simd, threads, adapter }: RuntimeInfo): RuntimeInfo {
  return {
    device,
    requested,
    ...(reason === undefined ? {} : { reason }),
    dtype,
    ...(simd === undefined ? {} : { simd }),
    threads,
    ...(adapter === undefined ? {} : { adapter }),
  };
}

// What a sweep is asked for, held against what the model has, and written down for the report.
import { checkInteger, checkKeys, checkNumber, wrongKind, wrongValue } from "../base/check.js";
import type { AbortSignalLike } from "../base/platform.js";
import { version } from "../base/version.js";
import type { RuntimeInfo } from "../measure/createRuntime.js";
import type { Model } from "../models/model.js";
import { sha256 } from "./digest.js";
import type { Provenance, Report, Row } from "./report.js";
import { type WindowPlan, wrapNote } from "./windows.js";

/** What a sweep measures, and how. */
export interface SweepOptions {
  /** The text to cut windows from; this or `tokens`. */
  text?: string;
  tokens?: readonly number[];
  /** Default: all of the model's. */
  layers?: readonly number[];
  /** Measure each head alone too, after its whole layer. Default false. */
  heads?: boolean;
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
  /** An incomplete report of this very sweep: its measured rows are taken over, its failed ones tried again. */
  resume?: Report;
  /** How many rows are handed to `measure` before the first of them is awaited; default 1. More need workers. */
  concurrency?: number;
  onProgress?: (event: SweepEvent) => void;
  signal?: AbortSignalLike;
}

/** `start` comes once, before any row; with the rows so far it makes a report by `assembleReport`. */
export type SweepEvent =
  | { type: "start"; provenance: Provenance; total: number }
  | {
      type: "row";
      row: Row;
      done: number;
      total: number;
      /** Taken over from the report that is resumed. */
      resumed: boolean;
    };

const optionNames = [
  ...["text", "tokens", "layers", "heads", "lengths", "samples", "seed", "rtol", "bracket", "bos"],
  ...["runtime", "date", "resume", "concurrency", "onProgress", "signal"],
];
/** Windows per length; the hidden states of all windows are in memory at once. */
const mostSamples = 100_000;

export function checkOptions(model: Model, options: SweepOptions): Provenance["options"] {
  checkKeys("options", options, optionNames);
  const { layers, heads = false, lengths, samples = 10, seed = 0, rtol, bracket, bos = false } = options;
  for (const [label, value] of Object.entries({ heads, bos })) {
    if (typeof value !== "boolean") throw wrongKind(label, "true or false", value);
  }
  if (model.config.image) {
    throw new RangeError(
      `"model": a sweep measures windows of tokens, and this ${model.config.architecture} model reads images; ` +
        "use trace({ pixels }) and localLipschitz",
    );
  }
  if (bos && model.config.bosToken === undefined) {
    throw new RangeError('"bos": this model has no beginning-of-sequence token; leave bos out');
  }
  if (rtol !== undefined) checkNumber("rtol", rtol, 0, 1);
  if (bracket !== undefined) checkNumber("bracket", bracket, 0);
  if (options.concurrency !== undefined) checkInteger("concurrency", options.concurrency, 1);
  return {
    layers:
      layers === undefined
        ? Array.from({ length: model.layers }, (_, layer) => layer)
        : checkList("layers", layers, 0, model.layers - 1).sort((a, b) => a - b),
    heads,
    lengths: checkList("lengths", lengths, 1, model.config.context),
    samples: checkInteger("samples", samples, 1, mostSamples),
    seed: checkInteger("seed", seed, 0),
    rtol: rtol ?? null,
    bracket: bracket ?? null,
    bos,
  };
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

/** The stream of tokens to cut windows from. */
export function checkStream(model: Model, { text, tokens }: SweepOptions): readonly number[] {
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

export async function describeSweep(
  model: Model,
  options: SweepOptions,
  settings: Provenance["options"],
  stream: readonly number[],
  plan: WindowPlan,
): Promise<Provenance> {
  return {
    howsmooth: version,
    ...(options.date === undefined ? {} : { date: options.date }),
    model: await describeModel(model),
    runtime: options.runtime ? describeRuntime(options.runtime.info) : null,
    input: {
      kind: options.text === undefined ? "tokens" : "text",
      sha256: await sha256(options.text ?? JSON.stringify(stream)),
      tokens: stream.length,
      wrapped: wrapNote(stream.length, plan),
    },
    options: settings,
  };
}

async function describeModel({ origin, config }: Model): Promise<Provenance["model"]> {
  const { architecture, layers, width, heads, kvHeads, vocabulary, context } = config;
  return {
    source: origin.source,
    ...(origin.hashes ? { files: { ...(await origin.hashes()) } } : {}),
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

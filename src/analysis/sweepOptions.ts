// What a sweep is asked for, held against what the model has, and written down for the report.
import { checkInteger, checkKeys, checkNumber, wrongKind, wrongValue } from "../base/check.js";
import type { AbortSignalLike } from "../base/platform.js";
import { version } from "../base/version.js";
import type { RuntimeInfo } from "../measure/createRuntime.js";
import type { Model } from "../models/model.js";
import { hasFinalNorm } from "./cells.js";
import { sha256 } from "./digest.js";
import type { Limits } from "./gate.js";
import { isOfModel, type PartName, type Provenance, type Report, type Row } from "./report.js";
import { checkSettings, type Settings, settingNames } from "./settings.js";
import type { Frame } from "./windows.js";

/** What a sweep measures, and how. */
export interface SweepOptions {
  /** The text to cut windows from; this or `tokens`. */
  text?: string;
  /** Token ids, to cut windows from. */
  tokens?: readonly number[];
  /**
   * What of each layer: "attention" (default), "normed-attention", "feed-forward", "block", and "model", all blocks
   * from the embeddings' output on, with and without the final norm where there is one.
   */
  of?: PartName | readonly PartName[];
  /** Default: all of the model's. */
  layers?: readonly number[];
  /** Measure each head alone too, after its whole layer. Default false. */
  heads?: boolean;
  /** Tokens per window, each from 1 to the model's context. */
  lengths: readonly number[];
  /** Windows per length, at most 100 000; default 10. */
  samples?: number;
  /**
   * Where in the text the windows of a length lie: "spread" (default) evenly over all of it and "first" one after the
   * other from its start, both without overlap; "random" where the seed puts them.
   */
  windows?: Settings["windows"];
  /** Default 0. */
  seed?: number;
  /** As for spectralNorm. */
  rtol?: number;
  /** As for spectralNorm: go on until upper/lower − 1 is at most this. */
  bracket?: number;
  /** Put the model's beginning-of-sequence token in front of each window (it counts among the n). Default false. */
  bos?: boolean;
  /**
   * Put the special tokens around each window that the model is used with, such as [CLS] and [SEP] (they count among
   * the n). Default false.
   */
  specialTokens?: boolean;
  /** Keep the words of each window in the report. Default false. */
  words?: boolean;
  /** Limits to hold rows against: the sweep goes on with a row until it is decided, and the report has the verdict. */
  gate?: Limits;
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
  ...["text", "tokens", ...settingNames],
  ...["gate", "runtime", "date", "resume", "concurrency", "onProgress", "signal"],
];

/** @throws TypeError, RangeError */
export function checkOptions(model: Model, options: SweepOptions): Settings {
  checkKeys("options", options, optionNames);
  if (model.config.image) {
    throw new RangeError(
      `"model": a sweep measures windows of tokens, and this ${model.config.architecture} model reads images; ` +
        "use trace({ pixels }) and localLipschitz",
    );
  }
  const { concurrency, gate } = options;
  if (concurrency !== undefined) checkInteger("concurrency", concurrency, 1);
  const { failAbove, growth } = gate ?? {};
  if (failAbove !== undefined) checkNumber("gate.failAbove", failAbove, 0, Number.POSITIVE_INFINITY, true);
  if (growth !== undefined) checkNumber("gate.growth.factor", growth.factor, 0);
  const settings = checkSettings(options, model.config);
  checkParts(model, settings);
  if (settings.of.includes("model") && hasFinalNorm(model)) settings.of.push("normed-model");
  if (settings.words && !model.tokenizer) {
    throw new RangeError('"words": this model has no tokenizer that turns tokens into words; leave words out');
  }
  if (settings.specialTokens && settings.bos) {
    throw new RangeError('"specialTokens": expected without bos, whose token is among them; leave one of them out');
  }
  if (settings.specialTokens && !frameOf(model, settings)) {
    throw new RangeError('"specialTokens": this model\'s tokenizer puts none around a text; leave specialTokens out');
  }
  return settings;
}

/** A part that a layer does not have is refused by name, with what there is. */
function checkParts(model: Model, { of, layers, heads }: Settings): void {
  if (heads && of.some((part) => part !== "attention")) {
    throw new RangeError(`"heads": expected with of: ["attention"] alone, got ${JSON.stringify(of)}; leave heads out`);
  }
  for (const part of of) {
    if (part === "attention" || isOfModel(part)) continue;
    for (const layer of layers) {
      const there: readonly string[] = model.partsOf(layer);
      if (there.includes(part)) continue;
      throw new RangeError(
        `"of": layer ${layer} of this ${model.config.architecture} model has no ${part}; it has ${there.join(", ")}`,
      );
    }
  }
}

/** What stands around each window. */
export function frameOf({ config, tokenizer }: Model, { bos, specialTokens }: Settings): Frame | undefined {
  if (bos) return { size: 1, around: (tokens) => [config.bosToken!, ...tokens] };
  const size = specialTokens ? (tokenizer?.withSpecialTokens([]).length ?? 0) : 0;
  return size === 0 ? undefined : { size, around: (tokens) => tokenizer!.withSpecialTokens(tokens) };
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
  settings: Settings,
  stream: readonly number[],
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

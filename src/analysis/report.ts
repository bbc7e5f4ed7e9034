// What a sweep reports: plain data, the content of report.json.
import type { RuntimeInfo } from "../measure/createRuntime.js";
import type { SpectralNormStatus } from "../spectral/result.js";
import { fitOf, type PowerLaw } from "./fit.js";
import { groupByPart, type Part, plannedParts } from "./parts.js";
import type { Settings } from "./settings.js";
import type { Verdict } from "./verdict.js";

export {
  groupBy,
  groupByPart,
  isOfModel,
  type Part,
  type PartName,
  partNames,
  partOf,
  placeOf,
  plannedParts,
} from "./parts.js";

/** What a sweep has measured, from what, and the fits: the contents of report.json. */
export interface Report {
  provenance: Provenance;
  /** By layer, then head (the whole layer first), then length, then sample. */
  rows: Row[];
  /** One per part whose rows say how sigma grows; `fitOf` gives the reason where one is missing. */
  fits: LayerFit[];
  /** The windows and their words, where they were asked for. */
  windows?: WindowWords[];
  /** What a gate said of the rows, where one judged them. */
  gate?: Verdict;
  /** Whether every row that was asked for is here; false after an interruption. Failed rows are here too. */
  complete: boolean;
}

/** One measurement of a sweep, or its failure. */
export type Row = MeasuredRow | FailedRow;

/** The words of a window, to read what a row was measured on. */
export interface WindowWords {
  n: number;
  sample: number;
  start: number;
  text: string;
}

interface Place extends Part {
  /** Tokens in the window. */
  n: number;
  sample: number;
  /** The token of the stream at which the window starts. */
  start: number;
  /**
   * SHA-256 over what sigma depends on: the part's exact input, its weights, the settings, part and head. Two rows of
   * the same key have the same true value. Null where the platform has no crypto.subtle, or the weights have no hash.
   */
  key: string | null;
  /** Largest Euclidean norm among the tokens of the layer's input; null only if that is not finite. */
  radius: number | null;
  /** Of the solver's random start, derived from the sweep's seed, the layer, the part, the head, the length and the sample. */
  seed: number;
}

/** Fields as in SpectralNorm: lower ≤ the true value ≤ upper, the latter with probability 1 − failureProbability. */
export interface MeasuredRow extends Place {
  sigma: number;
  /** |sigma/true − 1| is at most this with 95 % confidence; null in reports of version 0.1.0. */
  accuracy: number | null;
  lower: number;
  upper: number;
  /** sigma·rms(x)/rms(y): a relative change at worst; null where the output is 0, and in reports of version 0.1.0. */
  relative: number | null;
  failureProbability: number;
  /** Whether `lower` was computed in f64; null in reports of version 0.1.0. */
  certified: boolean | null;
  status: SpectralNormStatus;
  steps: number;
  applications: number;
  error?: undefined;
}

/** A row whose measurement failed; the others are not affected. */
export interface FailedRow extends Place {
  sigma: null;
  accuracy: null;
  lower: null;
  upper: null;
  relative: null;
  failureProbability: null;
  certified: null;
  status: "failed";
  steps: null;
  applications: null;
  error: string;
}

/** The power law of one layer, or of one head of it. */
export interface LayerFit extends PowerLaw, Part {}

/** All that a sweep's numbers depend on. It holds no clock, so the same sweep gives the same bytes. */
export interface Provenance {
  /** Version of this package. */
  howsmooth: string;
  /** Given by the caller; absent otherwise. */
  date?: string;
  model: {
    source: string;
    /** SHA-256 of each file that was read, by name. */
    files?: Record<string, string>;
    architecture: string;
    layers: number;
    width: number;
    heads: number;
    kvHeads: number;
    vocabulary: number;
    context: number;
  };
  /** Where it was computed; null if the caller did not pass the runtime. */
  runtime: RuntimeInfo | null;
  input: {
    kind: "text" | "tokens";
    /** SHA-256 of the text in UTF-8, or of the tokens as JSON; null where the platform has no crypto.subtle. */
    sha256: string | null;
    /** Length of the stream of tokens. */
    tokens: number;
    /** In reports of version 0.1.0 alone: how windows were taken from a stream too short for them. */
    wrapped?: string | null;
  };
  options: Settings;
}

/**
 * A report over these rows, with the fits that they allow.
 * @example
 * const fitted = assembleReport(report.provenance, report.rows, true);
 */
export function assembleReport(provenance: Provenance, rows: readonly Row[], complete: boolean): Report {
  const fits = groupByPart(rows).flatMap(({ rows, ...part }) => {
    const { fit } = fitOf(rows.filter(isMeasured));
    return fit ? [{ ...part, ...fit }] : [];
  });
  return { provenance, rows: [...rows], fits, complete };
}

/** How many rows a complete report of this sweep has. */
export function plannedRows({ model, options }: Provenance): number {
  const { lengths, samples } = options;
  return plannedParts(options, model.heads).length * lengths.length * samples;
}

export function isMeasured(row: Row): row is MeasuredRow {
  return row.status !== "failed";
}

// What a sweep reports: plain data, the content of report.json.
import type { RuntimeInfo } from "../measure/createRuntime.js";
import type { SpectralNormStatus } from "../spectral/result.js";
import { fitPowerLaw, type PowerLaw } from "./fit.js";

/** What a sweep has measured, from what, and the fits: the contents of report.json. */
export interface Report {
  provenance: Provenance;
  /** By layer, then head (the whole layer first), then length, then sample. */
  rows: Row[];
  /** One per layer, and per head of it, that has enough rows for a fit (`fitNeeds` says how many). */
  fits: LayerFit[];
  /** Whether every row that was asked for is here; false after an interruption. Failed rows are here too. */
  complete: boolean;
}

/** One measurement of a sweep, or its failure. */
export type Row = MeasuredRow | FailedRow;

/** One layer, or one head of it. */
export interface Part {
  layer: number;
  /** One head alone, without the output map's bias; null for the whole layer. */
  head: number | null;
}

interface Place extends Part {
  /** Tokens in the window. */
  n: number;
  sample: number;
  /** The token of the stream at which the window starts. */
  start: number;
  /** Largest Euclidean norm among the tokens of the layer's input; null only if that is not finite. */
  radius: number | null;
  /** Of the solver's random start, derived from the sweep's seed, the layer, the head, the length and the sample. */
  seed: number;
}

/** Fields as in SpectralNorm: lower ≤ the true value ≤ upper, the latter with probability 1 − failureProbability. */
export interface MeasuredRow extends Place {
  sigma: number;
  lower: number;
  upper: number;
  failureProbability: number;
  status: SpectralNormStatus;
  steps: number;
  applications: number;
  error?: undefined;
}

/** A row whose measurement failed; the others are not affected. */
export interface FailedRow extends Place {
  sigma: null;
  lower: null;
  upper: null;
  failureProbability: null;
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
    /** If the stream is too short for the windows: how they were taken all the same. */
    wrapped: string | null;
  };
  options: {
    layers: number[];
    /** Whether each head was measured alone too. */
    heads: boolean;
    lengths: number[];
    samples: number;
    seed: number;
    /** null: the solver's default for the runtime's dtype. */
    rtol: number | null;
    bracket: number | null;
    bos: boolean;
  };
}

/**
 * A report over these rows, with the fits that they allow.
 * @example
 * const fitted = assembleReport(report.provenance, report.rows, true);
 */
export function assembleReport(provenance: Provenance, rows: readonly Row[], complete: boolean): Report {
  const fits = groupByPart(rows).flatMap(({ layer, head, rows }) => {
    const fit = fitPowerLaw(rows.filter(isMeasured));
    return fit ? [{ layer, head, ...fit }] : [];
  });
  return { provenance, rows: [...rows], fits, complete };
}

/** The rows of each layer and of each head, in the order in which they first come. */
export function groupByPart<T extends Part>(rows: readonly T[]): (Part & { rows: T[] })[] {
  return groupBy(rows, partOf).map((rows) => ({ layer: rows[0].layer, head: rows[0].head, rows }));
}

/** Entries of the same key together, the groups in the order in which they first come. */
export function groupBy<T>(entries: readonly T[], keyOf: (entry: T) => string | number): T[][] {
  const groups = new Map<string | number, T[]>();
  for (const entry of entries) {
    const group = groups.get(keyOf(entry));
    if (group) group.push(entry);
    else groups.set(keyOf(entry), [entry]);
  }
  return [...groups.values()];
}

/** As in "layer 3" or "layer 3, head 1". */
export function partOf({ layer, head }: Part): string {
  return `layer ${layer}${head === null ? "" : `, head ${head}`}`;
}

/** As in "layer 3, head 1, n 64, sample 0". */
export function placeOf({ layer, head, n, sample }: Part & { n: number; sample: number }): string {
  return `${partOf({ layer, head })}, n ${n}, sample ${sample}`;
}

/** How many rows a complete report of this sweep has. */
export function plannedRows({ model, options }: Provenance): number {
  const { layers, heads, lengths, samples } = options;
  return layers.length * (heads ? 1 + model.heads : 1) * lengths.length * samples;
}

export function isMeasured(row: Row): row is MeasuredRow {
  return row.status !== "failed";
}

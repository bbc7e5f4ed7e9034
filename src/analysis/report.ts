// What a sweep reports: plain data, the content of report.json.
import type { RuntimeInfo } from "../runtime.js";
import type { SpectralNormStatus } from "../spectral/result.js";
import { fitPowerLaw, type PowerLaw } from "./fit.js";

export interface Report {
  provenance: Provenance;
  /** By layer, then length, then sample. */
  rows: Row[];
  /** One per layer that has enough rows for a fit (`fitNeeds` says how many). */
  fits: LayerFit[];
  /** Whether every row that was asked for is here; false after an interruption. Failed rows are here too. */
  complete: boolean;
}

export type Row = MeasuredRow | FailedRow;

interface Place {
  layer: number;
  /** Tokens in the window. */
  n: number;
  sample: number;
  /** The token of the stream at which the window starts. */
  start: number;
  /** Largest Euclidean norm among the tokens of the layer's input; null only if that is not finite. */
  radius: number | null;
  /** Of the solver's random start, derived from the sweep's seed, the layer, the length and the sample. */
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

export interface LayerFit extends PowerLaw {
  layer: number;
}

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
    lengths: number[];
    samples: number;
    seed: number;
    /** null: the solver's default for the runtime's dtype. */
    rtol: number | null;
    bracket: number | null;
    bos: boolean;
  };
}

/** A report over these rows, with the fits that they allow. */
export function assembleReport(provenance: Provenance, rows: readonly Row[], complete: boolean): Report {
  const layers = [...new Set(rows.map(({ layer }) => layer))];
  const fits = layers.flatMap((layer) => {
    const fit = fitPowerLaw(rows.filter((row) => row.layer === layer).filter(isMeasured));
    return fit ? [{ layer, ...fit }] : [];
  });
  return { provenance, rows: [...rows], fits, complete };
}

export function isMeasured(row: Row): row is MeasuredRow {
  return row.status !== "failed";
}

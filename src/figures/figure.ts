// A reproduced figure: what was measured, beside what was published.
import type { AbortSignalLike } from "../base/platform.js";
import type { CurvePanel } from "../charts/curves.js";
import type { RuntimeInfo } from "../measure/createRuntime.js";

export interface Figure {
  readonly name: string;
  readonly title: string;
  /** What it was made of, enough to make it again. */
  readonly settings: Record<string, unknown>;
  /** Columns and rows, as many as there are. */
  readonly tables: readonly Table[];
  readonly panels: readonly CurvePanel[];
  /** Numbers that were known before, and what they are here. */
  readonly comparisons: readonly Comparison[];
  /** What it shows, what was published, and what to think of the difference: plain text, a string a paragraph. */
  readonly paragraphs: readonly string[];
}

export interface Table {
  readonly title: string;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly (string | number | null)[])[];
}

export interface Comparison {
  readonly quantity: string;
  readonly measured: number;
  /** A number, or the range of a spread. */
  readonly expected: number | readonly [low: number, high: number];
  /** Where the expectation comes from. */
  readonly source: string;
  readonly agrees: boolean;
}

export interface FigureProgress {
  readonly fraction: number;
  readonly label: string;
}

/** What every figure is given. */
export interface FigureSettings {
  /** Default 0. */
  seed?: number;
  /** Smaller sizes, in seconds: to try the command out. Nothing is then compared with what was published. */
  quick?: boolean;
  signal?: AbortSignalLike;
  onProgress?: (event: FigureProgress) => void;
}

/** Agrees if it is the same number to `digits` significant ones, with one unit of the last for their rounding. */
export function sameDigits(
  quantity: string,
  measured: number,
  expected: number,
  source: string,
  digits = 3,
): Comparison {
  const unit = 10 ** (Math.floor(Math.log10(Math.abs(expected))) - digits + 1);
  return { quantity, measured, expected, source, agrees: Math.abs(measured - expected) <= unit };
}

export function withinSpread(
  quantity: string,
  measured: number,
  expected: readonly [low: number, high: number],
  source: string,
): Comparison {
  return { quantity, measured, expected, source, agrees: measured >= expected[0] && measured <= expected[1] };
}

/** figure.json; the same settings give the same text on the same device. */
export function figureJSON(figure: Figure, info: RuntimeInfo, version: string): string {
  return `${JSON.stringify({ howsmooth: version, runtime: info, ...figure }, null, 2)}\n`;
}

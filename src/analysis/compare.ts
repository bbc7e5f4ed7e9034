// Two reports side by side: how much each layer changed, and which changes are more than their brackets allow for.
import { ratioOf } from "./gate.js";
import {
  groupBy,
  groupByPart,
  isMeasured,
  type LayerFit,
  type MeasuredRow,
  type Part,
  partOf,
  placeOf,
  type Report,
} from "./report.js";
import { differencesOf } from "./resume.js";

/** Two reports side by side; `toComparison` prints it. */
export interface Comparison {
  /** By layer, head, length and sample: the rows measured in both. */
  rows: ComparedRow[];
  /** The rows of each layer and head at one length, and then at all lengths (n null). */
  groups: ComparedGroup[];
  /** Measured rows that the other report has not. */
  onlyInA: MeasuredRow[];
  onlyInB: MeasuredRow[];
  /** Where the provenances differ, as in `provenance.model.source ("a" there, "b" here)`: there is a, here is b. */
  differences: string[];
}

/** A row that two reports share, side by side. */
export interface ComparedRow extends Part {
  n: number;
  sample: number;
  a: MeasuredRow;
  b: MeasuredRow;
  /** sigma of b over sigma of a; 1 where both are 0, null where only a's is. */
  ratio: number | null;
  /** Whether b's bracket lies wholly above or below a's; null where they overlap. */
  beyond: "above" | "below" | null;
}

export interface ComparedGroup extends Part {
  n: number | null;
  /** Rows in it. */
  rows: number;
  /** Medians of sigma. */
  a: number;
  b: number;
  /** Geometric mean of the rows' ratios; null where one of them is null or 0. */
  ratio: number | null;
  above: number;
  below: number;
  /** At all lengths: the exponents of the power laws, where the reports have them. */
  exponents?: { a: LayerFit | undefined; b: LayerFit | undefined };
}

/**
 * Rows are matched by layer, head, length and sample; whether the windows hold the same text is not asked.
 * @example
 * const { rows, groups } = compareReports(report, baseline);
 */
export function compareReports(a: Report, b: Report): Comparison {
  const measuredA = a.rows.filter(isMeasured);
  const measuredB = b.rows.filter(isMeasured);
  const inA = new Map(measuredA.map((row) => [placeOf(row), row]));
  const inB = new Map(measuredB.map((row) => [placeOf(row), row]));
  const rows = measuredA.flatMap((row) => {
    const other = inB.get(placeOf(row));
    return other ? [compareRow(row, other)] : [];
  });
  const [fitsA, fitsB] = [a, b].map(({ fits }) => new Map(fits.map((fit) => [partOf(fit), fit])));
  return {
    rows,
    groups: groupByPart(rows).flatMap(({ rows, ...part }) => [
      ...groupBy(rows, ({ n }) => n).map((rows) => groupOf(rows, part, rows[0].n)),
      { ...groupOf(rows, part, null), exponents: { a: fitsA.get(partOf(part)), b: fitsB.get(partOf(part)) } },
    ]),
    onlyInA: measuredA.filter((row) => !inB.has(placeOf(row))),
    onlyInB: measuredB.filter((row) => !inA.has(placeOf(row))),
    differences: differencesOf(a.provenance, b.provenance, "provenance"),
  };
}

function compareRow(a: MeasuredRow, b: MeasuredRow): ComparedRow {
  const { layer, part, head, n, sample } = a;
  const ratio = ratioOf(b.sigma, a.sigma);
  const beyond = b.lower > a.upper ? "above" : b.upper < a.lower ? "below" : null;
  return { layer, part, head, n, sample, a, b, ratio: Number.isFinite(ratio) ? ratio : null, beyond };
}

function groupOf(rows: readonly ComparedRow[], part: Part, n: number | null): ComparedGroup {
  const logs = rows.map(({ ratio }) => (ratio === null ? Number.POSITIVE_INFINITY : Math.log(ratio)));
  const mean = logs.reduce((sum, log) => sum + log, 0) / rows.length;
  return {
    ...part,
    n,
    rows: rows.length,
    a: median(rows.map(({ a }) => a.sigma)),
    b: median(rows.map(({ b }) => b.sigma)),
    ratio: Number.isFinite(mean) ? Math.exp(mean) : null,
    above: rows.filter(({ beyond }) => beyond === "above").length,
    below: rows.filter(({ beyond }) => beyond === "below").length,
  };
}

/** Of at least one number. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = (sorted.length - 1) / 2;
  const [low, high] = [sorted[Math.floor(middle)], sorted[Math.ceil(middle)]];
  return low + (high - low) / 2;
}

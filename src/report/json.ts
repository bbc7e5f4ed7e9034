// report.json: a report as text. `parseReport` reads it back.

import type { Report } from "../analysis/report.js";
import { visible } from "../base/visible.js";

/** Of the form of report.json: raised when a reader of the one before would misread it. */
export const schemaNumber = 2;

/**
 * Deterministic: the same report gives the same bytes. One row a line, so that two reports can be compared by diff.
 * @throws RangeError if a row or fit holds a number that JSON cannot, which a report of `sweep` never does
 * @example
 * const { rows } = JSON.parse(toJSON(report));
 */
export function toJSON(report: Report): string {
  const list = (entries: readonly unknown[]) =>
    entries.length === 0
      ? "[]"
      : `[\n${entries.map((entry) => `    ${JSON.stringify(entry, finite)}`).join(",\n")}\n  ]`;
  const one = (entry: unknown) => JSON.stringify(entry, finite);
  const { windows, gate } = report;
  const provenance = JSON.stringify(report.provenance, finite, 2).replaceAll("\n", "\n  ");
  const text = [
    "{",
    `  "schema": ${schemaNumber},`,
    `  "provenance": ${provenance},`,
    `  "rows": ${list(report.rows)},`,
    `  "fits": ${list(report.fits)},`,
    ...(windows ? [`  "windows": ${list(windows)},`] : []),
    ...(gate ? [`  "gate": ${one(gate)},`] : []),
    `  "complete": ${report.complete}`,
    "}",
    "",
  ].join("\n");
  return visible(text);
}

function finite(key: string, value: unknown): unknown {
  if (typeof value !== "number" || Number.isFinite(value)) return value;
  throw new RangeError(`"${key}": expected a finite number in a report, got ${value}`);
}

// The rows of a report as comma-separated values (RFC 4180), numbers in full precision.
import type { Report, Row } from "../analysis/report.js";

const columns = [
  "layer",
  "head",
  "n",
  "sample",
  "start",
  "sigma",
  "lower",
  "upper",
  "failureProbability",
  "status",
  "steps",
  "applications",
  "radius",
  "seed",
  "part",
  "accuracy",
  "certified",
  "relative",
  "key",
  "error",
] as const satisfies readonly (keyof Row)[];

/**
 * A header line and one line a row, ended by CRLF; a failed row has empty fields and its error in the last.
 * `head` is empty for a whole layer. Texts that a spreadsheet would take for formulas are marked as text by a quote.
 * @example
 * const [header] = toCSV(report).split("\r\n");
 */
export function toCSV(report: Report): string {
  const lines = [columns, ...report.rows.map((row) => columns.map((column) => row[column]))];
  return lines.map((cells) => `${cells.map(field).join(",")}\r\n`).join("");
}

function field(value: string | number | boolean | null | undefined): string {
  // A spreadsheet would take such a text for a formula.
  const text = typeof value === "string" && /^[=+\-@\t\r]/.test(value) ? `'${value}` : String(value ?? "");
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

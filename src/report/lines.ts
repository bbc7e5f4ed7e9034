// A report as lines that can be appended to: what it was measured on first, and then a row each.
import { type Provenance, placeOf, type Report, type Row } from "../analysis/report.js";
import { schemaNumber } from "./json.js";
import { parseReport } from "./parse.js";

/** The first line where there is a provenance, and one line for each row. */
export function toLines(provenance: Provenance | undefined, rows: readonly Row[]): string {
  const first = provenance ? [{ schema: schemaNumber, provenance }] : [];
  return [...first, ...rows].map((entry) => `${JSON.stringify(entry)}\n`).join("");
}

/**
 * The incomplete report that lines hold. A last line that was cut off is left out; of rows that come twice the last
 * stands.
 * @throws TypeError, RangeError as parseReport
 */
export function reportFromLines(text: string): Report {
  const lines = text
    .slice(0, text.lastIndexOf("\n") + 1)
    .split("\n")
    .slice(0, -1);
  const [first = "{}", ...rows] = lines;
  const { schema, provenance } = JSON.parse(first) as { schema?: number; provenance?: Provenance };
  const report = { schema, provenance, rows: rows.map((line) => JSON.parse(line)), fits: [], complete: false };
  const { rows: read, ...rest } = parseReport(JSON.stringify(report));
  return { ...rest, rows: [...new Map(read.map((row) => [placeOf(row), row])).values()] };
}

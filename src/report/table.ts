// A report as aligned text, for a terminal; header, rows and summary also apart, so that rows can be shown as they come.
import { fitNeeds } from "../analysis/fit.js";
import {
  groupByPart,
  isMeasured,
  type LayerFit,
  type Part,
  partOf,
  plannedRows,
  type Report,
  type Row,
} from "../analysis/report.js";
import { formatBracket, formatNumber } from "../base/numbers.js";

interface Column {
  title: string;
  width: number;
  align: "left" | "right";
  cell(row: Row): string;
}

const columns: Column[] = [
  { title: "layer", width: 5, align: "right", cell: (row) => String(row.layer) },
  { title: "head", width: 4, align: "right", cell: (row) => (row.head === null ? "all" : String(row.head)) },
  { title: "n", width: 5, align: "right", cell: (row) => String(row.n) },
  { title: "sample", width: 6, align: "right", cell: (row) => String(row.sample) },
  { title: "sigma", width: 10, align: "right", cell: (row) => (isMeasured(row) ? formatNumber(row.sigma) : "–") },
  {
    title: "[lower, upper]",
    width: 24,
    align: "left",
    cell: (row) => (isMeasured(row) ? formatBracket(row.lower, row.upper) : "–"),
  },
  { title: "status", width: 15, align: "left", cell: (row) => row.status },
  { title: "steps", width: 5, align: "right", cell: (row) => (isMeasured(row) ? String(row.steps) : "–") },
  { title: "radius", width: 10, align: "right", cell: (row) => (row.radius === null ? "–" : formatNumber(row.radius)) },
];
const columnsWithoutHeads = columns.filter(({ title }) => title !== "head");

/**
 * The whole report: header, one line a row, and the summary.
 * @example
 * const text = toTable(report);
 */
export function toTable(report: Report): string {
  const { heads } = report.provenance.options;
  const rows = report.rows.map((row) => formatRow(row, heads));
  return [formatHeader(heads), ...rows, "", formatSummary(report), ""].join("\n");
}

/**
 * The header line of a table of rows.
 * @param heads with a column for the head
 * @example
 * formatHeader().includes("sigma"); // true
 */
export function formatHeader(heads = false): string {
  return line(heads, ({ title }) => title);
}

/**
 * One line: layer, head, n, sample, sigma, bracket, status, steps, radius; the error of a failed row at its end.
 * @example
 * const line = formatRow(report.rows[0]);
 */
export function formatRow(row: Row, heads = false): string {
  const cells = line(heads, (column) => column.cell(row));
  return row.error === undefined ? cells : `${cells}  ${row.error.replace(/\s+/g, " ")}`;
}

/**
 * The fit of each layer and head, and what a reader must know of the rows above.
 * @example
 * const text = formatSummary(report);
 */
export function formatSummary(report: Report): string {
  const { provenance, rows, fits, complete } = report;
  const fitOf = new Map(fits.map((fit) => [partOf(fit), fit]));
  const lines = groupByPart(rows).map((part) => formatFit(part, fitOf.get(partOf(part))));

  const measured = rows.filter(isMeasured);
  if (measured.length > 0) {
    const risk = measured.reduce((most, { failureProbability }) => Math.max(most, failureProbability), 0);
    lines.push(
      `each upper bound fails with probability at most ${risk.toExponential()} over the solver's random start`,
    );
  }
  if (provenance.input.wrapped !== null) lines.push(`note: ${provenance.input.wrapped}`);
  if (measured.length < rows.length) lines.push(`failed: ${rows.length - measured.length} of ${rows.length} rows`);
  if (!complete) lines.push(`incomplete: ${rows.length} of ${plannedRows(provenance)} rows`);
  return lines.join("\n");
}

function formatFit(part: Part, fit: LayerFit | undefined): string {
  if (!fit) return `${partOf(part)}: no power law; ${fitNeeds}`;
  const [low, high] = fit.interval.map((value) => value.toFixed(3));
  const omitted = fit.omitted > 0 ? `, ${fit.omitted} with sigma 0 left out` : "";
  return (
    `${partOf(part)}: sigma ~ ${formatNumber(fit.constant)} n^${fit.exponent.toFixed(3)}` +
    `  (exponent within [${low}, ${high}] at 95 %, r2 ${fit.r2.toFixed(3)}, ${fit.points} rows${omitted})`
  );
}

function line(heads: boolean, text: (column: Column) => string): string {
  return (heads ? columns : columnsWithoutHeads)
    .map((column) => {
      return column.align === "left" ? text(column).padEnd(column.width) : text(column).padStart(column.width);
    })
    .join("  ")
    .trimEnd();
}

// A report as aligned text, for a terminal; header, rows and summary also apart, so that rows can be shown as they come.
import { fitOf } from "../analysis/fit.js";
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
import { formatBracket, formatNumber, formatShort } from "../base/numbers.js";
import { placeColumns, type Shown, shownOf } from "./placeColumns.js";

interface Column {
  title: string;
  width: number;
  align: "left" | "right";
  cell(row: Row): string;
}

const placeWidths = { layer: 5, part: 16, head: 4 } as const;

const columns: Column[] = [
  { title: "n", width: 5, align: "right", cell: (row) => String(row.n) },
  { title: "sample", width: 6, align: "right", cell: (row) => String(row.sample) },
  { title: "sigma", width: 10, align: "right", cell: (row) => (isMeasured(row) ? formatNumber(row.sigma) : "–") },
  {
    title: "[lower, upper]",
    width: 24,
    align: "left",
    cell: (row) => (isMeasured(row) ? formatBracket(row.lower, row.upper) : "–"),
  },
  {
    title: "relative",
    width: 9,
    align: "right",
    cell: (row) => (isMeasured(row) && row.relative !== null ? formatShort(row.relative, 4) : "–"),
  },
  { title: "status", width: 15, align: "left", cell: (row) => row.status },
  { title: "steps", width: 5, align: "right", cell: (row) => (isMeasured(row) ? String(row.steps) : "–") },
  { title: "radius", width: 10, align: "right", cell: (row) => (row.radius === null ? "–" : formatNumber(row.radius)) },
];

function allColumns(shown: Shown): Column[] {
  const places = placeColumns(shown).map(({ title, cell }): Column => {
    return { title, width: placeWidths[title], align: title === "part" ? "left" : "right", cell };
  });
  return [...places, ...columns];
}

/**
 * The whole report: header, one line a row, and the summary.
 * @example
 * const text = toTable(report);
 */
export function toTable(report: Report): string {
  const shown = shownOf(report.rows, report.provenance.options.heads);
  const rows = report.rows.map((row) => formatRow(row, shown));
  return [formatHeader(shown), ...rows, "", formatSummary(report), ""].join("\n");
}

/**
 * The header line of a table of rows.
 * @param shown whether with a column for the part, and one for the head
 * @example
 * formatHeader().includes("sigma"); // true
 */
export function formatHeader(shown: Shown = {}): string {
  return line(shown, ({ title }) => title);
}

/**
 * One line: layer, head, n, sample, sigma, bracket, status, steps, radius; the error of a failed row at its end.
 * @example
 * const line = formatRow(report.rows[0]);
 */
export function formatRow(row: Row, shown: Shown = {}): string {
  const cells = line(shown, (column) => column.cell(row));
  return row.error === undefined ? cells : `${cells}  ${row.error.replace(/\s+/g, " ")}`;
}

/**
 * The fit of each layer and head, and what a reader must know of the rows above.
 * @example
 * const text = formatSummary(report);
 */
export function formatSummary(report: Report): string {
  const { provenance, rows, fits, complete } = report;
  const fitted = new Map(fits.map((fit) => [partOf(fit), fit]));
  const lines = groupByPart(rows).map(({ rows, ...part }) => formatFit(part, rows, fitted.get(partOf(part))));

  const measured = rows.filter(isMeasured);
  if (measured.length > 0) {
    const risk = measured.reduce((most, { failureProbability }) => Math.max(most, failureProbability), 0);
    lines.push(
      `each upper bound fails with probability at most ${risk.toExponential()} over the solver's random start`,
    );
  }
  if (provenance.input.wrapped) lines.push(`note: ${provenance.input.wrapped}`);
  if (measured.length < rows.length) lines.push(`failed: ${rows.length - measured.length} of ${rows.length} rows`);
  if (!complete) lines.push(`incomplete: ${rows.length} of ${plannedRows(provenance)} rows`);
  return lines.join("\n");
}

function formatFit(part: Part, rows: readonly Row[], fit: LayerFit | undefined): string {
  if (!fit) return `${partOf(part)}: no power law: ${fitOf(rows.filter(isMeasured)).reason}`;
  const [low, high] = fit.interval.map((value) => value.toFixed(3));
  const omitted = fit.omitted > 0 ? `, ${fit.omitted} with sigma 0 left out` : "";
  return (
    `${partOf(part)}: sigma ~ ${formatNumber(fit.constant)} n^${fit.exponent.toFixed(3)}` +
    `  (exponent within [${low}, ${high}] at 95 %, r2 ${fit.r2.toFixed(3)}, ${fit.points} rows${omitted})`
  );
}

function line(shown: Shown, text: (column: Column) => string): string {
  return allColumns(shown)
    .map((column) => {
      return column.align === "left" ? text(column).padEnd(column.width) : text(column).padStart(column.width);
    })
    .join("  ")
    .trimEnd();
}

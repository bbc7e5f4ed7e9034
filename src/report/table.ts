// A report as aligned text, for a terminal; header, rows and summary also apart, so that rows can be shown as they come.
import { fitNeeds } from "../analysis/fit.js";
import { isMeasured, type LayerFit, type Report, type Row } from "../analysis/report.js";
import { formatBracket, formatNumber } from "./numbers.js";

interface Column {
  title: string;
  width: number;
  align: "left" | "right";
  cell(row: Row): string;
}

const columns: Column[] = [
  { title: "layer", width: 5, align: "right", cell: (row) => String(row.layer) },
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

/** The whole report: header, one line a row, and the summary. */
export function toTable(report: Report): string {
  return [formatHeader(), ...report.rows.map(formatRow), "", formatSummary(report), ""].join("\n");
}

export function formatHeader(): string {
  return line(columns.map(({ title }) => title));
}

/** One line: layer, n, sample, sigma, bracket, status, steps, radius; the error of a failed row at its end. */
export function formatRow(row: Row): string {
  const cells = line(columns.map(({ cell }) => cell(row)));
  return row.error === undefined ? cells : `${cells}  ${row.error.replace(/\s+/g, " ")}`;
}

/** The fit of each layer, and what a reader must know of the rows above. */
export function formatSummary(report: Report): string {
  const { provenance, rows, fits, complete } = report;
  const layers = [...new Set(rows.map(({ layer }) => layer))];
  const lines = layers.map((layer) =>
    formatFit(
      layer,
      fits.find((fit) => fit.layer === layer),
    ),
  );

  const measured = rows.filter(isMeasured);
  if (measured.length > 0) {
    const risk = measured.reduce((most, { failureProbability }) => Math.max(most, failureProbability), 0);
    lines.push(
      `each upper bound fails with probability at most ${risk.toExponential()} over the solver's random start`,
    );
  }
  if (provenance.input.wrapped !== null) lines.push(`note: ${provenance.input.wrapped}`);
  if (measured.length < rows.length) lines.push(`failed: ${rows.length - measured.length} of ${rows.length} rows`);
  if (!complete) {
    const { options } = provenance;
    const planned = options.layers.length * options.lengths.length * options.samples;
    lines.push(`incomplete: ${rows.length} of ${planned} rows`);
  }
  return lines.join("\n");
}

function formatFit(layer: number, fit: LayerFit | undefined): string {
  if (!fit) return `layer ${layer}: no power law; ${fitNeeds}`;
  const [low, high] = fit.interval.map((value) => value.toFixed(3));
  const omitted = fit.omitted > 0 ? `, ${fit.omitted} with sigma 0 left out` : "";
  return (
    `layer ${layer}: sigma ~ ${formatNumber(fit.constant)} n^${fit.exponent.toFixed(3)}` +
    `  (exponent within [${low}, ${high}] at 95 %, r2 ${fit.r2.toFixed(3)}, ${fit.points} rows${omitted})`
  );
}

function line(cells: string[]): string {
  return cells
    .map((cell, at) =>
      columns[at].align === "left" ? cell.padEnd(columns[at].width) : cell.padStart(columns[at].width),
    )
    .join("  ")
    .trimEnd();
}

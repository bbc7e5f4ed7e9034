// The heat maps of a report: layers × lengths, and layers × heads.
import { median } from "../analysis/compare.js";
import { groupBy, groupByPart, isMeasured, type MeasuredRow, type Report } from "../analysis/report.js";
import { type Chart, chartWidth } from "./chart.js";
import { heatMap } from "./heatMap.js";

/** The median of sigma over the windows of each length, layer by layer; one chart for each part of a layer. */
export function layersCharts(report: Report): Chart[] {
  const rows = report.rows.filter(isMeasured).filter(({ part, head }) => part !== "model" && head === null);
  const parts = groupBy(rows, ({ part }) => part);
  return parts.flatMap((rows) => layersChart(rows, parts.length > 1 ? `, ${rows[0].part}` : "") ?? []);
}

function layersChart(rows: readonly MeasuredRow[], ofPart: string): Chart | null {
  const lengths = [...new Set(rows.map(({ n }) => n))].sort((a, b) => a - b);
  const parts = groupByPart(rows);
  if (isSparse(parts.length * lengths.length, rows)) return null;
  const layers = parts.map(({ layer, rows }) => {
    const medians = mediansBy(rows, ({ n }) => n);
    return { label: String(layer), values: lengths.map((n) => medians.get(n) ?? null) };
  });
  const { body, height } = heatMap({
    rows: layers,
    columns: lengths.map(String),
    rowTitle: "layer",
    columnTitle: "tokens n",
    tip: (layer, n) => `layer ${layer}${ofPart}, n ${n}, median σ`,
  });
  return {
    name: ofPart === "" ? "layers" : `layers-${rows[0].part}`,
    title: `Layers and lengths${ofPart}`,
    caption: "The median of σ over the windows of each length.",
    description: `A table of ${layers.length} layers by ${lengths.length} lengths.`,
    width: chartWidth,
    height,
    body,
  };
}

/** The median of sigma at the longest length, head by head; null where no head was measured. */
export function headsChart(report: Report): Chart | null {
  const measured = report.rows.filter(isMeasured).filter(({ part }) => part === "attention");
  const ofHeads = measured.filter(({ head }) => head !== null);
  if (ofHeads.length === 0) return null;
  const n = ofHeads.reduce((longest, row) => Math.max(longest, row.n), 0);
  const rows = measured.filter((row) => row.n === n);
  const heads = [...new Set(ofHeads.map(({ head }) => head!))].sort((a, b) => a - b);
  const columns: (number | null)[] = [null, ...heads];
  const parts = groupBy(rows, ({ layer }) => layer);
  if (isSparse(parts.length * columns.length, rows)) return null;
  const layers = parts.map((rows) => {
    const medians = mediansBy(rows, ({ head }) => head);
    return { label: String(rows[0].layer), values: columns.map((head) => medians.get(head) ?? null) };
  });
  const { body, height } = heatMap({
    rows: layers,
    columns: columns.map((head) => (head === null ? "all" : String(head))),
    rowTitle: "layer",
    columnTitle: "head",
    tip: (layer, head) => `layer ${layer}, ${head === "all" ? "all heads" : `head ${head}`}, median σ at n ${n}`,
    firstApart: true,
  });
  return {
    name: "heads",
    title: "Layers and heads",
    caption: `The median of σ over the windows of ${n} tokens, of the whole layer and of each head alone.`,
    description: `A table of ${layers.length} layers by ${heads.length} heads, at windows of ${n} tokens.`,
    width: chartWidth,
    height,
    body,
  };
}

/** No sweep leaves a grid that is mostly empty; a made-up report could ask for one without end. */
function isSparse(cells: number, rows: readonly MeasuredRow[]): boolean {
  return cells > 1000 + 4 * rows.length;
}

function mediansBy<K extends number | null>(rows: readonly MeasuredRow[], keyOf: (row: MeasuredRow) => K) {
  const groups = groupBy(rows, (row) => String(keyOf(row)));
  return new Map(groups.map((rows) => [keyOf(rows[0]), median(rows.map(({ sigma }) => sigma))]));
}

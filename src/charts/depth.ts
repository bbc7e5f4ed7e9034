// Sigma of each part against the layer, on a logarithmic scale: the first picture that one wants of a deep model.
import { median } from "../analysis/compare.js";
import { groupBy, isMeasured, isOfModel, type MeasuredRow, type Report } from "../analysis/report.js";
import { formatShort } from "../base/numbers.js";
import { type Chart, chartWidth, group } from "./chart.js";
import { type Curve, type CurvePoint, drawCurves } from "./curves.js";

/** Of a made-up report that names layers without end. */
const mostLayers = 1000;

/** At the longest length; null where fewer than two layers were measured, or their values have no logarithm. */
export function depthChart(report: Report): Chart | null {
  const measured = report.rows.filter(isMeasured).filter(({ head, sigma }) => head === null && sigma > 0);
  const ofLayers = measured.filter(({ part }) => !isOfModel(part));
  const n = ofLayers.reduce((longest, row) => Math.max(longest, row.n), 0);
  const rows = ofLayers.filter((row) => row.n === n);
  const layers = [...new Set(rows.map(({ layer }) => layer))].sort((a, b) => a - b);
  if (layers.length < 2 || layers.length > mostLayers) return null;
  const parts = groupBy(rows, ({ part }) => part);
  const curves = parts.map(
    (rows, look): Curve => ({ name: rows[0].part, look, points: points(rows, (layer) => layers.indexOf(layer) + 1) }),
  );
  const whole = measured.filter((row) => row.n === n && row.part === "model");
  if (whole.length > 0) {
    const y = median(whole.map(({ sigma }) => sigma));
    const ends = [1, layers.length].map((x) => ({ x, y }));
    curves.push({ name: "model", look: "reference", dashed: true, points: ends });
  }
  const { body, height } = drawCurves([
    {
      title: "",
      xLabel: "layer",
      yLabel: "σ",
      xScale: "linear",
      yScale: "log",
      xNames: layers.map(String),
      curves,
    },
  ]);
  const spans = parts.map((rows) => {
    const sigmas = rows.map(({ sigma }) => sigma);
    return `${rows[0].part}: σ from ${formatShort(Math.min(...sigmas))} to ${formatShort(Math.max(...sigmas))}.`;
  });
  return {
    name: "depth",
    title: "From layer to layer",
    caption:
      `The median of σ over the windows of ${n} tokens, on a logarithmic scale; its whisker reaches from the lowest ` +
      "lower bound of them to the highest upper bound.",
    description: spans.join(" "),
    width: chartWidth,
    height,
    body: group(0, 0, body),
  };
}

function points(rows: readonly MeasuredRow[], placeOf: (layer: number) => number): CurvePoint[] {
  return groupBy(rows, ({ layer }) => layer)
    .map((rows) => ({
      x: placeOf(rows[0].layer),
      y: median(rows.map(({ sigma }) => sigma)),
      low: Math.min(...rows.map(({ lower }) => lower)),
      high: Math.max(...rows.map(({ upper }) => upper)),
    }))
    .sort((a, b) => a.x - b.x);
}

// Sigma against the number of tokens: one panel per layer or part, on axes that all of them share.
import {
  groupBy,
  groupByPart,
  isMeasured,
  type LayerFit,
  type MeasuredRow,
  type Part,
  partOf,
  type Report,
} from "../analysis/report.js";
import { formatShort } from "../base/numbers.js";
import { type Chart, chartWidth, group } from "./chart.js";
import { legend, radiusBins } from "./legend.js";
import { logDomain, logScale, roundTicks, ticksAt } from "./logAxis.js";
import { panel } from "./panel.js";

const left = 56;
const right = 12;
/** Room for windows side by side at the first and the last length. */
const inset = 10;
const footHeight = 44;

/** null where no whole layer was measured. */
export function growthChart(report: Report): Chart | null {
  const rows = report.rows.filter(isMeasured).filter(({ head }) => head === null);
  if (rows.length === 0) return null;
  const parts = groupByPart(rows);
  const fits = new Map(report.fits.filter(({ head }) => head === null).map((fit) => [partOf(fit), fit]));
  const bins = radiusBins(rows);
  const onAxis = rows.filter(({ sigma }) => sigma > 0);

  const { columns, height } = grid(parts.length);
  const gap = columns > 4 ? 14 : 22;
  const full = chartWidth - left - right;
  const width = Math.min(640, (full - gap * (columns - 1)) / columns);
  const lengths = rows.map(({ n }) => n);
  const x = logScale(logDomain(lengths), [inset, width - inset]);
  const y = logScale(logDomain(onAxis.length === 0 ? [1] : onAxis.flatMap(extent)), [height, 0]);
  const axes = { x, y, width, height, xTicks: ticksAt(lengths, x, 24), yTicks: roundTicks(y, 20) };

  const above = legend(bins, fits.size > 0, onAxis.length < rows.length);
  const narrow = width < 180;
  const headHeight = narrow ? 30 : 48;
  const rowHeight = headHeight + height;
  const dodge = dodgeOf(
    [...new Set(lengths)].sort((a, b) => a - b).map(x),
    parts.map(({ rows }) => rows),
  );
  const panels = parts.map(({ rows, ...part }, at) => {
    const column = at % columns;
    const line = Math.floor(at / columns);
    return group(
      left + column * (width + gap),
      above.height + line * rowHeight + headHeight,
      panel({
        axes,
        title: nameOf(part),
        rows,
        fit: fits.get(partOf(part)),
        bins,
        dodge,
        labelX: at + columns >= parts.length,
        labelY: column === 0,
        narrow,
      }),
    );
  });
  return {
    name: "growth",
    title: "Growth with the number of tokens",
    caption:
      "Each point is σ of one layer at one window of n tokens; its whisker is the bracket that holds the true value, " +
      "and is hidden where the bracket is narrower than the point. Windows of the same length stand side by side. " +
      "Both axes are logarithmic and shared by all panels." +
      (fits.size > 0 ? " With each power law stands the 95 % interval of its exponent." : ""),
    description: parts
      .slice(0, 16)
      .map(({ rows, ...part }) => inWords(nameOf(part), rows, fits.get(partOf(part))))
      .concat(parts.length > 16 ? [`And ${parts.length - 16} more.`] : [])
      .join(" "),
    width: chartWidth,
    height: above.height + Math.ceil(parts.length / columns) * rowHeight + footHeight,
    body: above.body + panels.join(""),
  };
}

/** Windows of one length stand this far apart: all of them together stay clear of the next length. */
function dodgeOf(places: readonly number[], panels: readonly MeasuredRow[][]): number {
  const samples = panels
    .flatMap((rows) => groupBy(rows, ({ n }) => n))
    .reduce((most, rows) => Math.max(most, rows.length), 1);
  const gaps = places.slice(1).map((place, at) => place - places[at]);
  const room = gaps.reduce((least, gap) => Math.min(least, gap), 60);
  return Math.min(7, (0.7 * room) / samples);
}

function extent({ lower, upper, sigma }: MeasuredRow): number[] {
  return [lower, sigma, upper].filter((value) => value > 0);
}

function grid(panels: number): { columns: number; height: number } {
  if (panels === 1) return { columns: 1, height: 320 };
  if (panels === 2 || panels === 4) return { columns: 2, height: 240 };
  if (panels <= 9) return { columns: 3, height: 210 };
  if (panels <= 24) return { columns: 4, height: 170 };
  return { columns: 6, height: 120 };
}

/** As in "Layer 3" or "Layer 3, block". */
function nameOf(part: Part): string {
  const words = partOf(part);
  return words.charAt(0).toUpperCase() + words.slice(1);
}

function inWords(name: string, rows: MeasuredRow[], fit: LayerFit | undefined): string {
  const sigmas = rows.map(({ sigma }) => sigma).sort((a, b) => a - b);
  const range = `σ from ${formatShort(sigmas[0])} to ${formatShort(sigmas[sigmas.length - 1])}`;
  return `${name}: ${range}${fit ? `, growing like n to the power ${fit.exponent.toFixed(2)}` : ""}.`;
}

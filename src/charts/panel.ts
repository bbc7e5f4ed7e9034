// One panel of the growth chart: a layer's points with their brackets, and its power law with the 95 % band.
import type { ScaleLogarithmic } from "d3-scale";
import { area, line } from "d3-shape";
import { groupBy, type LayerFit, type MeasuredRow, partOf } from "../analysis/report.js";
import { formatBracket, formatFixed, formatNumber, formatShort, formatTick } from "../base/numbers.js";
import { richText, text } from "./chart.js";
import type { RadiusBins } from "./legend.js";
import { element, escapeText, hundredths } from "./markup.js";

export interface Axes {
  x: ScaleLogarithmic<number, number>;
  y: ScaleLogarithmic<number, number>;
  xTicks: number[];
  yTicks: number[];
  width: number;
  height: number;
}

export interface Panel {
  axes: Axes;
  title: string;
  rows: MeasuredRow[];
  fit: LayerFit | undefined;
  bins: RadiusBins;
  /** Pixels from one window to the next of the same length. */
  dodge: number;
  labelX: boolean;
  labelY: boolean;
  narrow: boolean;
}

/** In coordinates whose origin is the upper left corner of the plotting area. */
export function panel({ axes, title, rows, fit, bins, dodge, labelX, labelY, narrow }: Panel): string {
  const { height } = axes;
  const sideBySide = groupBy(rows, ({ n }) => n).flatMap((rows) =>
    rows.map((row, at) => mark(axes, row, (at - (rows.length - 1) / 2) * dodge, bins)),
  );
  return [
    text(0, narrow || !fit ? -10 : -24, title, "name"),
    fit ? fitInWords(fit, narrow, axes.width) : "",
    frame(axes),
    fit ? fitWithBand(axes, rows, fit) : "",
    ...sideBySide,
    labelX ? xLabels(axes) : "",
    labelY ? yLabels(axes) : "",
    element("path", { class: "axis", d: `M0 ${hundredths(height)}H${hundredths(axes.width)}`, fill: "none" }),
  ].join("");
}

function frame({ x, y, xTicks, yTicks, width, height }: Axes): string {
  const across = yTicks.map((tick) => `M0 ${hundredths(y(tick))}H${hundredths(width)}`);
  const down = xTicks.map((tick) => `M${hundredths(x(tick))} 0V${hundredths(height)}`);
  return element("path", { class: "grid", d: [...across, ...down].join(""), fill: "none" });
}

function xLabels({ x, xTicks, width, height }: Axes): string {
  const labels = xTicks.map((tick) => text(x(tick), height + 16, formatTick(tick), "small muted middle"));
  return `${labels.join("")}${richText(width / 2, height + 33, `tokens ${italic("n")}`, "muted middle")}`;
}

function yLabels({ y, yTicks, height }: Axes): string {
  const labels = yTicks.map((tick) => text(-7, y(tick) + 3.5, formatTick(tick), "small muted end"));
  return `${labels.join("")}${text(-44, height / 2, "σ", "muted middle italic")}`;
}

function italic(letter: string): string {
  return element("tspan", { class: "italic" }, letter);
}

/** σ ≈ 0.33 n^0.57, exponent in [0.41, 0.72]. */
function fitInWords(fit: LayerFit, narrow: boolean, width: number): string {
  const exponent = element("tspan", { dy: -4, "font-size": "9px" }, escapeText(formatFixed(fit.exponent, 2)));
  const [low, high] = fit.interval.map((end) => formatFixed(end, 2));
  if (narrow) return richText(width, -10, `∝ ${italic("n")}${exponent}`, "small muted end");
  const interval = element(
    "tspan",
    { dy: 4, dx: 10 },
    escapeText(`${width < 250 ? "" : "exponent in "}[${low}, ${high}]`),
  );
  return richText(
    0,
    -8,
    `${italic("σ")} ≈ ${formatShort(fit.constant)} ${italic("n")}${exponent}${interval}`,
    "small muted",
  );
}

/**
 * The fitted line and its pointwise 95 % band: in logarithms, the line's value at x is off by at most
 * t·s·√(1/N + (x − x̄)²/S), where the exponent's interval has the half-width h = t·s/√S; so h·√(S/N + (x − x̄)²).
 */
function fitWithBand({ x, y, height }: Axes, rows: MeasuredRow[], fit: LayerFit): string {
  const logs = rows.filter(({ sigma }) => sigma > 0).map(({ n }) => Math.log(n));
  const mean = logs.reduce((sum, log) => sum + log, 0) / logs.length;
  const spread = logs.reduce((sum, log) => sum + (log - mean) ** 2, 0);
  const half = (fit.interval[1] - fit.interval[0]) / 2;
  const [first, last] = logs.reduce(
    ([low, high], log) => [Math.min(low, log), Math.max(high, log)],
    [logs[0], logs[0]],
  );
  if (!(last > first)) return "";
  const steps = 32;
  const curve = Array.from({ length: steps + 1 }, (_, at) => {
    const log = first + ((last - first) * at) / steps;
    const middle = Math.log(fit.constant) + fit.exponent * log;
    const off = half * Math.sqrt(spread / logs.length + (log - mean) ** 2);
    return { x: x(Math.exp(log)), low: place(middle - off), middle: place(middle), high: place(middle + off) };
  });
  const band = area<(typeof curve)[number]>(
    (at) => at.x,
    (at) => at.low,
    (at) => at.high,
  ).digits(2);
  const path = line<(typeof curve)[number]>(
    (at) => at.x,
    (at) => at.middle,
  ).digits(2);
  return (
    element("path", { class: "band", d: band(curve)! }) +
    element("path", { class: "fit", d: path([curve[0], curve[steps]])! })
  );

  function place(log: number): number {
    const at = y(Math.exp(Math.min(700, Math.max(-700, log))));
    // A made-up fit can be infinite in both directions at once.
    return Number.isNaN(at) ? height : Math.min(height, Math.max(0, at));
  }
}

function mark({ x, y, height }: Axes, row: MeasuredRow, aside: number, bins: RadiusBins): string {
  const at = x(row.n) + aside;
  const tip = element("title", {}, escapeText(tipOf(row)));
  const colour = bins.classOf(row.radius);
  if (row.sigma === 0) {
    const d = `M${hundredths(at - 4)} ${hundredths(height - 7)}h8l-4 7z`;
    return element("g", {}, tip, element("path", { class: `point ${colour}`, d }));
  }
  const place = (value: number) => (value > 0 ? Math.min(height, Math.max(0, y(value))) : height);
  const d = `M${hundredths(at)} ${hundredths(place(row.upper))}V${hundredths(place(row.lower))}`;
  return element(
    "g",
    {},
    tip,
    element("path", { class: `whisker ${colour}`, d }),
    element("circle", { class: `point ${colour}`, cx: at, cy: place(row.sigma), r: 3.4 }),
  );
}

function tipOf(row: MeasuredRow): string {
  const { n, sample, sigma, lower, upper, radius, status } = row;
  const measured = `σ ${formatNumber(sigma)} ${formatBracket(lower, upper)}, ${status}`;
  return `${partOf(row)}, n ${n}, window ${sample}: ${measured}${radius === null ? "" : `, token radius ${formatNumber(radius)}`}`;
}
